import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openPretrainingModel } from '../../../src/trainer/model/openModel.ts';
import { limitsOf } from '../../../src/trainer/model/paddedBatch.ts';
import { configOf, fullStep, randomBatch } from '../../../src/trainer/training/measuredStep.ts';

const MIB = 2 ** 20;

// A file of its own, because its process must not have grown by other tests before.
test('the peak of a run below 1 GiB lies within 150 MiB of its plan', async () => {
  const shape = {
    hidden: 192,
    layers: 3,
    heads: 3,
    kvHeads: 3,
    ffn: 512,
    vocab: 12_000,
    samples: 8,
    length: 128,
  };
  const batch = randomBatch({ ...shape, objective: 'mlm' });
  const config = configOf({ ...shape, objective: 'mlm' });
  const before = process.memoryUsage.rss();
  const model = await openPretrainingModel({ config, limits: limitsOf(batch), engine: 'blas', threads: 2 });
  try {
    await model.initialize(1);
    for (let step = 0; step < 2; step++) await fullStep(model, batch, step);
    const peak = process.resourceUsage().maxRSS * 1024 - before;
    const off = (peak - model.plannedBytes) / MIB;
    assert.ok(Math.abs(off) <= 150, `planned ${model.plannedBytes / MIB} MiB, measured ${off} MiB more`);
  } finally {
    await model.close();
  }
});
