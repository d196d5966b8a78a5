import type { ModelConfig } from '../protocol/modelConfig.ts';
import { formatBytesAlike, formatCount } from './numberFormat.ts';
import { parameterShapes } from './parameterCounts.ts';

/** Upper bounds of one micro-batch; see the trainer's BatchLimits. */
export interface PlanLimits {
  tokens: number;
  length: number;
  samples: number;
  lossPositions: number;
}

/** What a model is opened for: all that training needs, gradients without an optimizer, or the forward pass alone. */
export type ModelPurpose = 'train' | 'gradients' | 'evaluate';

/** What beside the shapes decides how much memory is needed. */
export interface PlanOptions {
  threads: number;
  engine: 'wasm' | 'blas';
  purpose: ModelPurpose;
  /** Bytes at which the engine's WebAssembly memory ends: smaller in tests alone. */
  arenaLimit?: number;
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
  /** What the process grows by for its threads and a BLAS library. */
  process: number;
  total: number;
  /** Of these, what lies in the engine's WebAssembly memory. */
  arena: number;
  /** Of these, what lies outside it: the matrices of all copies of a model that the arena cannot hold, else 0. */
  stored: number;
}

/** A WebAssembly memory ends here. */
export const WASM_MEMORY_LIMIT = 2 ** 32;

/** Tensors begin at multiples of this many bytes. */
export const TENSOR_ALIGNMENT = 64;

/** Elements of a packed copy of a matrix that exist at once, at most. */
const PACK_LIMIT = 1 << 22;
/** Rows of the longer dimension that one packed product covers. */
export const PACK_DEPTH = 2048;
/** Rows of a stored parameter that are within reach at once: a multiple of every tile and part of a product. */
export const STAGE_ROWS = 2048;
/** Elements of a parameter that one tile of the optimizer covers. */
export const OPTIMIZER_TILE = 8192;
/** Rows of a product that one tile covers, at most; each tile may turn that many rows of 256 elements in its thread's scratch. */
export const MULTIPLY_TILE_ROWS = 96;
/** Queries whose attention scores, and their gradients, exist at once in a thread's scratch where a BLAS multiplies. */
export const BLAS_QUERY_BLOCK = 128;
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

/** What a CPU engine reserves for itself and for tensors. */
export interface EngineSizes {
  /** The arena: everything that lies in the WebAssembly memory, in bytes. */
  bytes: number;
  /** The store: bytes of parameters that lie outside it; 0: none do. */
  store: number;
  /** Elements of the part of a stored parameter that products have within reach at once. */
  stage: number;
  /** Elements of the buffer of packed panels. */
  pack: number;
  /** Elements of scratch of one thread. */
  scratch: number;
  /** Elements of the partial sums of a norm's weight gradient. */
  normPartial: number;
  optimizerTiles: number;
}

/** A thread with its JavaScript engine, as measured (docs/performance.md, "Memory"). */
const THREAD_BYTES = 23 * 2 ** 20;
/** A BLAS library with its packed panels. */
const BLAS_BYTES = 24 * 2 ** 20;
/** Bytes of the bookkeeping that threads share. */
const CONTROL_BYTES = 1024;
/** Elements of scratch that the optimizer takes of each thread where parameters are stored. */
const STORED_SCRATCH = 64 + 4 * OPTIMIZER_TILE;

const copiesOf: Record<ModelPurpose, number> = { train: 4, gradients: 2, evaluate: 1 };

/** The engine's own memory, with `stored` parameters or all in the arena; `bytes` and `store` are not known yet. */
function ownSizes(
  config: ModelConfig,
  limits: PlanLimits,
  { engine, purpose }: PlanOptions,
  stored: boolean,
): Omit<EngineSizes, 'bytes' | 'store'> {
  const h = config.hiddenSize;
  const stageOf = ([rows, columns]: [number, number]): number => Math.min(rows, STAGE_ROWS) * columns;
  const scratch = Math.max(
    scratchElements(config, limits),
    engine === 'blas'
      ? 64 + 2 * BLAS_QUERY_BLOCK * Math.ceil(limits.length / 8) * 8 + limits.length * config.headDim
      : 0,
  );
  const tiles = purpose === 'train' ? optimizerTiles(config) : 0;
  return {
    pack: engine === 'blas' ? 0 : packElements(config, limits),
    scratch: stored ? Math.max(scratch, STORED_SCRATCH) : scratch,
    normPartial: purpose === 'evaluate' ? 0 : Math.ceil(limits.tokens / NORM_TILE_ROWS) * h,
    optimizerTiles: tiles,
    stage: stored && engine === 'wasm' ? Math.max(...matrixShapes(config).map(stageOf)) : 0,
  };
}

function ownBytes(sizes: Omit<EngineSizes, 'bytes' | 'store'>, threads: number, stored: boolean): number {
  return (
    CONTROL_BYTES +
    tensorBytes(sizes.pack) +
    threads * tensorBytes(sizes.scratch) +
    tensorBytes(sizes.normPartial) +
    tensorBytes(sizes.optimizerTiles * (stored ? 12 : 6)) +
    tensorBytes(sizes.optimizerTiles * 2) +
    tensorBytes(sizes.stage)
  );
}

/** Bytes of tensors of these numbers of elements. */
function sum(elements: readonly number[]): number {
  return elements.reduce((bytes, n) => bytes + tensorBytes(n), 0);
}

/** The matrices of a model as the engine holds them: the embedding (and the head), then those of one layer. */
function matrixShapes(config: ModelConfig): [rows: number, columns: number][] {
  const { hiddenSize: h, heads, kvHeads, headDim, intermediateSize: width, vocabSize } = config;
  const layer: [number, number][] = [
    [(heads + 2 * kvHeads) * headDim, h],
    [h, heads * headDim],
    [2 * width, h],
    [h, width],
  ];
  return [[vocabSize, h], ...layer];
}

/** Bytes of one copy of the parameters: matrices, which can be stored, and vectors. */
function copyBytes(config: ModelConfig): { matrices: number; vectors: number } {
  const [vocabulary, ...layer] = matrixShapes(config).map(([rows, columns]) => tensorBytes(rows * columns));
  const vector = tensorBytes(config.hiddenSize);
  const layerBytes = layer.reduce((bytes, n) => bytes + n, 0);
  return {
    matrices: (config.tieEmbeddings ? 1 : 2) * vocabulary! + config.layers * layerBytes,
    vectors: (2 * config.layers + 1) * vector,
  };
}

/** Bytes of the tensors of one micro-batch. */
function batchBytes(
  config: ModelConfig,
  limits: PlanLimits,
  purpose: ModelPurpose,
): { activations: number; logits: number } {
  const { hiddenSize: h, layers, heads, kvHeads, headDim, intermediateSize: width, vocabSize } = config;
  const { tokens: T, lossPositions: R } = limits;
  const fused = (heads + 2 * kvHeads) * headDim;
  const backward = purpose !== 'evaluate';
  const layer = [T * h, T, T * fused, T * heads * headDim, T * heads, T * h, T, T * 2 * width];
  const shared = [T * h, T, T * h, T * h, T * width];
  const gradients = [T * h, T * h, T * fused, T * heads * headDim, T * 2 * width, T * width];
  const angles = (limits.length * headDim) / 2;
  const inputs = [T, T, limits.samples + 1, R, R, R, angles, angles];
  const chunk = headChunkRows(vocabSize, R);
  return {
    // Without a backward pass all layers share one layer's memory.
    activations:
      (backward ? layers : 1) * sum(layer) + sum(shared) + (backward ? sum(gradients) : 0) + sum(inputs),
    logits: sum([chunk * h, chunk * vocabSize]) + (backward ? sum([chunk * h]) : 0),
  };
}

/**
 * Bytes that a model needs on a CPU engine, before anything is allocated. What the arena cannot hold is stored outside
 * it: the matrices of all copies.
 */
export function planMemory(config: ModelConfig, limits: PlanLimits, options: PlanOptions): MemoryPlan {
  const { matrices, vectors } = copyBytes(config);
  const { activations, logits } = batchBytes(config, limits, options.purpose);
  const copies = copiesOf[options.purpose];
  const rest = copies * vectors + activations + logits;
  const limit = options.arenaLimit ?? WASM_MEMORY_LIMIT;
  const own = (stored: boolean): number =>
    ownBytes(ownSizes(config, limits, options, stored), options.threads, stored);
  const stored = copies * matrices + rest + own(false) > limit;
  const copy = matrices + vectors;
  const engine = own(stored);
  const arena = rest + engine + (stored ? 0 : copies * matrices);
  const process = (options.threads - 1) * THREAD_BYTES + (options.engine === 'blas' ? BLAS_BYTES : 0);
  return {
    weights: copy,
    gradients: copies > 1 ? copy : 0,
    moments: copies > 2 ? 2 * copy : 0,
    activations,
    logits,
    engine,
    process,
    total: copies * copy + activations + logits + engine + process,
    arena,
    stored: stored ? copies * matrices : 0,
  };
}

/** What an engine reserves for a plan. */
export function engineSizes(config: ModelConfig, limits: PlanLimits, options: PlanOptions): EngineSizes {
  const { arena, stored } = planMemory(config, limits, options);
  return { bytes: arena, store: stored, ...ownSizes(config, limits, options, stored > 0) };
}

/**
 * One sentence on a plan that cannot be, undefined when it fits: more tokens at once than the engine's memory holds,
 * or more of everything than the machine has (`memoryBytes`; undefined: not known).
 */
export function whyItDoesNotFit(
  config: ModelConfig,
  limits: PlanLimits,
  options: PlanOptions,
  memoryBytes?: number,
): string | undefined {
  const plan = planMemory(config, limits, options);
  const limit = options.arenaLimit ?? WASM_MEMORY_LIMIT;
  const batch = plan.activations + plan.logits;
  if (plan.arena > limit) {
    const [needed, ofBatch, held] = formatBytesAlike([plan.arena, batch, limit]);
    return (
      `${formatCount(limits.tokens)} tokens at once need ${needed} of the engine's memory ` +
      `(${ofBatch} for activations and logits), which ends at ${held}.`
    );
  }
  if (memoryBytes === undefined || plan.total <= memoryBytes) return undefined;
  const parts = {
    train: 'weights, gradients and moments',
    gradients: 'weights and gradients',
    evaluate: 'weights',
  };
  const copies = plan.weights + plan.gradients + plan.moments;
  const [needed, ofCopies, ofBatch, has] = formatBytesAlike([plan.total, copies, batch, memoryBytes]);
  return (
    `This needs ${needed} of memory (${ofCopies} for ${parts[options.purpose]}, ${ofBatch} for activations and ` +
    `logits of ${formatCount(limits.tokens)} tokens at once), but the machine has ${has}.`
  );
}
