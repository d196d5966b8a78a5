import assert from 'node:assert/strict';
import { test } from 'node:test';
import { philox, philoxKey } from '../../../src/core/philox.ts';
import type { ModelConfig } from '../../../src/protocol/modelConfig.ts';
import type { Tensor } from '../../../src/trainer/engine/engine.ts';
import { ReferenceEngine } from '../../../src/trainer/engine/reference/referenceEngine.ts';
import { EncoderModel } from '../../../src/trainer/model/encoderModel.ts';
import { limitsOf } from '../../../src/trainer/model/paddedBatch.ts';
import { noise, oddConfig, packedBatch } from '../../support/models.ts';
import { assertNear, relativeError } from '../../support/relativeError.ts';

/** The reference engine without the rounding to fp32 on the way out: losses and gradients arrive in fp64. */
class ExactEngine extends ReferenceEngine {
  override async read(tensor: Tensor): Promise<Float32Array> {
    return this.elements(tensor).slice() as unknown as Float32Array;
  }
}

const ENTRIES = 4;
const STEP = 1e-3;
const small: ModelConfig = { ...oddConfig, hiddenSize: 14, headDim: 6, intermediateSize: 11, vocabSize: 23 };

const cases: { name: string; config: ModelConfig; causal: boolean }[] = [
  { name: 'CLM with grouped heads', config: small, causal: true },
  { name: 'MLM with grouped heads', config: small, causal: false },
  { name: 'CLM with grouped heads and a tied head', config: { ...small, tieEmbeddings: true }, causal: true },
  { name: 'CLM with a head for each query', config: { ...small, kvHeads: 4 }, causal: true },
  { name: 'MLM with a tied head', config: { ...small, kvHeads: 4, tieEmbeddings: true }, causal: false },
];

for (const { name, config, causal } of cases)
  test(`${name}: the gradient of every parameter is the slope of the loss`, async () => {
    const batch = packedBatch([9, 1, 12], config.vocabSize, causal);
    const scale = 1 / batch.lossRows.length;
    const model = new EncoderModel(new ExactEngine(), config, limitsOf(batch), 0);
    for (const { name, shape } of model.parameters) {
      const count = shape.reduce((a, b) => a * b, 1);
      const offset = shape.length === 1 ? 1 : 0;
      await model.write(
        name,
        'weight',
        noise(count, name).map((x) => offset + 0.4 * x),
      );
    }
    model.zeroGradients();
    await model.forwardBackward(batch, scale);

    for (const { name: parameter, shape } of model.parameters) {
      const gradient = await model.read(parameter, 'gradient');
      const weights = await model.read(parameter, 'weight');
      const key = philoxKey(11, parameter);
      const lossAt = async (entry: number, value: number): Promise<number> => {
        const moved = weights.slice();
        moved[entry] = value;
        await model.write(parameter, 'weight', moved);
        return (await model.evaluate(batch)).lossSum * scale;
      };
      const analytic: number[] = [];
      const measured: number[] = [];
      for (let i = 0; i < ENTRIES; i++) {
        const [random, row] = philox(key, [i, 0, 0, 0]);
        // Of the embedding a row that the batch has; any other has no slope unless it is the head too.
        const entry = parameter.includes('embed_tokens')
          ? batch.inputIds[row % batch.inputIds.length]! * shape[1]! + (random % shape[1]!)
          : random % weights.length;
        const w = weights[entry]!;
        const near = (await lossAt(entry, w + STEP)) - (await lossAt(entry, w - STEP));
        const far = (await lossAt(entry, w + 2 * STEP)) - (await lossAt(entry, w - 2 * STEP));
        measured.push((8 * near - far) / (12 * STEP));
        analytic.push(gradient[entry]!);
      }
      // All entries at once, along a direction with no zero in it.
      const direction = noise(weights.length, `direction ${parameter}`).map((x) => x + 1.5 * Math.sign(x));
      const lossAlong = async (step: number): Promise<number> => {
        await model.write(
          parameter,
          'weight',
          weights.map((w, i) => w + step * direction[i]!),
        );
        return (await model.evaluate(batch)).lossSum * scale;
      };
      const short = STEP / Math.sqrt(weights.length);
      const near = (await lossAlong(short)) - (await lossAlong(-short));
      const far = (await lossAlong(2 * short)) - (await lossAlong(-2 * short));
      measured.push((8 * near - far) / (12 * short));
      analytic.push(gradient.reduce((sum, g, i) => sum + g * direction[i]!, 0));
      assertNear(`${parameter} along a direction`, analytic.slice(-1), measured.slice(-1), 1e-6);

      await model.write(parameter, 'weight', weights);
      assert.ok(
        measured.some((slope) => slope !== 0),
        `${parameter} acts on the loss`,
      );
      const error = relativeError(analytic, measured);
      assert.ok(error <= 1e-6, `${parameter}: relative error ${error} of ${analytic} against ${measured}`);
    }
  });
