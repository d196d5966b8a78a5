import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { planMemory } from '../../src/core/plannedBytes.ts';
import type { ModelConfig } from '../../src/protocol/modelConfig.ts';
import { openPretrainingModel } from '../../src/trainer/model/openModel.ts';
import { limitsOf } from '../../src/trainer/model/paddedBatch.ts';
import type { ParameterKind } from '../../src/trainer/model/pretrainingModel.ts';
import { oddConfig, packedBatch } from './models.ts';

const UPDATES = 3;

/** Wide enough that every op has more tiles than threads. */
export const wideConfig: ModelConfig = {
  ...oddConfig,
  hiddenSize: 130,
  intermediateSize: 203,
  headDim: 22,
  vocabSize: 1031,
};

/** How a model is computed; `stored`: its matrices lie outside the engine's memory. */
export interface How {
  engine: 'wasm' | 'blas';
  threads: number;
  stored: boolean;
}

/** All that three updates leave, as raw bytes by name. */
export async function trainingBits(
  config: ModelConfig,
  causal: boolean,
  how: How,
): Promise<Map<string, Buffer>> {
  const batch = packedBatch([70, 1, 129, 64, 33], config.vocabSize, causal);
  const limits = limitsOf(batch);
  const { engine, threads, stored } = how;
  const plan = planMemory(config, limits, { engine, threads, purpose: 'train' });
  // One byte less than all of it takes, so that the matrices lie outside the engine's memory.
  const arenaLimit = stored ? { arenaLimit: plan.arena - 1 } : {};
  const model = await openPretrainingModel({ config, limits, engine, threads, ...arenaLimit });
  const bytes = new Map<string, Buffer>();
  const keep = (name: string, values: Float32Array | Float64Array): void => {
    assert.ok(values.every(Number.isFinite), `${name} is finite`);
    bytes.set(name, Buffer.from(values.buffer));
  };
  try {
    await model.initialize(5);
    for (let step = 0; step < UPDATES; step++) {
      model.zeroGradients();
      const { lossSum } = await model.forwardBackward(batch, 1 / batch.lossRows.length);
      const { gradNorm } = await model.adamW({
        learningRate: 1e-2,
        betas: [0.9, 0.95],
        eps: 1e-5,
        weightDecay: 0.1,
        decay: 'matrices',
        clip: 1,
        step,
        skipNonFinite: true,
      });
      keep(`loss and norm before update ${step}`, Float64Array.of(lossSum, gradNorm));
      if (step === 0) await keepAll('gradient');
    }
    for (const kind of ['weight', 'firstMoment', 'secondMoment'] as const) await keepAll(kind);
    keep('logits', await model.logits(batch));
    keep('evaluation', Float64Array.of((await model.evaluate(batch)).lossSum));
  } finally {
    await model.close();
  }
  return bytes;

  async function keepAll(kind: ParameterKind): Promise<void> {
    for (const { name } of model.parameters) keep(`${kind} of ${name}`, await model.read(name, kind));
  }
}

// Started as a program it prints one hash of all bits of both shapes and objectives.
if (import.meta.main) {
  const hash = createHash('sha256');
  const how: How = { engine: 'wasm', threads: 1, stored: false };
  for (const config of [oddConfig, wideConfig])
    for (const causal of [true, false])
      for (const [name, bytes] of await trainingBits(config, causal, how)) hash.update(name).update(bytes);
  console.log(hash.digest('hex'));
}
