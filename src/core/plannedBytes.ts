import type { ModelConfig } from '../protocol/modelConfig.ts';
import { parameterCounts, parameterShapes } from './parameterCounts.ts';

/** Upper bounds of one micro-batch; see the trainer's BatchLimits. */
export interface PlanLimits {
  tokens: number;
  length: number;
  samples: number;
  lossPositions: number;
}

/** Where a run's memory goes, in bytes. */
export interface MemoryPlan {
  weights: number;
  gradients: number;
  moments: number;
  /** What the forward pass keeps for the backward pass, and the gradients of the streams. */
  activations: number;
  /** Logits that exist at once. */
  logits: number;
  /** The engine's own: packed panels, per-thread scratch, tables. */
  engine: number;
  total: number;
}

/** A WebAssembly memory ends here. */
export const WASM_MEMORY_LIMIT = 2 ** 32;

/** Tensors begin at multiples of this many bytes. */
export const TENSOR_ALIGNMENT = 64;

/** Elements of a packed copy of a matrix that exist at once, at most. */
const PACK_LIMIT = 1 << 22;
/** Rows of the longer dimension that one packed product covers. */
export const PACK_DEPTH = 2048;
/** Elements of a parameter that one tile of the optimizer covers. */
export const OPTIMIZER_TILE = 8192;
/** Rows of a product that one tile covers, at most; each tile may turn that many rows of 256 elements in its thread's scratch. */
export const MULTIPLY_TILE_ROWS = 96;
/** Rows that one tile of a norm's backward pass covers. */
export const NORM_TILE_ROWS = 32;

const HEAD_CHUNK_BYTES = 1 << 26;

/** How many loss positions the head computes at once: about 64 MiB of logits, but at least 96 rows. */
export function headChunkRows(vocabSize: number, lossPositions: number): number {
  return Math.max(1, Math.min(lossPositions, Math.max(96, Math.floor(HEAD_CHUNK_BYTES / 4 / vocabSize))));
}

const tensorBytes = (elements: number): number =>
  Math.ceil((elements * 4) / TENSOR_ALIGNMENT) * TENSOR_ALIGNMENT;

/** Elements of the buffer of packed panels. */
export function packElements(config: ModelConfig, limits: PlanLimits): number {
  const { hiddenSize: h, heads, kvHeads, headDim, intermediateSize: width, vocabSize } = config;
  const chunk = headChunkRows(vocabSize, limits.lossPositions);
  const fused = (heads + 2 * kvHeads) * headDim;
  const T = limits.tokens;
  const matrices: [number, number][] = [
    ...[h, fused, heads * headDim, 2 * width, width].map((columns): [number, number] => [T, columns]),
    ...[
      [fused, h] as [number, number],
      [h, heads * headDim] as [number, number],
      [2 * width, h] as [number, number],
    ],
    ...[
      [h, width] as [number, number],
      [vocabSize, h] as [number, number],
      [chunk, vocabSize] as [number, number],
    ],
    [chunk, h],
  ];
  const padded = ([a, b]: [number, number]): number => (a + 16) * (b + 16);
  return Math.min(PACK_LIMIT, Math.max(...matrices.map(padded)));
}

/** Elements of one thread's scratch: the largest kernels are attention's backward pass over one sample, and the product. */
export function scratchElements(config: ModelConfig, limits: PlanLimits): number {
  const padded = Math.ceil(config.headDim / 8) * 8;
  const length = Math.ceil(limits.length / 64) * 64;
  const product = 6 * 16 + MULTIPLY_TILE_ROWS * 272;
  return Math.max(product, 5 * length * padded + 3 * 64 * padded + 2 * 64 * 64 + 256);
}

/** Tiles of the optimizer's table: parameters are cut where they begin. */
export function optimizerTiles(config: ModelConfig): number {
  return parameterShapes(config).reduce(
    (sum, { shape }) => sum + Math.ceil(shape.reduce((a, b) => a * b, 1) / OPTIMIZER_TILE),
    0,
  );
}

/** Bytes that a pretraining run with the WebAssembly engine needs, before anything is allocated. */
export function planMemory(config: ModelConfig, limits: PlanLimits, threads: number): MemoryPlan {
  const { hiddenSize: h, layers, heads, kvHeads, headDim, intermediateSize: width, vocabSize } = config;
  const { tokens: T, lossPositions: R } = limits;
  const fused = (heads + 2 * kvHeads) * headDim;
  const sum = (elements: number[]): number => elements.reduce((bytes, n) => bytes + tensorBytes(n), 0);

  const vocabularies = config.tieEmbeddings ? [vocabSize * h] : [vocabSize * h, vocabSize * h];
  const layer = [fused * h, h * heads * headDim, 2 * width * h, h * width, h, h];
  const copy = sum(vocabularies) + layers * sum(layer) + sum([h]);

  const kept = [T * h, T, T * fused, T * heads * headDim, T * heads, T * h, T, T * 2 * width];
  const shared = [T * h, T, T * h, T * h, T * width, T * h, T * h];
  const gradients = [T * fused, T * heads * headDim, T * 2 * width, T * width];
  const inputs = [
    T,
    T,
    limits.samples + 1,
    R,
    R,
    R,
    (limits.length * headDim) / 2,
    (limits.length * headDim) / 2,
  ];
  const chunk = headChunkRows(vocabSize, R);

  const plan = {
    weights: copy,
    gradients: copy,
    moments: 2 * copy,
    activations: layers * sum(kept) + sum(shared) + sum(gradients) + sum(inputs),
    logits: sum([chunk * h, chunk * h, chunk * vocabSize]),
    engine:
      1024 +
      tensorBytes(packElements(config, limits)) +
      threads * tensorBytes(scratchElements(config, limits)) +
      tensorBytes(Math.ceil(T / NORM_TILE_ROWS) * h) +
      tensorBytes(optimizerTiles(config) * 6) +
      tensorBytes(optimizerTiles(config) * 2),
  };
  const total = Object.values(plan).reduce((a, b) => a + b, 0);
  return { ...plan, total };
}

/** One sentence on a plan that the engine's memory cannot hold; undefined when it fits. */
export function whyItDoesNotFit(
  config: ModelConfig,
  limits: PlanLimits,
  threads: number,
): string | undefined {
  const plan = planMemory(config, limits, threads);
  if (plan.total <= WASM_MEMORY_LIMIT) return undefined;
  const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  const millions = Math.round(parameterCounts(config).total / 1e6);
  return (
    `This run needs ${gib(plan.total)} (${millions}M parameters: weights, gradients and moments ` +
    `${gib(plan.weights + plan.gradients + plan.moments)}; ${limits.tokens} tokens at once: activations and logits ` +
    `${gib(plan.activations + plan.logits)}), but the WebAssembly engine has 4.0 GiB.`
  );
}
