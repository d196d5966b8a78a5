import { address, word } from './arguments';
import { product6x16Add, product6x16Set, product6x8Add, product6x8Set } from './products';

// C (+)= A·B with any strides. The inner loop walks along k: six rows of A and a panel of 16 columns of B. B is packed
// into panels, k after k. A is used in place where its rows run along k; otherwise each tile turns its own part of A in
// scratch, where it stays in the second-level cache. The depth is cut into parts, so that a panel of B (16 KiB) and six
// rows of A stay in the first-level cache.

const ROWS: i32 = 6;
const COLUMNS: i32 = 16;
/** Bytes between the rows of a panel of B. */
const PANEL_STEP: usize = 64;
const DEPTH: i32 = 256;
/** Columns of B packed by one tile of the packing op. */
const PACK_LINES: i32 = 64;
/** Bytes between the rows of a part of A in scratch: 64 more than DEPTH floats, so that rows fall on different sets of a cache. */
const TURNED_ROW: usize = 1088;

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

/** Lines of A that lie side by side, `depth` elements with `depthStride` between them, become rows along k. */
function transposeLines(target: usize, source: usize, depthStride: usize, lines: i32, depth: i32): void {
  const quads = depth & ~3;
  const fours = lines & ~3;
  for (let k = 0; k < quads; k += 4) {
    const s0 = source + <usize>k * depthStride;
    const s1 = s0 + depthStride;
    const s2 = s1 + depthStride;
    const s3 = s2 + depthStride;
    let t0 = target + (<usize>k << 2);
    for (let line = 0; line < fours; line += 4) {
      const at = <usize>line << 2;
      const a = v128.load(s0 + at);
      const b = v128.load(s1 + at);
      const c = v128.load(s2 + at);
      const d = v128.load(s3 + at);
      const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
      const ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
      const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
      const cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
      v128.store(t0, v128.shuffle<f32>(ab0, cd0, 0, 1, 4, 5));
      v128.store(t0 + TURNED_ROW, v128.shuffle<f32>(ab0, cd0, 2, 3, 6, 7));
      v128.store(t0 + 2 * TURNED_ROW, v128.shuffle<f32>(ab1, cd1, 0, 1, 4, 5));
      v128.store(t0 + 3 * TURNED_ROW, v128.shuffle<f32>(ab1, cd1, 2, 3, 6, 7));
      t0 += 4 * TURNED_ROW;
    }
  }
  for (let line = 0; line < lines; line++)
    for (let k = line < fours ? quads : 0; k < depth; k++)
      store<f32>(
        target + <usize>line * TURNED_ROW + (<usize>k << 2),
        load<f32>(source + (<usize>line << 2) + <usize>k * depthStride),
      );
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
 * Packs B [depth × n]. Words: 3 b, 4 bytes between its columns, 5 between its rows; 10 n, 11 depth; 12 the packed copy.
 */
export function packPanels(args: usize, tile: i32, _scratch: usize): void {
  const n = word(args, 10);
  const depth = word(args, 11);
  const parts = (depth + DEPTH - 1) / DEPTH;
  const k = (tile % parts) * DEPTH;
  const part = min(DEPTH, depth - k);
  const padded = (n + COLUMNS - 1) & ~(COLUMNS - 1);
  const first = (tile / parts) * PACK_LINES;
  const end = min(first + PACK_LINES, n);
  for (let line = first; line < end; line += COLUMNS)
    packPanel(
      address(args, 12) + (<usize>(k * padded + line * part) << 2),
      address(args, 3) + <usize>line * address(args, 4) + <usize>k * address(args, 5),
      address(args, 4), address(args, 5), min(COLUMNS, n - line), part,
    );
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
 * One tile of C. Words: 0 a, 1 bytes between its rows, 2 between its columns, of which one is 4; 6 c, 7 bytes between
 * its rows, 8 accumulate; 9 m, 10 n, 11 depth; 12 the packed copy of B; 13 tiles along n; 14, 15 rows and columns of a
 * tile; 16 whether blocks of 6 × 16 are faster.
 */
export function multiplyTile(args: usize, tile: i32, scratch: usize): void {
  const c = address(args, 6);
  const cRow = address(args, 7);
  const m = word(args, 9);
  const n = word(args, 10);
  const depth = word(args, 11);
  const inPlace = word(args, 2) == 4;
  const padded = (n + COLUMNS - 1) & ~(COLUMNS - 1);
  const across = word(args, 13);
  const edge = scratch; //                        [6][16]
  const turned = scratch + 6 * PANEL_STEP; //     [rows of a tile][272]
  const row0 = (tile / across) * word(args, 14);
  const column0 = (tile % across) * word(args, 15);
  const row1 = min(row0 + word(args, 14), m);
  const column1 = min(column0 + word(args, 15), n);
  const wide = word(args, 16) != 0;
  for (let k = 0; k < depth; k += DEPTH) {
    const part = min(DEPTH, depth - k);
    const add = k > 0 || word(args, 8) != 0;
    let a = address(args, 0) + <usize>row0 * address(args, 1) + <usize>k * address(args, 2);
    if (!inPlace) {
      transposeLines(turned, a, address(args, 2), row1 - row0, part);
      a = turned;
    }
    const aRow = inPlace ? address(args, 1) : TURNED_ROW;
    for (let j = column0; j < column1; j += COLUMNS) {
      const b = address(args, 12) + (<usize>(k * padded + j * part) << 2);
      const columns = min(COLUMNS, n - j);
      for (let i = row0; i < row1; i += ROWS) {
        const rows = min(ROWS, m - i);
        const from = a + <usize>(i - row0) * aRow;
        const to = c + <usize>i * cRow + (<usize>j << 2);
        if (columns < COLUMNS) productEdge(part, from, aRow, rows, b, to, cRow, add, columns, edge);
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
