import type { EngineSizes } from '../../../core/plannedBytes.ts';
import { type OpenedMemory, WasmEngine } from '../wasm/wasmEngine.ts';
import type { BlasLibrary } from './blasLibrary.ts';
import { type ProductGrid, productArguments, type StridedAddress } from './productKernel.ts';

/**
 * The WebAssembly engine with its products left to a BLAS library, which works in place on arena and store. The library
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
