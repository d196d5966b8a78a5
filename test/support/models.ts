import { philox, philoxKey, toUnit } from '../../src/core/philox.ts';
import type { ModelConfig } from '../../src/protocol/modelConfig.ts';
import type { PackedBatch } from '../../src/trainer/model/pretrainingModel.ts';

/** A shape in which nothing is a multiple of a vector's or a tile's length. */
export const oddConfig: ModelConfig = {
  hiddenSize: 26,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 10,
  intermediateSize: 37,
  vocabSize: 101,
  tieEmbeddings: false,
  ropeTheta: 10000,
  normEps: 1e-5,
  context: 160,
};

/** Deterministic numbers in [−1, 1). */
export function noise(count: number, name: string): Float32Array {
  const key = philoxKey(7, name);
  return Float32Array.from({ length: count }, (_, i) => 2 * toUnit(philox(key, [i, 0, 0, 0])[0]) - 1);
}

/** Samples of the given lengths with random ids and a loss at about every third token. */
export function packedBatch(lengths: readonly number[], vocabSize: number, causal: boolean): PackedBatch {
  const cumulative = [0];
  for (const length of lengths) cumulative.push(cumulative.at(-1)! + length);
  const tokens = cumulative.at(-1)!;
  const random = noise(2 * tokens, 'batch');
  const id = (i: number): number => Math.floor(((random[i]! + 1) / 2) * vocabSize);
  const rows = Array.from({ length: tokens }, (_, i) => i).filter((i) => random[i]! < -0.3);
  return {
    inputIds: Int32Array.from({ length: tokens }, (_, i) => id(i)),
    cumulativeLengths: Int32Array.from(cumulative),
    causal,
    lossRows: Int32Array.from(rows),
    targets: Int32Array.from(rows, (row) => id(tokens + row)),
  };
}
