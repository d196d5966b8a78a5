import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maskRatioAt } from '../../../src/core/phases.ts';
import { type Sample, SamplePacker } from '../../../src/trainer/data/packing.ts';
import { Masker } from '../../../src/trainer/objectives/masking.ts';
import {
  maskToken,
  type RecordedRun,
  recordedRun,
  tinyCorpus,
  tinyTokens,
} from '../../support/recordedRun.ts';
import { assertNear } from '../../support/relativeError.ts';

// Each kind of pretraining as data: a few updates of a tiny model, and what the model was asked to compute.

function passesOf(run: RecordedRun, step: number) {
  return run.passes.filter((pass) => pass.step === step);
}

/** The samples of an update as the packer gives them, anew. */
function samplesOf(run: RecordedRun, step: number): Sample[] {
  const packer = new SamplePacker(tinyCorpus(5000), run.file.data.packing, run.file.seed, { shuffle: true });
  const { samples } = run.file.batch;
  return Array.from({ length: samples }, (_, i) => packer.sample(step * samples + i));
}

/** Every position but the last of each sample predicts the next, and all see to the left only. */
function assertCausal(run: RecordedRun, step: number): void {
  const samples = samplesOf(run, step);
  const passes = passesOf(run, step);
  assert.ok(passes.every(({ batch }) => batch.causal));
  const pairs = passes.flatMap(({ batch }) =>
    [...batch.lossRows].map((row, i) => [batch.inputIds[row], batch.targets[i]]),
  );
  assert.deepEqual(
    pairs,
    samples.flatMap(({ ids }) => [...ids.subarray(0, -1)].map((id, i) => [id, ids[i + 1]])),
  );
}

/** The tokens chosen at a ratio are masked and predicted, and all see both ways. */
function assertMasked(run: RecordedRun, step: number, ratio: number): void {
  const masker = new Masker(run.file.seed, tinyTokens);
  const masked = samplesOf(run, step).map((s) => masker.mask(s, ratio, { mask: 1, random: 0, keep: 0 }));
  const passes = passesOf(run, step);
  assert.ok(passes.every(({ batch }) => !batch.causal));
  assert.deepEqual(
    passes.flatMap(({ batch }) => [...batch.inputIds]),
    masked.flatMap(({ ids }) => [...ids]),
  );
  assert.deepEqual(
    passes.flatMap(({ batch }) => [...batch.targets]),
    masked.flatMap(({ targets }) => targets),
  );
  for (const { batch } of passes)
    for (const row of batch.lossRows) assert.equal(batch.inputIds[row], maskToken);
}

test('CLM then MLM: the mask and the targets change at the step, the optimizer goes on', async () => {
  const run = await recordedRun({
    phases: [
      { objective: 'clm', until: 2 },
      { objective: 'mlm', maskRatio: 0.3, until: 4 },
    ],
  });
  for (const step of [0, 1]) assertCausal(run, step);
  for (const step of [2, 3]) assertMasked(run, step, 0.3);
  assert.deepEqual(
    run.updates.map(({ step, momentsZero }) => [step, momentsZero]),
    [
      [0, true],
      [1, false],
      [2, false],
      [3, false],
    ],
  );
  // One average over the loss positions of all passes of an update.
  for (const step of [0, 1, 2, 3]) {
    const positions = passesOf(run, step).reduce((sum, { batch }) => sum + batch.lossRows.length, 0);
    for (const pass of passesOf(run, step)) assert.equal(pass.gradientScale, 1 / positions);
  }
});

test('an update is the same in passes of any size, for each objective', async () => {
  const phases = [
    { objective: 'clm', until: 2 },
    { objective: 'mixed', share: { clm: 0.5, mlm: 0.5 }, until: 4 },
    { objective: 'mlm', until: 6 },
  ];
  const [whole, ...cut] = await Promise.all(
    [8, 3, 1].map((microBatch) => recordedRun({ phases }, undefined, microBatch)),
  );
  for (const other of cut) {
    assert.ok(other.passes.length > whole.passes.length);
    for (const [name, weights] of whole.weights)
      assertNear(`${name} after six updates`, other.weights.get(name)!, weights, 1e-6);
    other.lines.forEach(({ metrics }, i) => {
      for (const name of ['loss', 'gradNorm'] as const)
        assertNear(name, [Number(metrics[name] ?? 0)], [Number(whole.lines[i].metrics[name] ?? 0)], 1e-6);
    });
  }
});

test('with loss.average: microbatch an update is the mean of the means of its passes', async () => {
  const run = await recordedRun({
    phases: [{ objective: 'mlm', until: 1 }],
    loss: { average: 'microbatch' },
  });
  assert.equal(run.passes.length, 3);
  for (const { batch, gradientScale } of run.passes)
    assert.equal(gradientScale, 1 / batch.lossRows.length / 3);
});

test('with optimizer: fresh a phase begins with moments of zero, and only it', async () => {
  const run = await recordedRun({
    phases: [
      { objective: 'clm', until: 2 },
      { objective: 'mlm', until: 4, optimizer: 'fresh' },
    ],
  });
  assert.deepEqual(
    run.updates.map(({ step, momentsZero }) => [step, momentsZero]),
    [
      [0, true],
      [1, false],
      [0, true],
      [1, false],
    ],
  );
  assert.deepEqual(
    run.events.map(({ step, type }) => `${step} ${type}`),
    ['0 phase', '2 phase', '2 optimizer'],
  );
});

test('a detour MLM, CLM, MLM is three phases', async () => {
  const run = await recordedRun({
    phases: [
      { objective: 'mlm', until: 1 },
      { objective: 'clm', until: 2 },
      { objective: 'mlm', maskRatio: 0.2, until: 3 },
    ],
  });
  assertMasked(run, 0, 0.4);
  assertCausal(run, 1);
  assertMasked(run, 2, 0.2);
});

test('a falling mask ratio chooses fewer tokens with every step, down to its end', async () => {
  const run = await recordedRun({
    // Whole passes of three samples: one in which nothing is chosen would not be computed.
    batch: { samples: 12 },
    phases: [
      { objective: 'mlm', maskRatio: [0.5, 0.2], until: 4 },
      { objective: 'mlm', maskRatio: 0.15, until: 5 },
    ],
  });
  const ratios = [0.5, 0.4, 0.3, 0.2, 0.15];
  for (const [step, ratio] of ratios.entries()) {
    assert.ok(Math.abs(maskRatioAt(run.file.phases, step) - ratio) < 1e-12);
    assertMasked(run, step, maskRatioAt(run.file.phases, step));
  }
});

test('mixed: each objective has its share of the samples, of every batch or over several', async () => {
  for (const clm of [0.5, 0.25, 0.1]) {
    const steps = 5;
    const run = await recordedRun({
      batch: { samples: 4 },
      phases: [{ objective: 'mixed', share: { clm, mlm: 1 - clm }, maskRatio: 0.3, until: steps }],
    });
    const counts = Array.from({ length: steps }, (_, step) => {
      const count = (causal: boolean): number =>
        passesOf(run, step)
          .filter(({ batch }) => batch.causal === causal)
          .reduce((sum, { batch }) => sum + batch.cumulativeLengths.length - 1, 0);
      assert.equal(count(true) + count(false), 4);
      return count(true);
    });
    assert.equal(
      counts.reduce((a, b) => a + b, 0),
      Math.round(4 * steps * clm),
      `${counts}`,
    );
    if (clm >= 0.25) assert.deepEqual(counts, new Array(steps).fill(4 * clm));
    const names = Object.keys(run.lines.at(-1)!.metrics);
    if (counts.at(-1)! > 0) assert.ok(names.includes('loss/clm') && names.includes('loss/mlm'), `${names}`);
  }
});

test('80/10/10: of the chosen tokens some become random ordinary ones and some stay; all are predicted', async () => {
  for (const objective of ['mlm', 'mixed'])
    for (const seed of [0, 1]) {
      const run = await recordedRun({
        batch: { samples: 16 },
        phases: [
          {
            ...{ objective, until: 4, replacement: { mask: 0.8, random: 0.1, keep: 0.1 } },
            ...(objective === 'mixed' ? { share: { clm: 0, mlm: 1 } } : {}),
          },
        ],
        seed,
      });
      const fates = { mask: 0, random: 0, keep: 0 };
      for (const { batch } of run.passes)
        batch.lossRows.forEach((row, i) => {
          const [id, target] = [batch.inputIds[row]!, batch.targets[i]!];
          assert.ok(!tinyTokens.special.has(target), `${target} was chosen`);
          if (id === maskToken) fates.mask++;
          else if (id === target) fates.keep++;
          else {
            assert.ok(!tinyTokens.special.has(id), `${id} was put in`);
            fates.random++;
          }
        });
      const total = fates.mask + fates.random + fates.keep;
      // A random token is the one that was there once in 57 times, which counts as kept.
      const expected = { mask: 0.8, random: 0.1 * (56 / 57), keep: 0.1 + 0.1 / 57 };
      for (const [fate, p] of Object.entries(expected))
        assert.ok(
          Math.abs(fates[fate as keyof typeof fates] - total * p) < 5 * Math.sqrt(total * p * (1 - p)),
          `${JSON.stringify(fates)} of ${total}`,
        );
    }
});

test('every run is validated on the same tokens for CLM and MLM at 40 %, and at ratios of its own', async () => {
  const clm = await recordedRun({ phases: [{ objective: 'clm', until: 1 }], seed: 3 });
  const falling = await recordedRun({
    phases: [
      { objective: 'mlm', maskRatio: [0.5, 0.4], until: 1 },
      { objective: 'mlm', maskRatio: 0.2, until: 2 },
    ],
    validate: { every: 2 },
  });
  const names = (run: RecordedRun): string[] =>
    Object.keys(run.lines[0].metrics).filter((name) => name.startsWith('validation/'));
  assert.deepEqual(names(clm), ['validation/loss/clm', 'validation/loss/mlm']);
  assert.deepEqual(names(falling), [
    'validation/loss/clm',
    'validation/loss/mlm',
    'validation/loss/mlm50',
    'validation/loss/mlm20',
  ]);
  // Before the first update, after the first and at the end: the same batches each time, whatever the run.
  assert.deepEqual(
    falling.lines.map(({ step, metrics }) => [step, 'validation/loss/mlm50' in metrics]),
    [
      [0, true],
      [1, false],
      [2, true],
    ],
  );
  const half = clm.evaluations.length / 2;
  assert.deepEqual(clm.evaluations.slice(0, half), clm.evaluations.slice(half));
  assert.deepEqual(falling.evaluations.slice(0, half), clm.evaluations.slice(0, half));
});
