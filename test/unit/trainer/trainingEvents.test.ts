import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BiphaseError } from '../../../src/core/errors.ts';
import { outlierWindow } from '../../../src/core/outliers.ts';
import type { PretrainingModel } from '../../../src/trainer/model/pretrainingModel.ts';
import { recordedRun } from '../../support/recordedRun.ts';

/** A model that computes nothing: its mean loss and gradient norm at the n-th update (from 0) are given. */
function scripted(loss: (update: number) => number, norm: (update: number) => number) {
  let update = 0;
  return (model: PretrainingModel): PretrainingModel =>
    Object.assign(Object.create(model) as PretrainingModel, {
      forwardBackward: async (batch: { lossRows: Int32Array }) => ({
        lossSum: loss(update) * batch.lossRows.length,
        lossPositions: batch.lossRows.length,
      }),
      evaluate: async () => ({ lossSum: 1, lossPositions: 1 }),
      adamW: async ({ normOnly }: { normOnly?: boolean }) => {
        const gradNorm = norm(update++);
        return { gradNorm, updated: normOnly !== true && Number.isFinite(gradNorm) };
      },
    });
}

const wave = (update: number): number => 1 + 0.1 * Math.sin(update);
const rare = { validate: { every: 1000 }, batch: { samples: 1 } };

test('a loss or gradient norm far above those before it is an event, a fall or a switch of objectives is none', async () => {
  const [norms, spike, falls, change] = [outlierWindow + 5, outlierWindow + 10, outlierWindow + 20, 300];
  const run = await recordedRun(
    {
      ...rare,
      phases: [
        { objective: 'clm', until: change },
        { objective: 'mlm', until: 400 },
      ],
    },
    scripted(
      (n) => (n === spike ? 5 : n === falls ? -5 : wave(n) + (n >= change ? 50 : 0)),
      (n) => (n === norms ? 9 : wave(n)),
    ),
  );
  const outliers = run.events.filter(({ type }) => type === 'outlier');
  assert.deepEqual(
    outliers.map(({ step, message }) => [step, message?.split(' ')[0]]),
    [
      [norms + 1, 'gradNorm'],
      [spike + 1, 'loss'],
    ],
  );
  assert.match(
    outliers[1].message ?? '',
    /^loss is 5, [\d.]+ standard deviations above the 128 steps before\.$/,
  );
});

for (const bad of [Number.NaN, Number.POSITIVE_INFINITY])
  for (const what of ['loss', 'gradNorm'] as const) {
    const script = () =>
      scripted(
        (n) => (what === 'loss' && n === 2 ? bad : 1),
        (n) => (what === 'gradNorm' && n === 2 ? bad : 1),
      );
    const phases = [{ objective: 'clm', until: 5 }];

    test(`${what} ${bad}: stop ends the run with its line written and the update not made`, async () => {
      const run = await recordedRun({ ...rare, phases }, script());
      assert.ok(run.error instanceof BiphaseError);
      assert.match(run.error.message, /not finite at step 3/);
      assert.deepEqual(
        run.lines.map(({ step }) => step),
        [0, 1, 2, 3],
      );
      assert.equal(run.lines[3].metrics[what], String(bad));
      assert.deepEqual(
        run.events.map(({ step, type }) => `${step} ${type}`),
        ['0 phase', '3 nonFinite'],
      );
    });

    test(`${what} ${bad}: skip leaves the update out and goes on`, async () => {
      const run = await recordedRun({ ...rare, phases, nonFinite: 'skip' }, script());
      assert.equal(run.error, undefined);
      assert.equal(run.lines.at(-1)?.step, 5);
      assert.equal(run.lines[3].metrics[what], String(bad));
      // An update that was not made does not count for the bias correction.
      assert.deepEqual(
        run.updates.map(({ step }) => step),
        [0, 1, 2, 2, 3],
      );
      assert.deepEqual(
        run.updates.map(({ normOnly }) => normOnly),
        [0, 1, 2, 3, 4].map((n) => what === 'loss' && n === 2),
      );
      assert.deepEqual(
        run.events.map(({ step, type }) => `${step} ${type}`),
        ['0 phase', '3 nonFinite'],
      );
    });
  }

test('each line has the loss of each objective, rate, norm, tokens, speed and memory', async () => {
  const run = await recordedRun({ phases: [{ objective: 'clm', until: 2 }] });
  const [, line] = run.lines;
  const names = ['loss', 'loss/clm', 'gradNorm', 'learningRate', 'tokensPerSecond', 'memory'];
  assert.deepEqual(Object.keys(line.metrics).slice(0, names.length), names);
  assert.equal(line.metrics.learningRate, 1e-2);
  assert.equal(
    line.tokens,
    run.passes.filter(({ step }) => step === 0).reduce((n, p) => n + p.batch.inputIds.length, 0),
  );
  assert.ok(Math.abs(Number(line.metrics.loss) - Number(line.metrics['loss/clm'])) < 1e-9);
});
