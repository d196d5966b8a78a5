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

/** Tiles of a product: wide ones, because each packs its own parts of A and B. */
function productGrid(_m: number, _n: number): ProductGrid {
  const [tileRows, tileColumns] = (process.env.GRID ?? '512,512').split(',').map(Number);
  return { tileRows: tileRows!, tileColumns: tileColumns! };
}
