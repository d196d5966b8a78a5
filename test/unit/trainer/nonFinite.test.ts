import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openPretrainingModel } from '../../../src/trainer/model/openModel.ts';
import { limitsOf } from '../../../src/trainer/model/paddedBatch.ts';
import type {
  AdamWStep,
  ParameterKind,
  PretrainingModel,
} from '../../../src/trainer/model/pretrainingModel.ts';
import { availableEngines } from '../../support/engines.ts';
import { oddConfig, packedBatch } from '../../support/models.ts';

const step: AdamWStep = {
  learningRate: 1e-2,
  betas: [0.9, 0.95],
  eps: 1e-5,
  weightDecay: 0.1,
  decay: 'all',
  clip: 1,
  step: 0,
  skipNonFinite: true,
};

async function read(model: PretrainingModel, kinds: readonly ParameterKind[]): Promise<Float32Array[]> {
  const values: Float32Array[] = [];
  for (const kind of kinds)
    for (const { name } of model.parameters) values.push(await model.read(name, kind));
  return values;
}

for (const engine of availableEngines())
  for (const causal of [true, false])
    test(`${causal ? 'CLM' : 'MLM'} on ${engine}: one NaN or infinite weight shows in loss and norm, and is skipped`, async () => {
      const batch = packedBatch([9, 3], oddConfig.vocabSize, causal);
      const model = await openPretrainingModel({
        config: oddConfig,
        limits: limitsOf(batch),
        engine,
        threads: 2,
      });
      try {
        for (const { name, shape } of model.parameters)
          for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
            await model.initialize(4);
            const weights = await model.read(name, 'weight');
            // Rows that a loss depends on; an infinite logit of a token that is no target can be rightly unseen.
            let row = 0;
            if (name.includes('embed_tokens')) row = batch.inputIds[batch.lossRows[0]!]!;
            if (name === 'lm_head.weight') row = batch.targets[0]!;
            weights[row * (shape[1] ?? 1)] = value;
            await model.write(name, 'weight', weights);
            model.zeroGradients();
            const { lossSum } = await model.forwardBackward(batch, 1);
            assert.ok(!Number.isFinite(lossSum), `${value} in ${name}: the loss is ${lossSum}`);
            assert.ok(
              !Number.isFinite((await model.evaluate(batch)).lossSum),
              `${value} in ${name}: evaluation`,
            );

            const kinds = ['weight', 'firstMoment', 'secondMoment'] as const;
            const before = await read(model, kinds);
            const { gradNorm, updated } = await model.adamW(step);
            assert.ok(!Number.isFinite(gradNorm), `${value} in ${name}: the norm is ${gradNorm}`);
            assert.equal(updated, false);
            assert.deepEqual(await read(model, kinds), before);
          }
        // Where it is not skipped, it reaches the weights.
        assert.equal((await model.adamW({ ...step, skipNonFinite: false })).updated, true);
        assert.ok((await read(model, ['weight'])).some((values) => values.some(Number.isNaN)));
      } finally {
        await model.close();
      }
    });
