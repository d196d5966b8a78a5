import { address, word } from './arguments';

// C (+)= A·B with any strides. A is packed into panels of 6 rows and B into panels of 8 columns, both k after k, so
// that the inner loop reads two straight streams: 12 accumulators, 2 vectors of B, 1 element of A spread over a
// vector fill 15 of the 16 vector registers. Missing rows and columns of the last panels are zeros.

const ROWS: i32 = 6;
const COLUMNS: i32 = 8;
/** Panels packed by one tile of the packing op. */
const PANELS_A_TILE: i32 = 8;
/** Depth of one pass, so that a panel of B (8 KiB) and one of A stay in the first-level cache. */
const DEPTH: i32 = 256;
/** A tile of C: its part of A (96 KiB) stays in the second-level cache. */
const TILE_ROWS: i32 = 96;
const TILE_COLUMNS: i32 = 256;

/** One panel: `size` lines (rows of A, columns of B) from `source`, `depth` elements of each. */
function packPanel(
  target: usize, source: usize, lineStride: usize, depthStride: usize, lines: i32, size: i32, depth: i32,
): void {
  const step = <usize>size << 2;
  if (lines == size && lineStride == 4) {
    // Lines lie side by side: copy `size` neighbours for each k.
    if (size == 8) {
      for (let k = 0; k < depth; k++) {
        v128.store(target, v128.load(source));
        v128.store(target, v128.load(source, 16), 16);
        target += 32;
        source += depthStride;
      }
    } else {
      for (let k = 0; k < depth; k++) {
        v128.store(target, v128.load(source));
        store<u64>(target, load<u64>(source, 16), 16);
        target += 24;
        source += depthStride;
      }
    }
    return;
  }
  if (lines == size && depthStride == 4) {
    // Lines run along k: transpose 4 × 4 squares, and 2 × 4 for the rest of 6.
    const quads = depth & ~3;
    for (let line = 0; line + 4 <= size; line += 4) {
      let s0 = source + <usize>line * lineStride;
      let s1 = s0 + lineStride;
      let s2 = s1 + lineStride;
      let s3 = s2 + lineStride;
      let to = target + (<usize>line << 2);
      for (let k = 0; k < quads; k += 4) {
        const a = v128.load(s0);
        const b = v128.load(s1);
        const c = v128.load(s2);
        const d = v128.load(s3);
        const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
        const ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
        const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
        const cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
        v128.store(to, v128.shuffle<f32>(ab0, cd0, 0, 1, 4, 5));
        v128.store(to + step, v128.shuffle<f32>(ab0, cd0, 2, 3, 6, 7));
        v128.store(to + 2 * step, v128.shuffle<f32>(ab1, cd1, 0, 1, 4, 5));
        v128.store(to + 3 * step, v128.shuffle<f32>(ab1, cd1, 2, 3, 6, 7));
        s0 += 16;
        s1 += 16;
        s2 += 16;
        s3 += 16;
        to += 4 * step;
      }
    }
    if (size == 6) {
      let s0 = source + 4 * lineStride;
      let s1 = s0 + lineStride;
      let to = target + 16;
      for (let k = 0; k < quads; k += 4) {
        const a = v128.load(s0);
        const b = v128.load(s1);
        const low = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
        const high = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
        v128.store64_lane(to, low, 0);
        v128.store64_lane(to + step, low, 1);
        v128.store64_lane(to + 2 * step, high, 0);
        v128.store64_lane(to + 3 * step, high, 1);
        s0 += 16;
        s1 += 16;
        to += 4 * step;
      }
    }
    for (let k = quads; k < depth; k++)
      for (let line = 0; line < size; line++)
        store<f32>(
          target + <usize>k * step + (<usize>line << 2),
          load<f32>(source + <usize>line * lineStride + (<usize>k << 2)),
        );
    return;
  }
  for (let k = 0; k < depth; k++) {
    for (let line = 0; line < size; line++) {
      const at = target + (<usize>line << 2);
      if (line < lines) store<f32>(at, load<f32>(source + <usize>line * lineStride));
      else store<f32>(at, 0);
    }
    target += step;
    source += depthStride;
  }
}

/**
 * Packs A [m × depth] and B [depth × n]. Words: 0 a, 1 bytes between its rows, 2 between its columns; 3 b, 4 bytes
 * between its columns, 5 between its rows; 9 m, 10 n, 11 depth; 12, 13 the packed copies; 14 tiles that pack A.
 */
export function packPanels(args: usize, tile: i32, _scratch: usize): void {
  const depth = word(args, 11);
  const tilesOfA = word(args, 14);
  const isA = tile < tilesOfA;
  const size = isA ? ROWS : COLUMNS;
  const lines = isA ? word(args, 9) : word(args, 10);
  const source = isA ? address(args, 0) : address(args, 3);
  const lineStride = isA ? address(args, 1) : address(args, 4);
  const depthStride = isA ? address(args, 2) : address(args, 5);
  const target = isA ? address(args, 12) : address(args, 13);
  const first = (isA ? tile : tile - tilesOfA) * PANELS_A_TILE;
  const panels = (lines + size - 1) / size;
  const last = min(first + PANELS_A_TILE, panels);
  for (let panel = first; panel < last; panel++) {
    const line = panel * size;
    packPanel(
      target + ((<usize>line * <usize>depth) << 2), source + <usize>line * lineStride,
      lineStride, depthStride, min(size, lines - line), size, depth,
    );
  }
}

/** C [6 × 8] (+)= panel of A · panel of B over `depth`; `stride` = bytes between rows of C. */
function multiplyPanels(depth: i32, a: usize, b: usize, c: usize, stride: usize, accumulate: bool): void {
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  let c40 = c00;
  let c41 = c00;
  let c50 = c00;
  let c51 = c00;
  while (depth >= 2) {
    let b0 = v128.load(b);
    let b1 = v128.load(b, 16);
    let x = v128.load32_splat(a);
    c00 = f32x4.relaxed_madd(x, b0, c00);
    c01 = f32x4.relaxed_madd(x, b1, c01);
    x = v128.load32_splat(a, 4);
    c10 = f32x4.relaxed_madd(x, b0, c10);
    c11 = f32x4.relaxed_madd(x, b1, c11);
    x = v128.load32_splat(a, 8);
    c20 = f32x4.relaxed_madd(x, b0, c20);
    c21 = f32x4.relaxed_madd(x, b1, c21);
    x = v128.load32_splat(a, 12);
    c30 = f32x4.relaxed_madd(x, b0, c30);
    c31 = f32x4.relaxed_madd(x, b1, c31);
    x = v128.load32_splat(a, 16);
    c40 = f32x4.relaxed_madd(x, b0, c40);
    c41 = f32x4.relaxed_madd(x, b1, c41);
    x = v128.load32_splat(a, 20);
    c50 = f32x4.relaxed_madd(x, b0, c50);
    c51 = f32x4.relaxed_madd(x, b1, c51);
    b0 = v128.load(b, 32);
    b1 = v128.load(b, 48);
    x = v128.load32_splat(a, 24);
    c00 = f32x4.relaxed_madd(x, b0, c00);
    c01 = f32x4.relaxed_madd(x, b1, c01);
    x = v128.load32_splat(a, 28);
    c10 = f32x4.relaxed_madd(x, b0, c10);
    c11 = f32x4.relaxed_madd(x, b1, c11);
    x = v128.load32_splat(a, 32);
    c20 = f32x4.relaxed_madd(x, b0, c20);
    c21 = f32x4.relaxed_madd(x, b1, c21);
    x = v128.load32_splat(a, 36);
    c30 = f32x4.relaxed_madd(x, b0, c30);
    c31 = f32x4.relaxed_madd(x, b1, c31);
    x = v128.load32_splat(a, 40);
    c40 = f32x4.relaxed_madd(x, b0, c40);
    c41 = f32x4.relaxed_madd(x, b1, c41);
    x = v128.load32_splat(a, 44);
    c50 = f32x4.relaxed_madd(x, b0, c50);
    c51 = f32x4.relaxed_madd(x, b1, c51);
    a += 48;
    b += 64;
    depth -= 2;
  }
  if (depth > 0) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let x = v128.load32_splat(a);
    c00 = f32x4.relaxed_madd(x, b0, c00);
    c01 = f32x4.relaxed_madd(x, b1, c01);
    x = v128.load32_splat(a, 4);
    c10 = f32x4.relaxed_madd(x, b0, c10);
    c11 = f32x4.relaxed_madd(x, b1, c11);
    x = v128.load32_splat(a, 8);
    c20 = f32x4.relaxed_madd(x, b0, c20);
    c21 = f32x4.relaxed_madd(x, b1, c21);
    x = v128.load32_splat(a, 12);
    c30 = f32x4.relaxed_madd(x, b0, c30);
    c31 = f32x4.relaxed_madd(x, b1, c31);
    x = v128.load32_splat(a, 16);
    c40 = f32x4.relaxed_madd(x, b0, c40);
    c41 = f32x4.relaxed_madd(x, b1, c41);
    x = v128.load32_splat(a, 20);
    c50 = f32x4.relaxed_madd(x, b0, c50);
    c51 = f32x4.relaxed_madd(x, b1, c51);
  }
  if (accumulate) {
    let at = c;
    c00 = f32x4.add(c00, v128.load(at));
    c01 = f32x4.add(c01, v128.load(at, 16));
    at += stride;
    c10 = f32x4.add(c10, v128.load(at));
    c11 = f32x4.add(c11, v128.load(at, 16));
    at += stride;
    c20 = f32x4.add(c20, v128.load(at));
    c21 = f32x4.add(c21, v128.load(at, 16));
    at += stride;
    c30 = f32x4.add(c30, v128.load(at));
    c31 = f32x4.add(c31, v128.load(at, 16));
    at += stride;
    c40 = f32x4.add(c40, v128.load(at));
    c41 = f32x4.add(c41, v128.load(at, 16));
    at += stride;
    c50 = f32x4.add(c50, v128.load(at));
    c51 = f32x4.add(c51, v128.load(at, 16));
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  c += stride;
  v128.store(c, c10);
  v128.store(c, c11, 16);
  c += stride;
  v128.store(c, c20);
  v128.store(c, c21, 16);
  c += stride;
  v128.store(c, c30);
  v128.store(c, c31, 16);
  c += stride;
  v128.store(c, c40);
  v128.store(c, c41, 16);
  c += stride;
  v128.store(c, c50);
  v128.store(c, c51, 16);
}

/** A panel product at the ragged edge of C: through 6 × 8 floats of scratch. */
function multiplyEdge(
  depth: i32, a: usize, b: usize, c: usize, stride: usize, accumulate: bool, rows: i32, columns: i32, scratch: usize,
): void {
  multiplyPanels(depth, a, b, scratch, <usize>COLUMNS << 2, false);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) {
      const at = c + <usize>i * stride + (<usize>j << 2);
      const value = load<f32>(scratch + (<usize>(i * COLUMNS + j) << 2));
      store<f32>(at, accumulate ? load<f32>(at) + value : value);
    }
}

/**
 * One tile of C from the packed copies. Words: 6 c, 7 bytes between its rows, 8 accumulate; 9 m, 10 n, 11 depth;
 * 12, 13 the packed copies; 15 tiles along n.
 */
export function multiplyTile(args: usize, tile: i32, scratch: usize): void {
  const c = address(args, 6);
  const stride = address(args, 7);
  const m = word(args, 9);
  const n = word(args, 10);
  const depth = word(args, 11);
  const a = address(args, 12);
  const b = address(args, 13);
  const across = word(args, 15);
  const row0 = (tile / across) * TILE_ROWS;
  const column0 = (tile % across) * TILE_COLUMNS;
  const row1 = min(row0 + TILE_ROWS, m);
  const column1 = min(column0 + TILE_COLUMNS, n);
  for (let k = 0; k < depth; k += DEPTH) {
    const part = min(DEPTH, depth - k);
    const accumulate = k > 0 || word(args, 8) != 0;
    for (let j = column0; j < column1; j += COLUMNS) {
      const panelB = b + ((<usize>j * <usize>depth + <usize>(k * COLUMNS)) << 2);
      for (let i = row0; i < row1; i += ROWS) {
        const panelA = a + ((<usize>i * <usize>depth + <usize>(k * ROWS)) << 2);
        const at = c + <usize>i * stride + (<usize>j << 2);
        if (i + ROWS <= m && j + COLUMNS <= n) multiplyPanels(part, panelA, panelB, at, stride, accumulate);
        else
          multiplyEdge(
            part, panelA, panelB, at, stride, accumulate, min(ROWS, m - i), min(COLUMNS, n - j), scratch,
          );
      }
    }
  }
}
