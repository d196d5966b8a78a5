import { OPTIMIZER_TILE } from '../../../core/plannedBytes.ts';
import { type AttentionTools, attentionBackwardTile, attentionTile } from '../blas/attentionKernel.ts';
import { type BlasLibrary, loadKoffi, openBlas } from '../blas/blasLibrary.ts';
import { multiplyTile } from '../blas/productKernel.ts';
import { ARGUMENTS_BYTES, HOST_ARGUMENTS } from './control.ts';
import { KERNEL_NAMES, type Kernel, type KernelName } from './kernelSet.ts';

/**
 * Kernels in TypeScript, for what WebAssembly does not reach: a BLAS library, and the store, which is memory beyond
 * the 4 GiB of the arena. Their arguments are doubles. An address below `STORE_BASE` lies in the arena.
 */
export const HOST_KERNEL_NAMES = [
  'multiplyBlas',
  'attentionBlas',
  'attentionBackwardBlas',
  'moveStored',
  'fillStored',
  'gatherStored',
  'scatterAddStored',
  'sumOfSquaresStored',
  'adamWStored',
] as const;

export type HostKernelName = (typeof HOST_KERNEL_NAMES)[number];

/** Where addresses of the store begin. */
export const STORE_BASE = 2 ** 32;

/** Doubles that describe one tile of the optimizer: four addresses, elements, whether weight decay acts. */
export const STORED_TILE_DOUBLES = 6;

/** Layout of a thread's scratch in the optimizer's ops: arguments, a table of one tile, its four pieces. */
const SCRATCH_TABLE = 128;
const SCRATCH_PIECES = 256;

/** What a thread needs beside the kernels and the arena. */
export interface HostStart {
  store: SharedArrayBuffer | null;
  blas: BlasLibrary | null;
}

/** The numbers at an address of arena or store. */
export function floatsAt(
  arena: ArrayBufferLike,
  store: SharedArrayBuffer | null,
  address: number,
  count: number,
): Float32Array {
  return address < STORE_BASE || !store
    ? new Float32Array(arena, address, count)
    : new Float32Array(store, address - STORE_BASE, count);
}

/** The host kernels of one thread, in the order of their names. */
export function hostKernels(
  arena: ArrayBufferLike,
  { store, blas }: HostStart,
  compiled: readonly Kernel[],
): Kernel[] {
  const args = new Float64Array(arena, ARGUMENTS_BYTES, HOST_ARGUMENTS);
  const floats = (address: number, count: number): Float32Array => floatsAt(arena, store, address, count);
  const words = new Int32Array(arena);
  const doubles = new Float64Array(arena);
  const all: Record<HostKernelName, Kernel> = {
    ...(blas ? blasKernels(blas, arena, store, compiled) : withoutBlas),

    /** 0 elements, 1 elements of a tile, 2 target, 3 source. */
    moveStored(_args, tile) {
      const [from, count] = piece(args, tile);
      floats(args[2]! + from * 4, count).set(floats(args[3]! + from * 4, count));
    },

    /** 0 elements, 1 elements of a tile, 2 target, 3 value. */
    fillStored(_args, tile) {
      const [from, count] = piece(args, tile);
      floats(args[2]! + from * 4, count).fill(args[3]!);
    },

    /** out[i] = weight[ids[i]]. 0 rows, 1 rows of a tile, 2 out, 3 weight, 4 ids, 5 width. */
    gatherStored(_args, tile) {
      const [from, count] = piece(args, tile);
      const width = args[5]!;
      for (let i = from; i < from + count; i++) {
        const id = words[args[4]! / 4 + i]!;
        floats(args[2]! + i * width * 4, width).set(floats(args[3]! + id * width * 4, width));
      }
    },

    /**
     * target[ids[i]] += source[i] for all i in order, a slice of columns a tile.
     * 0 width, 1 columns of a tile, 2 target, 3 source, 4 ids, 5 rows.
     */
    scatterAddStored(_args, tile) {
      const [from, count] = piece(args, tile);
      const [width = 0, rows = 0] = [args[0], args[5]];
      for (let i = 0; i < rows; i++) {
        const id = words[args[4]! / 4 + i]!;
        const target = floats(args[2]! + (id * width + from) * 4, count);
        const source = floats(args[3]! + (i * width + from) * 4, count);
        for (let c = 0; c < count; c++) target[c]! += source[c]!;
      }
    },

    /** 0 table, 1 partial sums: the compiled kernel on a copy of the tile. */
    sumOfSquaresStored(_args, tile, scratch) {
      const at = args[0]! / 8 + tile * STORED_TILE_DOUBLES;
      const count = doubles[at + 4]!;
      const copy = scratch + SCRATCH_PIECES;
      floats(copy, count).set(floats(doubles[at + 1]!, count));
      words.set([0, copy, 0, 0, count, 0], (scratch + SCRATCH_TABLE) / 4);
      words.set([scratch + SCRATCH_TABLE, args[1]! + tile * 8], scratch / 4);
      kernelOf(compiled, 'sumOfSquares')(scratch, 0, scratch);
    },

    /** 0 table, 1 … 9 the numbers of the compiled kernel, which works on copies of the tile. */
    adamWStored(_args, tile, scratch) {
      const at = args[0]! / 8 + tile * STORED_TILE_DOUBLES;
      const count = doubles[at + 4]!;
      const copies = [0, 1, 2, 3].map((i) => scratch + SCRATCH_PIECES + i * OPTIMIZER_TILE * 4);
      copies.forEach((copy, i) => {
        floats(copy, count).set(floats(doubles[at + i]!, count));
      });
      words.set([...copies, count, doubles[at + 5]!], (scratch + SCRATCH_TABLE) / 4);
      words[scratch / 4] = scratch + SCRATCH_TABLE;
      new Float32Array(arena, scratch + 4, 9).set(args.subarray(1, 10));
      kernelOf(compiled, 'adamW')(scratch, 0, scratch);
      for (const i of [0, 2, 3]) floats(doubles[at + i]!, count).set(floats(copies[i]!, count));
    },
  };
  return HOST_KERNEL_NAMES.map((name) => all[name]);
}

type BlasKernelName = Extract<HostKernelName, `${string}Blas`>;

function blasKernels(
  blas: BlasLibrary,
  arena: ArrayBufferLike,
  store: SharedArrayBuffer | null,
  compiled: readonly Kernel[],
): Record<BlasKernelName, Kernel> {
  const koffi = loadKoffi(blas.binding);
  const base = (buffer: ArrayBufferLike): number => Number(koffi.address(new Uint8Array(buffer)));
  const arenaBase = base(arena);
  const storeBase = store ? base(store) - STORE_BASE : 0;
  const pointer = (address: number): number => address + (address < STORE_BASE ? arenaBase : storeBase);
  const multiply = openBlas(blas);
  const args = new Float64Array(arena, ARGUMENTS_BYTES, HOST_ARGUMENTS);
  const tools: AttentionTools = {
    ...{ args, multiply, pointer, words: new Int32Array(arena), floats: new Float32Array(arena) },
    softmaxRows: kernelOf(compiled, 'softmaxRows'),
    softmaxGradientRows: kernelOf(compiled, 'softmaxGradientRows'),
    centreRows: kernelOf(compiled, 'centreRows'),
  };
  return {
    multiplyBlas: (_args, tile) => multiplyTile(multiply, args, tile, pointer),
    attentionBlas: (_args, tile, scratch) => attentionTile(tools, tile, scratch),
    attentionBackwardBlas: (_args, tile, scratch) => attentionBackwardTile(tools, tile, scratch),
  };
}

function unavailable(): void {
  throw new Error('This engine has no BLAS.');
}

const withoutBlas: Record<BlasKernelName, Kernel> = {
  multiplyBlas: unavailable,
  attentionBlas: unavailable,
  attentionBackwardBlas: unavailable,
};

function kernelOf(compiled: readonly Kernel[], name: KernelName): Kernel {
  return compiled[KERNEL_NAMES.indexOf(name)]!;
}

/** First element (or row) of a tile and how many it has; arguments 0 and 1 are all of them and those of a tile. */
function piece(args: Float64Array, tile: number): [from: number, count: number] {
  const [all = 0, ofTile = 0] = args;
  const from = tile * ofTile;
  return [from, Math.min(ofTile, all - from)];
}
