import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOfPhase } from '../../../webview/curves/panels.ts';
import { branchMarks, phaseMarks, resumeMarks } from '../../../webview/curves/phaseMarks.ts';
import { fakeRun } from '../../browser/pages/fakeRuns.ts';

const phases = [
  { objective: 'clm', until: 1000 },
  { objective: 'mlm', until: 4200 },
];

test('a run has marks as far as it has come', () => {
  const at = (step: number): string[] =>
    phaseMarks([fakeRun(1, 'a', { phases, decayStart: 3800, step })]).map(({ label }) => label);
  assert.deepEqual(at(999), []);
  assert.deepEqual(at(1000), ['clm → mlm']);
  assert.deepEqual(at(4200), ['clm → mlm', 'decay']);
});

test('a run is marked where others on show went on from its checkpoints', () => {
  const trunk = fakeRun(1, 'trunk');
  const from = (index: number, step: number) =>
    fakeRun(index, `b${index}`, { parent: `${trunk.run}@${step}` });
  const stranger = fakeRun(9, 'c', { parent: '20250101-00000077@50' });
  assert.deepEqual(
    branchMarks([trunk, from(2, 500), from(3, 1000), stranger]).map(({ run, name, step, label }) => [
      ...[run, name, step, label],
    ]),
    [
      [trunk.run, 'trunk', 500, 'branch'],
      [trunk.run, 'trunk', 1000, 'branch'],
    ],
  );
  assert.deepEqual(branchMarks([from(2, 500)]), []);
});

test('a run that went on has a mark at the first point of each later segment, of what is shown', () => {
  const points = (segments: Record<number, number>) =>
    Object.entries(segments).map(([step, segment]) => ({
      ...{ step: Number(step), x: Number(step), segment, y: 2, smooth: null },
    }));
  const at = (segments: Record<number, number>): number[] =>
    resumeMarks('a', 'name', points(segments)).map(({ step }) => step);
  assert.deepEqual(at({}), []);
  assert.deepEqual(at({ 10: 0, 20: 0, 30: 0 }), []);
  assert.deepEqual(at({ 10: 0, 20: 1, 30: 1, 40: 4 }), [20, 40], 'a segment without points has none');
  assert.deepEqual(at({ 10: 3, 20: 3 }), [], 'nothing of the segments before it is shown');
  assert.deepEqual(resumeMarks('a', 'name', points({ 10: 0, 20: 1 })), [
    { run: 'a', name: 'name', step: 20, label: 'resumed' },
  ]);
});

test('a validation is drawn beside the training loss of its own objective alone', () => {
  const clm = 'validation/loss/clm';
  assert.deepEqual(
    [0, 1000, 1001, 4200, 5000].map((step) => isOfPhase(clm, phases, step)),
    [true, true, false, false, false],
  );
  assert.equal(isOfPhase('validation/loss/mlm', phases, 4200), true);
  assert.equal(isOfPhase(clm, [{ objective: 'mixed', until: 10 }], 5), true);
  assert.equal(isOfPhase(clm, [], 5), true);
});
