import type { EngineSizes } from '../../../core/plannedBytes.ts';
import type { HeadShape, Tensor } from '../engine.ts';
import { addressOf, type OpenedMemory, WasmEngine } from '../wasm/wasmEngine.ts';
import { type AttentionArguments, attentionArguments } from './attentionKernel.ts';
import type { BlasLibrary } from './blasLibrary.ts';
import { type ProductGrid, productArguments, type StridedAddress } from './productKernel.ts';

/**
 * The WebAssembly engine with its products, attention's included, left to a BLAS library, which works in place on arena and store. The library
 * runs one thread in each thread of the pool; what a call computes depends on the shapes alone, so any number of
 * threads gives the same bits with the same library on the same processor.
 */
export class BlasEngine extends WasmEngine {
  override readonly name = 'blas';

  private constructor(opened: OpenedMemory) {
    super(opened);
  }

  static async openWith(blas: BlasLibrary, sizes: EngineSizes, threads: number): Promise<BlasEngine> {
    return new BlasEngine(await WasmEngine.openMemory(sizes, threads, blas));
  }

  protected override get multipliesStored(): boolean {
    return true;
  }

  protected override multiply(
    shape: readonly [number, number, number],
    c: StridedAddress,
    a: StridedAddress,
    b: StridedAddress,
    accumulate: boolean,
  ): void {
    const [m, n] = shape;
    const grid = productGrid(m, n);
    const tiles = Math.ceil(m / grid.tileRows) * Math.ceil(n / grid.tileColumns);
    this.pool.runHost('multiplyBlas', tiles, productArguments(shape, grid, a, b, c, accumulate));
  }

  override attention(
    out: Tensor,
    logSumExp: Tensor,
    qkv: Tensor,
    cumulativeLengths: Tensor,
    shape: HeadShape,
    causal: boolean,
  ): void {
    const tiles = (cumulativeLengths.shape[0]! - 1) * shape.kvHeads;
    const call = callOf([out, logSumExp, qkv, cumulativeLengths], shape, causal);
    this.pool.runHost('attentionBlas', tiles, attentionArguments(call));
  }

  override attentionBackward(
    dQkv: Tensor,
    dOut: Tensor,
    out: Tensor,
    logSumExp: Tensor,
    qkv: Tensor,
    cumulativeLengths: Tensor,
    shape: HeadShape,
    causal: boolean,
  ): void {
    const tiles = (cumulativeLengths.shape[0]! - 1) * shape.kvHeads;
    const call = callOf([out, logSumExp, qkv, cumulativeLengths], shape, causal);
    const backward = [addressOf(dQkv), addressOf(dOut)];
    this.pool.runHost('attentionBackwardBlas', tiles, attentionArguments(call, backward));
  }
}

/** Addresses and numbers that both passes of attention need. */
function callOf(
  [out, logSumExp, qkv, cumulativeLengths]: readonly [Tensor, Tensor, Tensor, Tensor],
  shape: HeadShape,
  causal: boolean,
): AttentionArguments {
  return {
    out: addressOf(out),
    logSumExp: addressOf(logSumExp),
    qkv: addressOf(qkv),
    cumulativeLengths: addressOf(cumulativeLengths),
    ...shape,
    causal,
  };
}

/** Largest tile: packing its parts of A and B costs little beside the product. */
const TILE_ROWS = 1024;
const TILE_COLUMNS = 512;
/** No side is halved below this. */
const SMALLEST_SIDE = 256;
/** Halves are rounded up to whole vectors and panels of any library. */
const TILE_MULTIPLE = 16;
/** Tiles that a product should have, so that threads end together. */
const ENOUGH_TILES = 8;

/** Halves the longer side of the largest tile until there are enough tiles. */
function productGrid(m: number, n: number): ProductGrid {
  let [tileRows, tileColumns] = [Math.min(TILE_ROWS, m), Math.min(TILE_COLUMNS, n)];
  while (Math.ceil(m / tileRows) * Math.ceil(n / tileColumns) < ENOUGH_TILES) {
    const halveRows = tileRows >= tileColumns;
    const half = Math.ceil((halveRows ? tileRows : tileColumns) / 2 / TILE_MULTIPLE) * TILE_MULTIPLE;
    if (half < SMALLEST_SIDE) break;
    if (halveRows) tileRows = half;
    else tileColumns = half;
  }
  return { tileRows, tileColumns };
}
