import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BiphaseError } from '../../../src/core/errors.ts';
import { openPretrainingModel } from '../../../src/trainer/model/openModel.ts';
import type { PackedBatch, PretrainingModel } from '../../../src/trainer/model/pretrainingModel.ts';
import { Masker } from '../../../src/trainer/objectives/masking.ts';
import { clmBatch } from '../../../src/trainer/objectives/microBatches.ts';
import { availableEngines } from '../../support/engines.ts';
import { oddConfig, packedBatch } from '../../support/models.ts';
import { relativeError } from '../../support/relativeError.ts';

const limits = { tokens: 260, length: 130, samples: 8, lossPositions: 260 };
const engines = availableEngines();

async function withModel(
  engine: (typeof engines)[number],
  use: (model: PretrainingModel) => Promise<void>,
): Promise<void> {
  const model = await openPretrainingModel({ config: oddConfig, limits, engine, threads: 2 });
  try {
    await model.initialize(9);
    model.zeroGradients();
    await use(model);
  } finally {
    await model.close();
  }
}

/** Each sample of a batch as a batch of its own. */
function separate(batch: PackedBatch): PackedBatch[] {
  return [...batch.cumulativeLengths.subarray(1)].map((end, sample) => {
    const start = batch.cumulativeLengths[sample]!;
    const inside = [...batch.lossRows.keys()].filter(
      (i) => batch.lossRows[i]! >= start && batch.lossRows[i]! < end,
    );
    return {
      inputIds: batch.inputIds.slice(start, end),
      cumulativeLengths: Int32Array.of(0, end - start),
      causal: batch.causal,
      lossRows: Int32Array.from(inside, (i) => batch.lossRows[i]! - start),
      targets: Int32Array.from(inside, (i) => batch.targets[i]!),
    };
  });
}

async function gradients(model: PretrainingModel): Promise<Map<string, Float32Array>> {
  const read = new Map<string, Float32Array>();
  for (const { name } of model.parameters) read.set(name, await model.read(name, 'gradient'));
  return read;
}

for (const engine of engines)
  for (const causal of [true, false])
    test(`${causal ? 'CLM' : 'MLM'} on ${engine}: samples packed together are what they are alone`, () =>
      withModel(engine, async (model) => {
        const lengths = engine === 'reference' ? [17, 1, 9, 0, 5] : [17, 1, 65, 0, 130, 5];
        const batch = packedBatch(lengths, oddConfig.vocabSize, causal);
        const parts = separate(batch);

        const packed = await model.forwardBackward(batch, 0.5);
        const packedGradients = await gradients(model);
        model.zeroGradients();
        let lossSum = 0;
        const logits: number[] = [];
        for (const part of parts) {
          const alone = await model.forwardBackward(part, 0.5);
          lossSum += alone.lossSum;
          const evaluated = await model.evaluate(part);
          assert.ok(Math.abs(evaluated.lossSum - alone.lossSum) <= 1e-6 * alone.lossSum);
          logits.push(...(await model.logits(part)));
        }
        assert.ok(relativeError([lossSum], [packed.lossSum]) <= 1e-6, `${lossSum}, ${packed.lossSum}`);
        assert.ok(relativeError([(await model.evaluate(batch)).lossSum], [lossSum]) <= 1e-6);
        assert.ok(relativeError(logits, await model.logits(batch)) <= 1e-6);
        for (const [name, gradient] of await gradients(model)) {
          const error = relativeError(gradient, packedGradients.get(name)!);
          assert.ok(error <= 2e-6, `gradient of ${name}: ${error}`);
        }
      }));

test('a token of another sample, or one to the right in CLM, changes no logit', () =>
  withModel('wasm', async (model) => {
    for (const causal of [true, false]) {
      const batch = packedBatch([17, 65, 5], oddConfig.vocabSize, causal);
      const rows = { ...batch, lossRows: Int32Array.of(16, 17, 60, 86), targets: new Int32Array(4) };
      const before = await model.logits(rows);
      // Row 70 lies in the second sample, right of rows 17 and 60.
      const inputIds = rows.inputIds.slice();
      inputIds[70] = (inputIds[70]! + 1) % oddConfig.vocabSize;
      const after = await model.logits({ ...rows, inputIds });
      const changed = [0, 1, 2, 3].filter((row) => {
        const cut = (logits: Float32Array): Float32Array =>
          logits.subarray(row * oddConfig.vocabSize, (row + 1) * oddConfig.vocabSize);
        return cut(before).some((logit, i) => logit !== cut(after)[i]);
      });
      assert.deepEqual(changed, causal ? [] : [1, 2]);
    }
  }));

test('a sample of one token has no CLM target', () => {
  const masker = new Masker(1, { mask: 2, special: new Set([0, 1, 2]), size: oddConfig.vocabSize });
  const rules = { microBatch: 8, documentAttention: false, eos: 1, masker };
  const sample = (ids: number[], part: number) => ({ ids: Int32Array.from(ids), block: 0, part, epoch: 0 });
  const alone = clmBatch([sample([7], 0)], rules);
  assert.deepEqual([alone.lossRows.length, alone.targets.length], [0, 0]);
  const amid = clmBatch([sample([7, 8], 0), sample([9], 1), sample([10, 11], 2)], rules);
  assert.deepEqual([...amid.lossRows], [0, 3]);
  assert.deepEqual([...amid.targets], [8, 11]);
});

for (const engine of engines)
  test(`${engine}: a batch without loss positions has loss 0, no gradient and no NaN`, () =>
    withModel(engine, async (model) => {
      const none = new Int32Array(0);
      const silent = { ...packedBatch([1, 4], oddConfig.vocabSize, true), lossRows: none, targets: none };
      const empty = { ...silent, inputIds: none, cumulativeLengths: Int32Array.of(0) };
      for (const batch of [silent, empty]) {
        assert.deepEqual(await model.forwardBackward(batch, 1), { lossSum: 0, lossPositions: 0 });
        assert.deepEqual(await model.evaluate(batch), { lossSum: 0, lossPositions: 0 });
        assert.equal((await model.logits(batch)).length, 0);
      }
      for (const [name, gradient] of await gradients(model))
        assert.ok(
          gradient.every((g) => g === 0),
          name,
        );
      const { gradNorm, updated } = await model.adamW({
        learningRate: 1e-2,
        betas: [0.9, 0.95],
        eps: 1e-5,
        weightDecay: 0,
        decay: 'all',
        clip: 1,
        step: 0,
        skipNonFinite: true,
      });
      assert.deepEqual([gradNorm, updated], [0, true]);
      for (const { name } of model.parameters)
        assert.ok((await model.read(name, 'weight')).every(Number.isFinite), name);
    }));

test('what memory is not planned for, or points outside, is refused before anything is computed', () =>
  withModel('wasm', async (model) => {
    const good = packedBatch([5, 6], oddConfig.vocabSize, false);
    const none = new Int32Array(0);
    const bad: Record<string, PackedBatch> = {
      'too many tokens': packedBatch([130, 130, 1], oddConfig.vocabSize, false),
      'too long a sample': packedBatch([131], oddConfig.vocabSize, false),
      'too many samples': packedBatch(new Array<number>(9).fill(1), oddConfig.vocabSize, false),
      'an id past the vocabulary': { ...good, inputIds: good.inputIds.map(() => oddConfig.vocabSize) },
      'a negative id': { ...good, inputIds: good.inputIds.map(() => -1) },
      'a target past the vocabulary': { ...good, targets: good.targets.map(() => oddConfig.vocabSize) },
      'a loss row past the end': { ...good, lossRows: Int32Array.of(11), targets: Int32Array.of(1) },
      'a loss row below 0': { ...good, lossRows: Int32Array.of(-1), targets: Int32Array.of(1) },
      'a loss row twice': { ...good, lossRows: Int32Array.of(3, 3), targets: Int32Array.of(1, 1) },
      'more rows than targets': { ...good, lossRows: Int32Array.of(3, 4), targets: Int32Array.of(1) },
      'falling lengths': { ...good, cumulativeLengths: Int32Array.of(0, 7, 5, 11) },
      'lengths that end early': { ...good, cumulativeLengths: Int32Array.of(0, 5) },
      'no lengths': { ...good, cumulativeLengths: none },
    };
    for (const [what, batch] of Object.entries(bad))
      await assert.rejects(
        model.forwardBackward(batch, 1),
        (error) => error instanceof BiphaseError && error.kind === 'usage',
        what,
      );
  }));
