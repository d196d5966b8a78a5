import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openPretrainingModel } from '../../../src/trainer/model/openModel.ts';
import { limitsOf } from '../../../src/trainer/model/paddedBatch.ts';
import {
  configOf,
  fullStep,
  randomBatch,
  type StepShape,
} from '../../../src/trainer/training/measuredStep.ts';

const shape: StepShape = {
  ...{ hidden: 16, layers: 1, heads: 2, kvHeads: 1, ffn: 24, vocab: 50, samples: 20, length: 30 },
  objective: 'mlm',
};

test('a measured MLM batch takes a loss at about 40 % of its tokens, a CLM batch at all but the last of a sample', () => {
  const mlm = randomBatch(shape);
  assert.equal(mlm.inputIds.length, 600);
  assert.ok(Math.abs(mlm.lossRows.length / 600 - 0.4) < 0.06, `${mlm.lossRows.length} of 600`);
  const clm = randomBatch({ ...shape, objective: 'clm' });
  assert.equal(clm.lossRows.length, 20 * 29);
  assert.ok(clm.lossRows.every((row, i) => (row + 1) % 30 !== 0 && clm.targets[i] === clm.inputIds[row + 1]));
});

test('full steps on one batch lower its loss', async () => {
  const batch = randomBatch(shape);
  const limits = limitsOf(batch);
  const model = await openPretrainingModel({ config: configOf(shape), limits, engine: 'wasm', threads: 1 });
  try {
    await model.initialize(0);
    const first = await fullStep(model, batch, 0);
    assert.ok(Math.abs(first - Math.log(50)) < 0.1, `${first}`);
    let last = first;
    for (let step = 1; step < 20; step++) last = await fullStep(model, batch, step);
    assert.ok(last < first, `${last} is not below ${first}`);
  } finally {
    await model.close();
  }
});
