import type { Multiply } from './blasLibrary.ts';

/** A matrix as a product takes it: byte distances between its rows and between its columns, one of them 4. */
export interface StridedAddress {
  address: number;
  rowStride: number;
  columnStride: number;
}

/** How a product is cut: by its shape alone, so that any number of threads gives the same bits. */
export interface ProductGrid {
  tileRows: number;
  tileColumns: number;
}

/** Rows of B that one call covers: partial sums begin at its multiples, whatever part of a matrix is at hand. */
export const DEPTH_PART = 8192;

/** The product's arguments as doubles, in the order in which `multiplyTile` reads them. */
export function productArguments(
  [m, n, depth]: readonly [number, number, number],
  grid: ProductGrid,
  a: StridedAddress,
  b: StridedAddress,
  c: { address: number; rowStride: number },
  accumulate: boolean,
): number[] {
  return [
    ...[m, n, depth, grid.tileRows, grid.tileColumns, Math.ceil(n / grid.tileColumns)],
    ...[a.address, a.rowStride, a.columnStride, b.address, b.rowStride, b.columnStride],
    ...[c.address, c.rowStride, accumulate ? 1 : 0],
  ];
}

/** One tile of C, in parts of the depth. `pointer` turns an address of the engine into one of the process. */
export function multiplyTile(
  multiply: Multiply,
  args: Float64Array,
  tile: number,
  pointer: (address: number) => number,
): void {
  const [m = 0, n = 0, depth = 0, tileRows = 0, tileColumns = 0, across = 1] = args;
  const [aAddress = 0, aRow = 0, aColumn = 0, bAddress = 0, bRow = 0, bColumn = 0] = args.subarray(6);
  const [cAddress = 0, cRow = 0, accumulate = 0] = args.subarray(12);
  const row = Math.floor(tile / across) * tileRows;
  const column = (tile % across) * tileColumns;
  const rows = Math.min(tileRows, m - row);
  const columns = Math.min(tileColumns, n - column);
  for (let k = 0; k < depth; k += DEPTH_PART) {
    const part = Math.min(DEPTH_PART, depth - k);
    multiply(
      rows,
      columns,
      part,
      operand(pointer(aAddress + row * aRow + k * aColumn), rows, part, aRow, aColumn),
      operand(pointer(bAddress + k * bRow + column * bColumn), part, columns, bRow, bColumn),
      {
        accumulate: accumulate === 1 || k > 0,
        pointer: pointer(cAddress + row * cRow + column * 4),
        stride: cRow / 4,
      },
    );
  }
}

/** A distance between rows shorter than a row is refused by CBLAS, even where there is one row alone. */
function operand(
  pointer: number,
  rows: number,
  columns: number,
  rowStride: number,
  columnStride: number,
): { transposed: boolean; pointer: number; stride: number } {
  return columnStride === 4
    ? { transposed: false, pointer, stride: Math.max(rowStride / 4, columns) }
    : { transposed: true, pointer, stride: Math.max(columnStride / 4, rows) };
}
