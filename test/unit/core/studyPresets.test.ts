import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRunFile } from '../../../src/core/parseRunFile.ts';
import { totalSteps } from '../../../src/core/phases.ts';
import { resolveRunFile } from '../../../src/core/resolveRunFile.ts';
import { plannedTokens } from '../../../src/core/runNames.ts';
import { learningRateAt } from '../../../src/core/schedule.ts';
import {
  presetRunFile,
  type StudyPreset,
  studyPreset,
  studyPresets,
} from '../../../src/core/studyPresets.ts';

const family = (name: string) => studyPresets.filter(({ id }) => id.startsWith(`${name}/`));
const isRun = ({ name, run }: StudyPreset): boolean => name === run;

/** The preset's file with its defaults; a run that continues another starts from its last checkpoint. */
function resolved(preset: StudyPreset, named = true) {
  const parent =
    preset.parent === null
      ? undefined
      : family(preset.id.split('/')[0]).find((p) => p.name === preset.parent);
  const file = presetRunFile(preset, parent ? { checkpoint: 'somewhere' } : {});
  const context = parent
    ? { parent: { name: parent.name, steps: parent.step, step: parent.step, decayed: true } }
    : {};
  const { name, ...unnamed } = file;
  return resolveRunFile(parseRunFile(named ? file : unnamed), context);
}

test('the paper has 38 runs and 12 checkpoints on the way, and so has its small counterpart', () => {
  for (const name of ['paper', 'micro']) {
    assert.equal(family(name).filter(isRun).length, 38);
    assert.equal(family(name).filter((preset) => !isRun(preset)).length, 12);
  }
  assert.equal(new Set(studyPresets.map(({ id }) => id)).size, 100);
});

test('names of the paper are there', () => {
  const names = [
    ...['210m-mlm20-42k', '1b-clm-42k', '610m-mlm50-42k', '610m-clm-12k', '610m-mlm40-22k'],
    ...[
      '610m-clm-3k-mlm40-12k',
      '610m-clm-17k-mlm40-22k',
      '610m-clm-10k-mlm40-42k',
      '610m-clm-40k-mlm20-42k',
    ],
    ...['610m-clm-dec42k-mlm40-44k', '610m-mlm40-dec42k-mlm40-54k', '610m-clm-dec42k-mlm40-64k'],
    ...['610m-mlm40-42k-5000', '610m-clm-42k-40000'],
  ];
  for (const name of names) assert.equal(studyPreset(`paper/${name}`).name, name);
  assert.equal(studyPreset('micro/micro-clm-100-mlm40-420').step, 420);
  assert.throws(
    () => studyPreset('paper/610m-clm-10k-mlm40-41k'),
    /Did you mean "paper\/610m-clm-10k-mlm40-42k"\?/,
  );
});

test('every preset is a valid run file whose own name is the one that it was asked by', () => {
  for (const preset of studyPresets) {
    assert.equal(resolved(preset).name, preset.run);
    assert.equal(resolved(preset, false).name, preset.run);
    assert.equal(preset.name, isRun(preset) ? preset.run : `${preset.run}-${preset.step}`);
  }
});

test('a run at the paper’s size has its tokens, batch, rates and shape', () => {
  const file = resolved(studyPreset('paper/610m-clm-10k-mlm40-42k'));
  assert.equal(file.batch.samples, 12 * 192);
  assert.equal(plannedTokens(file.phases, file.batch.samples, file.data.packing), 42_000 * 2_359_296);
  const rate = (step: number): number => learningRateAt(file.schedule, step, totalSteps(file.phases));
  assert.equal(rate(0), 5e-4 / 2000);
  for (const step of [1999, 10_000, 39_999]) assert.equal(rate(step), 5e-4);
  assert.ok(Math.abs(rate(40_999) - 2.5e-4) < 1e-18);
  assert.equal(rate(41_999), 0);
  assert.deepEqual(file.optimizer, {
    betas: [0.9, 0.95],
    eps: 1e-5,
    weightDecay: 0.1,
    decay: 'all',
    clip: 1,
  });
});

test('every branch of the study leaves its trunk at a checkpoint that is kept and has not decayed', () => {
  for (const name of ['paper', 'micro']) {
    const presets = family(name);
    const main = presets.find(({ parent }) => parent !== null)?.model;
    const trunk = (objective: string) =>
      presets.find(
        (p) => isRun(p) && p.model === main && p.keepAt.length > 0 && p.phases[0].objective === objective,
      )!;
    const { decay } = resolved(trunk('clm')).schedule;
    const stable = totalSteps(trunk('clm').phases) - decay;
    for (const preset of presets.filter((p) => isRun(p) && p.model === main && p.parent === null)) {
      const [first, second] = preset.phases;
      const leaves = second ? first.until : first.until - decay;
      if (second) assert.ok(trunk('clm').keepAt.includes(leaves), `${preset.name} at ${leaves}`);
      if (first.objective === 'clm' || (first.maskRatio === 0.4 && !second))
        assert.ok(trunk(first.objective).keepAt.includes(leaves) && leaves <= stable, preset.name);
    }
  }
});

test('a preset can start from a checkpoint: a branch goes on, continued pretraining needs one and starts anew', () => {
  const branch = presetRunFile(studyPreset('paper/610m-clm-12k'), { checkpoint: 'trunk', source: 'world' });
  assert.deepEqual(branch.from, { checkpoint: 'trunk', schedule: 'continue' });
  assert.equal(branch.data.source, 'world');
  const continued = studyPreset('paper/610m-clm-dec42k-mlm40-44k');
  assert.throws(() => presetRunFile(continued), /continues 610m-clm-42k: give the last checkpoint/);
  assert.equal(presetRunFile(continued, { checkpoint: 'end' }).from?.schedule, 'restart');
});
