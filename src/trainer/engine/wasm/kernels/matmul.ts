import { address, word } from './arguments';
import { product6x16Add, product6x16Set, product6x8Add, product6x8Set } from './products';

// C (+)= A·B with any strides. The inner loop walks along k: six rows of A, in place where their elements lie side by
// side, and panels of 16 columns of B, which are packed k after k. What is packed is cut into parts of DEPTH, so that a
// panel of B (16 KiB) and six rows of A stay in the first-level cache.

const ROWS: i32 = 6;
const COLUMNS: i32 = 16;
/** Bytes between the rows of a panel of B. */
const PANEL_STEP: usize = 64;
const DEPTH: i32 = 256;
/** Lines (rows of A, columns of B) packed by one tile of the packing op. */
const PACK_LINES_A: i32 = 48;
const PACK_LINES_B: i32 = 64;

/** Four lines side by side, `quads` elements along k of each, become four rows along k. */
function transposeRows(
  target: usize, targetRow: usize, source: usize, depthStride: usize, quads: i32,
): void {
  const t1 = target + targetRow;
  const t2 = t1 + targetRow;
  const t3 = t2 + targetRow;
  for (let k = 0; k < quads; k += 4) {
    const a = v128.load(source);
    const b = v128.load(source + depthStride);
    const c = v128.load(source + 2 * depthStride);
    const d = v128.load(source + 3 * depthStride);
    const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
    const ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
    const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
    const cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
    const at = <usize>k << 2;
    v128.store(target + at, v128.shuffle<f32>(ab0, cd0, 0, 1, 4, 5));
    v128.store(t1 + at, v128.shuffle<f32>(ab0, cd0, 2, 3, 6, 7));
    v128.store(t2 + at, v128.shuffle<f32>(ab1, cd1, 0, 1, 4, 5));
    v128.store(t3 + at, v128.shuffle<f32>(ab1, cd1, 2, 3, 6, 7));
    source += 4 * depthStride;
  }
}

/** Four lines along k, `quads` elements of each, become four columns of a panel. */
function transposeColumns(target: usize, s0: usize, lineStride: usize, quads: i32): void {
  const s1 = s0 + lineStride;
  const s2 = s1 + lineStride;
  const s3 = s2 + lineStride;
  for (let k = 0; k < quads; k += 4) {
    const at = <usize>k << 2;
    const a = v128.load(s0 + at);
    const b = v128.load(s1 + at);
    const c = v128.load(s2 + at);
    const d = v128.load(s3 + at);
    const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
    const ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
    const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
    const cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
    v128.store(target, v128.shuffle<f32>(ab0, cd0, 0, 1, 4, 5));
    v128.store(target, v128.shuffle<f32>(ab0, cd0, 2, 3, 6, 7), 64);
    v128.store(target, v128.shuffle<f32>(ab1, cd1, 0, 1, 4, 5), 128);
    v128.store(target, v128.shuffle<f32>(ab1, cd1, 2, 3, 6, 7), 192);
    target += 256;
  }
}

/** Rows of A along k: `lines` rows of `depth` elements. */
function packRows(
  target: usize, source: usize, lineStride: usize, depthStride: usize, lines: i32, depth: i32,
): void {
  const row = <usize>depth << 2;
  let quads = 0;
  let line = 0;
  if (lineStride == 4) {
    quads = depth & ~3;
    for (; line + 4 <= lines; line += 4)
      transposeRows(target + <usize>line * row, row, source + (<usize>line << 2), depthStride, quads);
  }
  const transposed = line;
  for (line = 0; line < lines; line++) {
    const to = target + <usize>line * row;
    const from = source + <usize>line * lineStride;
    for (let k = line < transposed ? quads : 0; k < depth; k++)
      store<f32>(to + (<usize>k << 2), load<f32>(from + <usize>k * depthStride));
  }
}

/** One panel of B: 16 columns, of which `lines` exist. */
function packPanel(
  target: usize, source: usize, lineStride: usize, depthStride: usize, lines: i32, depth: i32,
): void {
  let k = 0;
  if (lines == COLUMNS && lineStride == 4) {
    for (; k < depth; k++) {
      const from = source + <usize>k * depthStride;
      const to = target + (<usize>k << 6);
      v128.store(to, v128.load(from));
      v128.store(to, v128.load(from, 16), 16);
      v128.store(to, v128.load(from, 32), 32);
      v128.store(to, v128.load(from, 48), 48);
    }
  } else if (lines == COLUMNS && depthStride == 4) {
    k = depth & ~3;
    for (let line = 0; line < COLUMNS; line += 4)
      transposeColumns(target + (<usize>line << 2), source + <usize>line * lineStride, lineStride, k);
  }
  for (; k < depth; k++)
    for (let line = 0; line < COLUMNS; line++) {
      const at = target + (<usize>(k * COLUMNS + line) << 2);
      const from = source + <usize>line * lineStride + <usize>k * depthStride;
      if (line < lines) store<f32>(at, load<f32>(from));
      else store<f32>(at, 0);
    }
}

/**
 * Packs A [m × depth] (only where it is not used in place) and B [depth × n]. Words: 0 a, 1 bytes between its rows,
 * 2 between its columns; 3 b, 4 bytes between its columns, 5 between its rows; 9 m, 10 n, 11 depth; 12, 13 the packed
 * copies; 14 tiles that pack A.
 */
export function packOperands(args: usize, tile: i32, _scratch: usize): void {
  const depth = word(args, 11);
  const parts = (depth + DEPTH - 1) / DEPTH;
  const tilesOfA = word(args, 14);
  const isA = tile < tilesOfA;
  const index = isA ? tile : tile - tilesOfA;
  const k = (index % parts) * DEPTH;
  const part = min(DEPTH, depth - k);
  if (isA) {
    const m = word(args, 9);
    const line = (index / parts) * PACK_LINES_A;
    packRows(
      address(args, 12) + (<usize>(k * m + line * part) << 2),
      address(args, 0) + <usize>line * address(args, 1) + <usize>k * address(args, 2),
      address(args, 1), address(args, 2), min(PACK_LINES_A, m - line), part,
    );
  } else {
    const n = word(args, 10);
    const padded = (n + COLUMNS - 1) & ~(COLUMNS - 1);
    const first = (index / parts) * PACK_LINES_B;
    const end = min(first + PACK_LINES_B, n);
    for (let line = first; line < end; line += COLUMNS)
      packPanel(
        address(args, 13) + (<usize>(k * padded + line * part) << 2),
        address(args, 3) + <usize>line * address(args, 4) + <usize>k * address(args, 5),
        address(args, 4), address(args, 5), min(COLUMNS, n - line), part,
      );
  }
}

/** A block at the right edge of C, through 6 × 16 floats of scratch. */
function productEdge(
  depth: i32, a: usize, aRow: usize, rows: i32, b: usize, c: usize, cRow: usize, add: bool, columns: i32,
  scratch: usize,
): void {
  product6x8Set(depth, a, aRow, 4, rows, b, PANEL_STEP, scratch, PANEL_STEP);
  if (columns > 8) product6x8Set(depth, a, aRow, 4, rows, b + 32, PANEL_STEP, scratch + 32, PANEL_STEP);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) {
      const at = c + <usize>i * cRow + (<usize>j << 2);
      const value = load<f32>(scratch + (<usize>(i * COLUMNS + j) << 2));
      store<f32>(at, add ? load<f32>(at) + value : value);
    }
}

/**
 * One tile of C. Words: 0 a, 1 bytes between its rows (where it is used in place); 6 c, 7 bytes between its rows,
 * 8 accumulate; 9 m, 10 n, 11 depth; 12, 13 the packed copies; 14 tiles that packed A (0: A is used in place);
 * 15 tiles along n; 16, 17 rows and columns of a tile; 18 whether blocks of 6 × 16 are faster.
 */
export function multiplyTile(args: usize, tile: i32, scratch: usize): void {
  const c = address(args, 6);
  const cRow = address(args, 7);
  const m = word(args, 9);
  const n = word(args, 10);
  const depth = word(args, 11);
  const inPlace = word(args, 14) == 0;
  const padded = (n + COLUMNS - 1) & ~(COLUMNS - 1);
  const across = word(args, 15);
  const row0 = (tile / across) * word(args, 16);
  const column0 = (tile % across) * word(args, 17);
  const row1 = min(row0 + word(args, 16), m);
  const column1 = min(column0 + word(args, 17), n);
  const wide = word(args, 18) != 0;
  for (let k = 0; k < depth; k += DEPTH) {
    const part = min(DEPTH, depth - k);
    const add = k > 0 || word(args, 8) != 0;
    const a = inPlace ? address(args, 0) + (<usize>k << 2) : address(args, 12) + (<usize>(k * m) << 2);
    const aRow = inPlace ? address(args, 1) : <usize>part << 2;
    for (let j = column0; j < column1; j += COLUMNS) {
      const b = address(args, 13) + (<usize>(k * padded + j * part) << 2);
      const columns = min(COLUMNS, n - j);
      for (let i = row0; i < row1; i += ROWS) {
        const rows = min(ROWS, m - i);
        const from = a + <usize>i * aRow;
        const to = c + <usize>i * cRow + (<usize>j << 2);
        if (columns < COLUMNS) productEdge(part, from, aRow, rows, b, to, cRow, add, columns, scratch);
        else if (wide) {
          if (add) product6x16Add(part, from, aRow, 4, rows, b, PANEL_STEP, to, cRow);
          else product6x16Set(part, from, aRow, 4, rows, b, PANEL_STEP, to, cRow);
        } else if (add) {
          product6x8Add(part, from, aRow, 4, rows, b, PANEL_STEP, to, cRow);
          product6x8Add(part, from, aRow, 4, rows, b + 32, PANEL_STEP, to + 32, cRow);
        } else {
          product6x8Set(part, from, aRow, 4, rows, b, PANEL_STEP, to, cRow);
          product6x8Set(part, from, aRow, 4, rows, b + 32, PANEL_STEP, to + 32, cRow);
        }
      }
    }
  }
}
