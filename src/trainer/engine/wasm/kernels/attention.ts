import { address, float, word } from './arguments';
import { exp4, horizontalMax, horizontalSum, loadTail, logarithm, storeTail } from './simd';

// Variable-length grouped-query attention. One tile of work is one sample and one key/value head with all its query
// heads; scores exist only for a block of queries and a block of keys. Rows in scratch are padded with zeros to a
// multiple of 8 elements.

/** Queries and keys of one block. */
const BLOCK: i32 = 64;

// @ts-ignore: decorator
@inline
function roundUp(x: i32, multiple: i32): i32 {
  return ((x + multiple - 1) / multiple) * multiple;
}

/** C [4 × 8] (+)= A·B over `depth`; steps and strides in bytes. */
function product4x8(
  depth: i32, a: usize, aRow: usize, aStep: usize, b: usize, bStep: usize, c: usize, cRow: usize, accumulate: bool,
): void {
  let a1 = a + aRow;
  let a2 = a1 + aRow;
  let a3 = a2 + aRow;
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  for (; depth > 0; depth--) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let x = v128.load32_splat(a);
    c00 = f32x4.relaxed_madd(x, b0, c00);
    c01 = f32x4.relaxed_madd(x, b1, c01);
    x = v128.load32_splat(a1);
    c10 = f32x4.relaxed_madd(x, b0, c10);
    c11 = f32x4.relaxed_madd(x, b1, c11);
    x = v128.load32_splat(a2);
    c20 = f32x4.relaxed_madd(x, b0, c20);
    c21 = f32x4.relaxed_madd(x, b1, c21);
    x = v128.load32_splat(a3);
    c30 = f32x4.relaxed_madd(x, b0, c30);
    c31 = f32x4.relaxed_madd(x, b1, c31);
    a += aStep;
    a1 += aStep;
    a2 += aStep;
    a3 += aStep;
    b += bStep;
  }
  const r1 = c + cRow;
  const r2 = r1 + cRow;
  const r3 = r2 + cRow;
  if (accumulate) {
    c00 = f32x4.add(c00, v128.load(c));
    c01 = f32x4.add(c01, v128.load(c, 16));
    c10 = f32x4.add(c10, v128.load(r1));
    c11 = f32x4.add(c11, v128.load(r1, 16));
    c20 = f32x4.add(c20, v128.load(r2));
    c21 = f32x4.add(c21, v128.load(r2, 16));
    c30 = f32x4.add(c30, v128.load(r3));
    c31 = f32x4.add(c31, v128.load(r3, 16));
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(r1, c10);
  v128.store(r1, c11, 16);
  v128.store(r2, c20);
  v128.store(r2, c21, 16);
  v128.store(r3, c30);
  v128.store(r3, c31, 16);
}

/** C [m × n] (+)= A·B; m rounds up to 4 and n is a multiple of 8. */
function product(
  m: i32, n: i32, depth: i32, a: usize, aRow: usize, aStep: usize, b: usize, bStep: usize, c: usize, cRow: usize,
  accumulate: bool,
): void {
  for (let j = 0; j < n; j += 8)
    for (let i = 0; i < m; i += 4)
      product4x8(
        depth, a + <usize>i * aRow, aRow, aStep, b + (<usize>j << 2), bStep,
        c + <usize>i * cRow + (<usize>j << 2), cRow, accumulate,
      );
}

/** Copies rows of `width` floats, scaled, into rows of `padded` floats; the padding and rows up to `total` are 0. */
function loadRows(
  target: usize, source: usize, stride: usize, rows: i32, total: i32, width: i32, padded: i32, scale: f32,
): void {
  const factor = f32x4.splat(scale);
  for (let row = 0; row < total; row++) {
    for (let d = 0; d < padded; d += 4) {
      const at = target + (<usize>d << 2);
      if (row < rows && d < width)
        v128.store(at, f32x4.mul(factor, loadTail(source + (<usize>d << 2), width - d)));
      else v128.store(at, f32x4.splat(0));
    }
    target += <usize>padded << 2;
    source += stride;
  }
}

/** The same rows transposed, block after block of 64 keys: [block][padded][64]. */
function loadTransposed(target: usize, source: usize, stride: usize, rows: i32, width: i32, padded: i32): void {
  for (let first = 0; first < rows; first += BLOCK) {
    for (let row = 0; row < BLOCK; row += 4) {
      const known = rows - first - row;
      const s0 = source + <usize>(first + row) * stride;
      for (let d = 0; d < padded; d += 4) {
        const n = width - d;
        const from = s0 + (<usize>d << 2);
        const a = known > 0 && n > 0 ? loadTail(from, n) : f32x4.splat(0);
        const b = known > 1 && n > 0 ? loadTail(from + stride, n) : f32x4.splat(0);
        const c = known > 2 && n > 0 ? loadTail(from + 2 * stride, n) : f32x4.splat(0);
        const e = known > 3 && n > 0 ? loadTail(from + 3 * stride, n) : f32x4.splat(0);
        const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
        const ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
        const ce0 = v128.shuffle<f32>(c, e, 0, 4, 1, 5);
        const ce1 = v128.shuffle<f32>(c, e, 2, 6, 3, 7);
        const to = target + (<usize>(d * BLOCK + row) << 2);
        v128.store(to, v128.shuffle<f32>(ab0, ce0, 0, 1, 4, 5));
        v128.store(to, v128.shuffle<f32>(ab0, ce0, 2, 3, 6, 7), 256);
        v128.store(to, v128.shuffle<f32>(ab1, ce1, 0, 1, 4, 5), 512);
        v128.store(to, v128.shuffle<f32>(ab1, ce1, 2, 3, 6, 7), 768);
      }
    }
    target += <usize>(BLOCK * padded) << 2;
  }
}

/** Copies rows of `padded` floats out to rows of `width` floats, scaled. */
function storeRows(target: usize, stride: usize, source: usize, rows: i32, width: i32, padded: i32, scale: f32): void {
  const factor = f32x4.splat(scale);
  for (let row = 0; row < rows; row++) {
    for (let d = 0; d < width; d += 4)
      storeTail(target + (<usize>d << 2), f32x4.mul(factor, v128.load(source + (<usize>d << 2))), width - d);
    target += stride;
    source += <usize>padded << 2;
  }
}

/** Keys of the block that query `row` may see. */
// @ts-ignore: decorator
@inline
function visibleKeys(causal: bool, query: i32, firstKey: i32, keys: i32): i32 {
  return causal ? min(keys, query - firstKey + 1) : keys;
}

/**
 * Words: 0 out, 1 logSumExp, 2 qkv, 3 cumulative lengths, 4 query heads, 5 key/value heads, 6 head dimension,
 * 7 causal, 8 scale (float).
 */
export function attention(args: usize, tile: i32, scratch: usize): void {
  const heads = word(args, 4);
  const kvHeads = word(args, 5);
  const width = word(args, 6);
  const causal = word(args, 7) != 0;
  const sample = tile / kvHeads;
  const kvHead = tile % kvHeads;
  const lengths = address(args, 3);
  const start = load<i32>(lengths + (<usize>sample << 2));
  const length = load<i32>(lengths + (<usize>sample << 2), 4) - start;
  if (length == 0) return;
  const padded = roundUp(width, 8);
  const paddedRow = <usize>padded << 2;
  const paddedLength = roundUp(length, BLOCK);
  const scoreRow: usize = 256;
  const row = <usize>((heads + 2 * kvHeads) * width) << 2;
  const qkv = address(args, 2) + <usize>start * row;

  const keys = scratch; //                                             [blocks][padded][64]
  const values = keys + <usize>paddedLength * paddedRow; //            [length][padded]
  const queries = values + <usize>paddedLength * paddedRow; //         [64][padded]
  const result = queries + <usize>BLOCK * paddedRow; //                [64][padded]
  const scores = result + <usize>BLOCK * paddedRow; //                 [64][64]
  const maxima = scores + <usize>BLOCK * scoreRow; //                  [64]
  const sums = maxima + scoreRow; //                                   [64]

  const valueColumn = <usize>((heads + kvHeads + kvHead) * width) << 2;
  loadTransposed(keys, qkv + (<usize>((heads + kvHead) * width) << 2), row, length, width, padded);
  loadRows(values, qkv + valueColumn, row, length, paddedLength, width, padded, 1);

  const group = heads / kvHeads;
  for (let head = kvHead * group; head < (kvHead + 1) * group; head++) {
    for (let query0 = 0; query0 < length; query0 += BLOCK) {
      const queryCount = min(BLOCK, length - query0);
      const paddedCount = roundUp(queryCount, 4);
      const source = qkv + <usize>query0 * row + (<usize>(head * width) << 2);
      loadRows(queries, source, row, queryCount, paddedCount, width, padded, float(args, 8));
      const lastKey = causal ? query0 + queryCount : length;
      for (let key0 = 0; key0 < lastKey; key0 += BLOCK) {
        const keyCount = min(BLOCK, length - key0);
        const paddedKeys = roundUp(keyCount, 8);
        const keyBlock = keys + <usize>key0 * paddedRow;
        product(paddedCount, paddedKeys, width, queries, paddedRow, 4, keyBlock, 256, scores, scoreRow, false);
        for (let i = 0; i < paddedCount; i++) {
          const line = scores + <usize>i * scoreRow;
          const visible = f32x4.splat(<f32>visibleKeys(causal, query0 + i, key0, keyCount));
          let index = f32x4(0, 1, 2, 3);
          let top = f32x4.splat(-1e30);
          for (let j = 0; j < paddedKeys; j += 4) {
            const at = line + (<usize>j << 2);
            const score = v128.bitselect(v128.load(at), f32x4.splat(-1e30), f32x4.lt(index, visible));
            v128.store(at, score);
            top = f32x4.max(top, score);
            index = f32x4.add(index, f32x4.splat(4));
          }
          const slot = <usize>i << 2;
          const before = key0 == 0 ? <f32>-1e30 : load<f32>(maxima + slot);
          const now = max(before, horizontalMax(top));
          const base = f32x4.splat(now);
          let sum = f32x4.splat(0);
          for (let j = 0; j < paddedKeys; j += 4) {
            const at = line + (<usize>j << 2);
            const p = exp4(f32x4.sub(v128.load(at), base));
            v128.store(at, p);
            sum = f32x4.add(sum, p);
          }
          store<f32>(maxima + slot, now);
          let total = horizontalSum(sum);
          if (key0 > 0) {
            const correction = exp4(f32x4.splat(before - now));
            total += load<f32>(sums + slot) * f32x4.extract_lane(correction, 0);
            const partial = result + <usize>i * paddedRow;
            for (let d = 0; d < padded; d += 4) {
              const at = partial + (<usize>d << 2);
              v128.store(at, f32x4.mul(v128.load(at), correction));
            }
          }
          store<f32>(sums + slot, total);
        }
        product(
          paddedCount, padded, paddedKeys, scores, scoreRow, 4, values + <usize>key0 * paddedRow, paddedRow,
          result, paddedRow, key0 > 0,
        );
      }
      for (let i = 0; i < queryCount; i++) {
        const token = start + query0 + i;
        const total = load<f32>(sums + (<usize>i << 2));
        const at = (<usize>token * <usize>heads + <usize>head) << 2;
        store<f32>(
          address(args, 1) + at, <f32>(<f64>load<f32>(maxima + (<usize>i << 2)) + logarithm(<f64>total)),
        );
        storeRows(
          address(args, 0) + at * <usize>width, 0, result + <usize>i * paddedRow, 1, width, padded, 1 / total,
        );
      }
    }
  }
}

/** Words as for `attention`, with 9 dQkv and 10 dOut. */
export function attentionBackward(args: usize, tile: i32, scratch: usize): void {
  const heads = word(args, 4);
  const kvHeads = word(args, 5);
  const width = word(args, 6);
  const causal = word(args, 7) != 0;
  const scale = float(args, 8);
  const sample = tile / kvHeads;
  const kvHead = tile % kvHeads;
  const lengths = address(args, 3);
  const start = load<i32>(lengths + (<usize>sample << 2));
  const length = load<i32>(lengths + (<usize>sample << 2), 4) - start;
  if (length == 0) return;
  const padded = roundUp(width, 8);
  const paddedRow = <usize>padded << 2;
  const paddedLength = roundUp(length, BLOCK);
  const whole = <usize>paddedLength * paddedRow;
  const block = <usize>BLOCK * paddedRow;
  const scoreRow: usize = 256;
  const row = <usize>((heads + 2 * kvHeads) * width) << 2;
  const qkv = address(args, 2) + <usize>start * row;
  const dQkv = address(args, 9) + <usize>start * row;
  const outRow = <usize>(heads * width) << 2;

  const keysAcross = scratch; //                [blocks][padded][64]
  const valuesAcross = keysAcross + whole; //   [blocks][padded][64]
  const keys = valuesAcross + whole; //         [length][padded]
  const dKeys = keys + whole; //                [length][padded]
  const dValues = dKeys + whole; //             [length][padded]
  const queries = dValues + whole; //           [64][padded]
  const dOut = queries + block; //              [64][padded]
  const dQueries = dOut + block; //             [64][padded]
  const weights = dQueries + block; //          [64][64]
  const dScores = weights + 64 * scoreRow; //   [64][64]

  const keyColumn = <usize>((heads + kvHead) * width) << 2;
  const valueColumn = <usize>((heads + kvHeads + kvHead) * width) << 2;
  loadTransposed(keysAcross, qkv + keyColumn, row, length, width, padded);
  loadTransposed(valuesAcross, qkv + valueColumn, row, length, width, padded);
  loadRows(keys, qkv + keyColumn, row, length, paddedLength, width, padded, 1);
  memory.fill(dKeys, 0, 2 * whole);

  const group = heads / kvHeads;
  for (let head = kvHead * group; head < (kvHead + 1) * group; head++) {
    const column = <usize>(head * width) << 2;
    for (let query0 = 0; query0 < length; query0 += BLOCK) {
      const queryCount = min(BLOCK, length - query0);
      const paddedCount = roundUp(queryCount, 4);
      const token0 = start + query0;
      const dOutSource = address(args, 10) + <usize>token0 * outRow + column;
      const outSource = address(args, 0) + <usize>token0 * outRow + column;
      loadRows(queries, qkv + <usize>query0 * row + column, row, queryCount, paddedCount, width, padded, scale);
      loadRows(dOut, dOutSource, outRow, queryCount, paddedCount, width, padded, 1);
      const lastKey = causal ? query0 + queryCount : length;
      for (let key0 = 0; key0 < lastKey; key0 += BLOCK) {
        const keyCount = min(BLOCK, length - key0);
        const paddedKeys = roundUp(keyCount, 8);
        const at0 = <usize>key0 * paddedRow;
        product(
          paddedCount, paddedKeys, width, queries, paddedRow, 4, keysAcross + at0, 256, weights, scoreRow, false,
        );
        product(
          paddedCount, paddedKeys, width, dOut, paddedRow, 4, valuesAcross + at0, 256, dScores, scoreRow, false,
        );
        for (let i = 0; i < queryCount; i++) {
          // Σ p·dp over all keys, which the softmax's gradient subtracts, equals dOut · out.
          let dot = f32x4.splat(0);
          const outLine = outSource + <usize>i * outRow;
          for (let d = 0; d < width; d += 4)
            dot = f32x4.relaxed_madd(
              loadTail(outLine + (<usize>d << 2), width - d), v128.load(dOut + <usize>i * paddedRow + (<usize>d << 2)),
              dot,
            );
          const mean = f32x4.splat(horizontalSum(dot));
          const lse = f32x4.splat(
            load<f32>(address(args, 1) + ((<usize>(token0 + i) * <usize>heads + <usize>head) << 2)),
          );
          const visible = f32x4.splat(<f32>visibleKeys(causal, query0 + i, key0, keyCount));
          let index = f32x4(0, 1, 2, 3);
          const line = <usize>i * scoreRow;
          for (let j = 0; j < paddedKeys; j += 4) {
            const at = line + (<usize>j << 2);
            const p = v128.and(
              exp4(f32x4.sub(v128.load(weights + at), lse)), f32x4.lt(index, visible),
            );
            v128.store(weights + at, p);
            v128.store(dScores + at, f32x4.mul(p, f32x4.sub(v128.load(dScores + at), mean)));
            index = f32x4.add(index, f32x4.splat(4));
          }
        }
        for (let i = queryCount; i < paddedCount; i++)
          memory.fill(dScores + <usize>i * scoreRow, 0, scoreRow);
        // dV += Pᵀ·dOut, dK += dSᵀ·Q (Q is scaled already), dQ += dS·K
        product(paddedKeys, padded, queryCount, weights, 4, scoreRow, dOut, paddedRow, dValues + at0, paddedRow, true);
        product(paddedKeys, padded, queryCount, dScores, 4, scoreRow, queries, paddedRow, dKeys + at0, paddedRow, true);
        product(
          paddedCount, padded, paddedKeys, dScores, scoreRow, 4, keys + at0, paddedRow, dQueries, paddedRow, key0 > 0,
        );
      }
      storeRows(dQkv + <usize>query0 * row + column, row, dQueries, queryCount, width, padded, scale);
    }
  }
  storeRows(dQkv + keyColumn, row, dKeys, length, width, padded, 1);
  storeRows(dQkv + valueColumn, row, dValues, length, width, padded, 1);
}
