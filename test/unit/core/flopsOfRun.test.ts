import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlopsOfRun, meanSampleLengths } from '../../../src/core/flopsOfRun.ts';
import { trainingFlops } from '../../../src/core/parameterCounts.ts';
import { parseRunFile } from '../../../src/core/parseRunFile.ts';
import { resolveRunFile } from '../../../src/core/resolveRunFile.ts';
import { shortestPart } from '../../../src/core/shortestPart.ts';
import { recordedRun } from '../../support/recordedRun.ts';

const close = (actual: number, expected: number, share: number, what: string): void =>
  assert.ok(Math.abs(actual / expected - 1) <= share, `${what}: ${actual}, not ${expected}`);

test('worked by hand: one layer, fixed samples of 8 tokens', () => {
  const file = resolveRunFile(
    parseRunFile({
      model: { hiddenSize: 4, layers: 1, heads: 1, intermediateSize: 6, vocabSize: 300 },
      data: { source: 'world', packing: { length: 8, sizes: 'fixed' } },
      phases: [
        { objective: 'clm', until: 10 },
        { objective: 'mlm', until: 40, maskRatio: 0.5 },
      ],
    }),
  );
  const flops = new FlopsOfRun(file);
  // Weights of the matrices: q, k, v, o of 4 × 4 and three of 4 × 6. Per sample, forward: 2 a weight and token; head
  // 2 · 4 · 300 a loss position; two products of 2 · 4 a pair. Backward is twice forward.
  const matrices = 3 * 2 * 8 * (4 * 16 + 3 * 24);
  const clm = (matrices + 3 * 2 * 4 * 300 * 7 + 3 * 2 * 2 * 4 * 36) / 8;
  const mlm = (matrices + 3 * 2 * 4 * 300 * 4 + 3 * 2 * 2 * 4 * 64) / 8;
  close(flops.perToken(10), clm, 1e-12, 'clm');
  close(flops.perToken(), (10 * clm + 30 * mlm) / 40, 1e-12, 'both');
  close(flops.at(20, 20 * 64), 640 * clm + 640 * mlm, 1e-12, 'after 20 updates of 64 tokens');
  assert.equal(flops.at(0, 0), 0);
  close(flops.perToken(80), (10 * clm + 70 * mlm) / 80, 1e-12, 'beyond the end');
});

test('the two lengths of a cut block give the mean of attention over all its cuts', () => {
  const config = resolveRunFile(
    parseRunFile({ model: 'mini', data: { source: 'world' }, phases: [{ objective: 'mlm', until: 9 }] }),
  ).model;
  for (const length of [8, 32, 256])
    for (const causal of [false, true]) {
      const flops = (sampleLengths: number[]): number =>
        trainingFlops(config, { tokens: length, lossPositions: 0, sampleLengths, causal });
      const cuts = Array.from({ length: length + 1 }, (_, cut) => cut).filter(
        (cut) => cut >= shortestPart(length) && length - cut >= shortestPart(length),
      );
      const mean = cuts.reduce((sum, cut) => sum + flops([cut, length - cut]), 0) / cuts.length;
      close(
        flops(meanSampleLengths({ length, sizes: 'random', documentAttention: false })),
        mean,
        1e-12,
        `${length}`,
      );
    }
});

const setups: [name: string, phases: object[]][] = [
  ['clm', [{ objective: 'clm', until: 60 }]],
  ['mlm', [{ objective: 'mlm', until: 60 }]],
  [
    'clm, then mlm that falls',
    [
      { objective: 'clm', until: 20 },
      { objective: 'mlm', until: 60, maskRatio: [0.8, 0.2] },
    ],
  ],
  ['mixed', [{ objective: 'mixed', until: 60, share: { clm: 0.25, mlm: 0.75 } }]],
];
for (const [name, phases] of setups)
  test(`what the trainer really computes is what is said of it: ${name}`, async () => {
    const { file, passes, lines } = await recordedRun({ phases });
    for (const until of [30, 60]) {
      const done = passes
        .filter(({ step }) => step < until)
        .reduce((sum, { batch }) => {
          const ends = [...batch.cumulativeLengths];
          return (
            sum +
            trainingFlops(file.model, {
              tokens: batch.inputIds.length,
              lossPositions: batch.lossRows.length,
              sampleLengths: ends.slice(1).map((end, i) => end - ends[i]!),
              causal: batch.causal,
            })
          );
        }, 0);
      const { tokens } = lines.find(({ step }) => step === until)!;
      close(new FlopsOfRun(file).at(until, tokens), done, 0.03, `step ${until}`);
    }
  });
