import { trainingFlops } from '../../core/parameterCounts.ts';
import { philox, philoxKey, toUnit } from '../../core/philox.ts';
import type { ModelConfig } from '../../protocol/modelConfig.ts';
import type { PackedBatch, PretrainingModel } from '../model/pretrainingModel.ts';

/** Share of tokens with a loss in a measured MLM step. */
const MASKED = 0.4;

/** The shape of a step that is measured rather than trained. */
export interface StepShape {
  hidden: number;
  layers: number;
  heads: number;
  kvHeads: number;
  ffn: number;
  vocab: number;
  samples: number;
  length: number;
  objective: 'clm' | 'mlm';
}

export function configOf(shape: StepShape): ModelConfig {
  return {
    hiddenSize: shape.hidden,
    layers: shape.layers,
    heads: shape.heads,
    kvHeads: shape.kvHeads,
    headDim: Math.floor(shape.hidden / shape.heads),
    intermediateSize: shape.ffn,
    vocabSize: shape.vocab,
    tieEmbeddings: false,
    ropeTheta: 10000,
    normEps: 1e-5,
    context: shape.length,
  };
}

/** Samples of one length with random ids; MLM takes a loss at 40 % of them, CLM at all but the last of each sample. */
export function randomBatch({ vocab, samples, length, objective }: StepShape): PackedBatch {
  const key = philoxKey(0, 'bench');
  const random = Array.from({ length: samples * length }, (_, i) => philox(key, [i, 0, 0, 0]));
  const ids = Int32Array.from(random, ([word]) => Math.floor(toUnit(word) * vocab));
  const rows = [...ids.keys()].filter((i) =>
    objective === 'clm' ? (i + 1) % length !== 0 : toUnit(random[i]![1]) < MASKED,
  );
  return {
    inputIds: ids,
    cumulativeLengths: Int32Array.from({ length: samples + 1 }, (_, i) => i * length),
    causal: objective === 'clm',
    lossRows: Int32Array.from(rows),
    targets: Int32Array.from(rows, (row) => ids[objective === 'clm' ? row + 1 : row]!),
  };
}

/** Floating-point operations of one full step without its optimizer. */
export function stepFlops(shape: StepShape, batch: PackedBatch): number {
  return trainingFlops(configOf(shape), {
    tokens: batch.inputIds.length,
    lossPositions: batch.lossRows.length,
    sampleLengths: Array<number>(shape.samples).fill(shape.length),
    causal: batch.causal,
  });
}

/** Forward, backward, clip, AdamW; returns the mean loss before the update. */
export async function fullStep(model: PretrainingModel, batch: PackedBatch, step: number): Promise<number> {
  model.zeroGradients();
  const { lossSum } = await model.forwardBackward(batch, 1 / batch.lossRows.length);
  await model.adamW({
    ...{ learningRate: 1e-4, betas: [0.9, 0.95], eps: 1e-5, weightDecay: 0.1, decay: 'all', clip: 1 },
    ...{ step, skipNonFinite: false },
  });
  return lossSum / batch.lossRows.length;
}
