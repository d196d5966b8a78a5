import { BLAS_QUERY_BLOCK } from '../../../core/plannedBytes.ts';
import type { Kernel } from '../wasm/kernelSet.ts';
import type { Multiply } from './blasLibrary.ts';

/** Bytes of scratch before the scores: arguments of the row kernels, then room for 8 floats. */
const ROOM = 128;
const SCORES = 256;

/** What both passes are told, as doubles in this order. */
export interface AttentionArguments {
  out: number;
  logSumExp: number;
  qkv: number;
  cumulativeLengths: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  causal: boolean;
}

export function attentionArguments(call: AttentionArguments, backward: readonly number[] = []): number[] {
  const { out, logSumExp, qkv, cumulativeLengths, heads, kvHeads, headDim, causal } = call;
  return [out, logSumExp, qkv, cumulativeLengths, heads, kvHeads, headDim, causal ? 1 : 0, ...backward];
}

/** What a thread computes attention with. */
export interface AttentionTools {
  args: Float64Array;
  words: Int32Array;
  floats: Float32Array;
  multiply: Multiply;
  /** An address of the engine as one of the process. */
  pointer(address: number): number;
  softmaxRows: Kernel;
  softmaxGradientRows: Kernel;
  centreRows: Kernel;
}

/** One sample and one key/value head with all its query heads. */
interface Tile {
  /** Addresses of the sample's first row: query heads one after the other, then keys and values. */
  q(head: number): number;
  k: number;
  v: number;
  /** Bytes between rows of qkv, and of out. */
  row: number;
  outRow: number;
  heads: number[];
  /** Tokens of the sample. */
  length: number;
  start: number;
}

function tileOf({ args, words }: AttentionTools, tile: number): Tile {
  const [, , qkv = 0, cumulative = 0, heads = 0, kvHeads = 0, headDim = 0] = args;
  const sample = Math.floor(tile / kvHeads);
  const group = tile % kvHeads;
  const start = words[cumulative / 4 + sample]!;
  const length = words[cumulative / 4 + sample + 1]! - start;
  const row = (heads + 2 * kvHeads) * headDim * 4;
  const column = (head: number): number => qkv + start * row + head * headDim * 4;
  const share = heads / kvHeads;
  return {
    q: column,
    k: column(heads + group),
    v: column(heads + kvHeads + group),
    row,
    outRow: heads * headDim * 4,
    heads: Array.from({ length: share }, (_, i) => group * share + i),
    length,
    start,
  };
}

/** A block of queries of one head, and where its scores lie. */
interface Block {
  head: number;
  first: number;
  rows: number;
  /** Keys that any of its queries sees. */
  keys: number;
  scores: number;
  /** Bytes between rows of scores. */
  stride: number;
}

/** Blocks of a head from the last to the first: with a causal mask the last one sees all keys. */
function* blocksOf(tools: AttentionTools, tile: Tile, scratch: number): Generator<Block> {
  const causal = tools.args[7] === 1;
  for (const head of tile.heads)
    for (let index = Math.ceil(tile.length / BLAS_QUERY_BLOCK) - 1; index >= 0; index--) {
      const first = index * BLAS_QUERY_BLOCK;
      const rows = Math.min(BLAS_QUERY_BLOCK, tile.length - first);
      const keys = causal ? first + rows : tile.length;
      yield { head, first, rows, keys, scores: scratch + SCORES, stride: roundUp8(keys) * 4 };
    }
}

/** Writes what the row kernels are told at the beginning of scratch. */
function tellRows(tools: AttentionTools, tile: Tile, block: Block, scratch: number): void {
  const { args, words, floats } = tools;
  const [, logSumExp = 0, , , heads = 0, , headDim = 0, causal = 0] = args;
  words.set(
    [
      ...[block.rows, block.keys, block.first, causal, block.scores, block.stride],
      ...[logSumExp + ((tile.start + block.first) * heads + block.head) * 4, heads * 4],
    ],
    scratch / 4,
  );
  floats[scratch / 4 + 8] = 1 / Math.sqrt(headDim);
  words[scratch / 4 + 9] = scratch + ROOM;
}

/** Address of the block's first row in out or its gradient. */
function outOf(tools: AttentionTools, tile: Tile, block: Block, tensor: number): number {
  return tensor + (tile.start + block.first) * tile.outRow + block.head * tools.args[6]! * 4;
}

/** out = softmax(q·kᵀ/√D)·v of one tile; keeps logSumExp. */
export function attentionTile(tools: AttentionTools, index: number, scratch: number): void {
  const { args, multiply, pointer } = tools;
  const headDim = args[6]!;
  const tile = tileOf(tools, index);
  const row = tile.row / 4;
  for (const block of blocksOf(tools, tile, scratch)) {
    const { rows, keys } = block;
    const scores = { pointer: pointer(block.scores), stride: block.stride / 4 };
    const queries = {
      transposed: false,
      pointer: pointer(tile.q(block.head) + block.first * tile.row),
      stride: row,
    };
    const keyRows = { transposed: true, pointer: pointer(tile.k), stride: row };
    multiply(rows, keys, headDim, queries, keyRows, { ...scores, accumulate: false });
    tellRows(tools, tile, block, scratch);
    tools.softmaxRows(scratch, 0, scratch);
    const values = { transposed: false, pointer: pointer(tile.v), stride: row };
    const out = pointer(outOf(tools, tile, block, args[0]!));
    multiply(rows, headDim, keys, { ...scores, transposed: false }, values, {
      ...{ accumulate: false, pointer: out, stride: tile.outRow / 4 },
    });
  }
}

/** Sets one tile's part of dQkv (argument 8) from dOut (argument 9). */
export function attentionBackwardTile(tools: AttentionTools, index: number, scratch: number): void {
  const { args, words, multiply, pointer } = tools;
  const [headDim = 0, , dQkv = 0, dOut = 0] = args.subarray(6);
  const tile = tileOf(tools, index);
  const row = tile.row / 4;
  const shift = dQkv - args[2]!;
  if (tile.length === 0) return;
  // What all keys have in common adds nothing to dq but the rounding of a sum of 0.
  const centred = scratch + SCORES + 2 * BLAS_QUERY_BLOCK * roundUp8(tile.length) * 4;
  words.set([tile.length, headDim, centred, headDim * 4, tile.k, tile.row], scratch / 4);
  tools.centreRows(scratch, 0, scratch);
  let accumulate = false;
  for (const block of blocksOf(tools, tile, scratch)) {
    const { rows, keys } = block;
    const scores = { pointer: pointer(block.scores), stride: block.stride / 4 };
    const gradients = block.scores + rows * block.stride;
    const dScores = { pointer: pointer(gradients), stride: block.stride / 4 };
    const query = tile.q(block.head) + block.first * tile.row;
    const queries = { transposed: false, pointer: pointer(query), stride: row };
    const keyRows = { pointer: pointer(tile.k), stride: row };
    const outGradient = outOf(tools, tile, block, dOut);
    const dOutRows = { transposed: false, pointer: pointer(outGradient), stride: tile.outRow / 4 };
    const dv = { accumulate, pointer: pointer(tile.v + shift), stride: row };
    const dk = { accumulate, pointer: pointer(tile.k + shift), stride: row };
    const dq = { accumulate: false, pointer: pointer(query + shift), stride: row };

    multiply(
      rows,
      keys,
      headDim,
      queries,
      { ...keyRows, transposed: true },
      { ...scores, accumulate: false },
    );
    const values = { transposed: true, pointer: pointer(tile.v), stride: row };
    multiply(rows, keys, headDim, dOutRows, values, { ...dScores, accumulate: false });
    tellRows(tools, tile, block, scratch);
    const own = [gradients, outOf(tools, tile, block, args[0]!), outGradient, tile.outRow, headDim];
    words.set(own, scratch / 4 + 10);
    tools.softmaxGradientRows(scratch, 0, scratch);
    multiply(keys, headDim, rows, { ...scores, transposed: true }, dOutRows, dv);
    const centredKeys = { transposed: false, pointer: pointer(centred), stride: headDim };
    multiply(rows, headDim, keys, { ...dScores, transposed: false }, centredKeys, dq);
    multiply(keys, headDim, rows, { ...dScores, transposed: true }, queries, dk);
    // The first block saw all keys, so all of dk and dv is set.
    accumulate = true;
  }
  // Nor do all queries together move the keys.
  const dKeys = tile.k + shift;
  words.set([tile.length, headDim, dKeys, tile.row, dKeys, tile.row], scratch / 4);
  tools.centreRows(scratch, 0, scratch);
}

function roundUp8(n: number): number {
  return Math.ceil(n / 8) * 8;
}
