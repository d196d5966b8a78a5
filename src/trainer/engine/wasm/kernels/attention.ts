import { address, float, word } from './arguments';
import { product6x16Add, product6x16Set, product6x8Add, product6x8Set } from './products';
import { exp4, expPair, horizontalMax, horizontalSum, loadTail, logarithm, storeTail } from './simd';

// Variable-length grouped-query attention. One tile of work is one sample and one key/value head with all its query
// heads; scores exist only for a block of queries and a block of keys. Rows in scratch are padded with zeros to a
// multiple of 8 elements.

/** Queries and keys of one block. */
const BLOCK: i32 = 64;
/** Bytes between the rows of a block of scores. */
const SCORE_ROW: usize = 256;

// @ts-ignore: decorator
@inline
function roundUp(x: i32, multiple: i32): i32 {
  return ((x + multiple - 1) / multiple) * multiple;
}

/** C [m × n] (+)= A·B; n is a multiple of 8; rows and steps along the depth in bytes. */
function product(
  m: i32, n: i32, depth: i32, a: usize, aRow: usize, aStep: usize, b: usize, bStep: usize, c: usize, cRow: usize,
  add: bool, wide: bool,
): void {
  for (let j = 0; j < n; ) {
    const two = wide && j + 16 <= n;
    const from = b + (<usize>j << 2);
    for (let i = 0; i < m; i += 6) {
      const rows = min(6, m - i);
      const line = a + <usize>i * aRow;
      const to = c + <usize>i * cRow + (<usize>j << 2);
      if (two) {
        if (add) product6x16Add(depth, line, aRow, aStep, rows, from, bStep, to, cRow);
        else product6x16Set(depth, line, aRow, aStep, rows, from, bStep, to, cRow);
      } else if (add) product6x8Add(depth, line, aRow, aStep, rows, from, bStep, to, cRow);
      else product6x8Set(depth, line, aRow, aStep, rows, from, bStep, to, cRow);
    }
    j += two ? 16 : 8;
  }
}

/** Copies rows of `width` floats, scaled, into rows of `padded` floats; the padding and rows up to `total` are 0. */
function loadRows(
  target: usize, source: usize, stride: usize, rows: i32, total: i32, width: i32, padded: i32, scale: f32,
): void {
  const factor = f32x4.splat(scale);
  const row = <usize>padded << 2;
  const whole = width & ~7;
  for (let i = 0; i < rows; i++) {
    let d = 0;
    for (; d < whole; d += 8) {
      const at = <usize>d << 2;
      const low = f32x4.mul(factor, v128.load(source + at));
      const high = f32x4.mul(factor, v128.load(source + at, 16));
      v128.store(target + at, low);
      v128.store(target + at, high, 16);
    }
    for (; d < padded; d += 4) {
      const at = <usize>d << 2;
      v128.store(target + at, d < width ? f32x4.mul(factor, loadTail(source + at, width - d)) : f32x4.splat(0));
    }
    target += row;
    source += stride;
  }
  memory.fill(target, 0, <usize>(total - rows) * row);
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
  const whole = width & ~7;
  for (let row = 0; row < rows; row++) {
    let d = 0;
    for (; d < whole; d += 8) {
      const at = <usize>d << 2;
      const low = f32x4.mul(factor, v128.load(source + at));
      const high = f32x4.mul(factor, v128.load(source + at, 16));
      v128.store(target + at, low);
      v128.store(target + at, high, 16);
    }
    for (; d < width; d += 4)
      storeTail(target + (<usize>d << 2), f32x4.mul(factor, v128.load(source + (<usize>d << 2))), width - d);
    target += stride;
    source += <usize>padded << 2;
  }
}

/** Keys of the block that query `row` may see; at least one. */
// @ts-ignore: decorator
@inline
function visibleKeys(causal: bool, query: i32, firstKey: i32, keys: i32): i32 {
  return causal ? min(keys, query - firstKey + 1) : keys;
}

/** The largest of `count` numbers, a multiple of 8. */
function maximum(line: usize, count: i32, spare: usize): f32 {
  let low = f32x4.splat(-1e30);
  let high = low;
  for (const end = line + (<usize>count << 2); line < end; line += 32) {
    low = f32x4.pmax(low, v128.load(line));
    high = f32x4.pmax(high, v128.load(line, 16));
  }
  v128.store(spare, low);
  v128.store(spare, high, 16);
  return horizontalMax(f32x4.pmax(v128.load(spare), v128.load(spare, 16)));
}

/** Makes `count` numbers, a multiple of 8, exp(x − base) in place and returns their sum. */
function exponentials(line: usize, count: i32, base: f32, spare: usize): f32 {
  const shift = f32x4.splat(base);
  let lowSum = f32x4.splat(0);
  let highSum = lowSum;
  for (const end = line + (<usize>count << 2); line < end; line += 32) {
    expPair(line, f32x4.sub(v128.load(line), shift), f32x4.sub(v128.load(line, 16), shift));
    lowSum = f32x4.add(lowSum, v128.load(line));
    highSum = f32x4.add(highSum, v128.load(line, 16));
  }
  v128.store(spare, lowSum);
  v128.store(spare, highSum, 16);
  return horizontalSum(f32x4.add(v128.load(spare), v128.load(spare, 16)));
}

/** p = exp(score − lse) into `weights` and p · (dp − mean) into `dScores`, in place, for `count` numbers, a multiple of 8. */
function softmaxGradient(weights: usize, dScores: usize, count: i32, lse: f32, mean: f32): void {
  const shift = f32x4.splat(lse);
  const less = f32x4.splat(mean);
  for (const end = weights + (<usize>count << 2); weights < end; weights += 32) {
    expPair(weights, f32x4.sub(v128.load(weights), shift), f32x4.sub(v128.load(weights, 16), shift));
    const dLow = f32x4.mul(v128.load(weights), f32x4.sub(v128.load(dScores), less));
    const dHigh = f32x4.mul(v128.load(weights, 16), f32x4.sub(v128.load(dScores, 16), less));
    v128.store(dScores, dLow);
    v128.store(dScores, dHigh, 16);
    dScores += 32;
  }
}

/** Sets `line` from element `from` up to a multiple of 8. */
function blank(line: usize, from: i32, value: f32): void {
  for (let j = from; (j & 7) != 0; j++) store<f32>(line + (<usize>j << 2), value);
}

/**
 * Words: 0 out, 1 logSumExp, 2 qkv, 3 cumulative lengths, 4 query heads, 5 key/value heads, 6 head dimension,
 * 7 causal, 8 scale (float), 11 whether blocks of 6 × 16 are faster.
 */
export function attention(args: usize, tile: i32, scratch: usize): void {
  const heads = word(args, 4);
  const kvHeads = word(args, 5);
  const width = word(args, 6);
  const causal = word(args, 7) != 0;
  const wide = word(args, 11) != 0;
  const sample = tile / kvHeads;
  const kvHead = tile % kvHeads;
  const lengths = address(args, 3);
  const start = load<i32>(lengths + (<usize>sample << 2));
  const length = load<i32>(lengths + (<usize>sample << 2), 4) - start;
  if (length == 0) return;
  const padded = roundUp(width, 8);
  const paddedRow = <usize>padded << 2;
  const paddedLength = roundUp(length, BLOCK);
  const row = <usize>((heads + 2 * kvHeads) * width) << 2;
  const qkv = address(args, 2) + <usize>start * row;

  const keys = scratch; //                                             [blocks][padded][64]
  const values = keys + <usize>paddedLength * paddedRow; //            [length][padded]
  const queries = values + <usize>paddedLength * paddedRow; //         [64][padded]
  const result = queries + <usize>BLOCK * paddedRow; //                [64][padded]
  const scores = result + <usize>BLOCK * paddedRow; //                 [64][64]
  const maxima = scores + <usize>BLOCK * SCORE_ROW; //                 [64]
  const sums = maxima + SCORE_ROW; //                                  [64]
  const spare = sums + SCORE_ROW; //                                   [8]

  const valueColumn = <usize>((heads + kvHeads + kvHead) * width) << 2;
  loadTransposed(keys, qkv + (<usize>((heads + kvHead) * width) << 2), row, length, width, padded);
  loadRows(values, qkv + valueColumn, row, length, paddedLength, width, padded, 1);

  const group = heads / kvHeads;
  for (let head = kvHead * group; head < (kvHead + 1) * group; head++) {
    for (let query0 = 0; query0 < length; query0 += BLOCK) {
      const queryCount = min(BLOCK, length - query0);
      const source = qkv + <usize>query0 * row + (<usize>(head * width) << 2);
      loadRows(queries, source, row, queryCount, queryCount, width, padded, float(args, 8));
      const lastKey = causal ? query0 + queryCount : length;
      for (let key0 = 0; key0 < lastKey; key0 += BLOCK) {
        const keyCount = min(BLOCK, length - key0);
        const paddedKeys = roundUp(keyCount, 8);
        const keyBlock = keys + <usize>key0 * paddedRow;
        product(
          queryCount, paddedKeys, width, queries, paddedRow, 4, keyBlock, SCORE_ROW, scores, SCORE_ROW, false, wide,
        );
        for (let i = 0; i < queryCount; i++) {
          const line = scores + <usize>i * SCORE_ROW;
          const visible = visibleKeys(causal, query0 + i, key0, keyCount);
          const known = roundUp(visible, 8);
          blank(line, visible, -1e30);
          const slot = <usize>i << 2;
          const before = key0 == 0 ? <f32>-1e30 : load<f32>(maxima + slot);
          const now = max(before, maximum(line, known, spare));
          store<f32>(maxima + slot, now);
          let total = exponentials(line, known, now, spare);
          memory.fill(line + (<usize>known << 2), 0, <usize>(paddedKeys - known) << 2);
          if (key0 > 0) {
            const correction = exp4(f32x4.splat(before - now), spare);
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
          queryCount, padded, keyCount, scores, SCORE_ROW, 4, values + <usize>key0 * paddedRow, paddedRow, result,
          paddedRow, key0 > 0, wide,
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

/**
 * Takes the mean of the rows [length, padded] from each of them. The gradients of a query's scores add up to 0, but only
 * up to rounding. Times what the keys have in common, that rest would be most of the error of dQ; added up over the
 * queries, which have much in common too, most of that of dK. Neither mean belongs to the gradient.
 */
function centreRows(rows: usize, length: i32, padded: i32): void {
  const size = <usize>padded << 2;
  const share = f32x4.splat(<f32>1 / <f32>length);
  for (let d = 0; d < padded; d += 4) {
    const first = rows + (<usize>d << 2);
    let sum = f32x4.splat(0);
    for (let i = 0; i < length; i++) sum = f32x4.add(sum, v128.load(first + <usize>i * size));
    const mean = f32x4.mul(sum, share);
    for (let i = 0; i < length; i++) {
      const at = first + <usize>i * size;
      v128.store(at, f32x4.sub(v128.load(at), mean));
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
  const wide = word(args, 11) != 0;
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
  const dScores = weights + 64 * SCORE_ROW; //  [64][64]
  const means = dScores + 64 * SCORE_ROW; //    [64]

  const keyColumn = <usize>((heads + kvHead) * width) << 2;
  const valueColumn = <usize>((heads + kvHeads + kvHead) * width) << 2;
  loadTransposed(keysAcross, qkv + keyColumn, row, length, width, padded);
  loadTransposed(valuesAcross, qkv + valueColumn, row, length, width, padded);
  loadRows(keys, qkv + keyColumn, row, length, paddedLength, width, padded, 1);
  centreRows(keys, length, padded);
  memory.fill(dKeys, 0, 2 * whole);

  const group = heads / kvHeads;
  for (let head = kvHead * group; head < (kvHead + 1) * group; head++) {
    const column = <usize>(head * width) << 2;
    for (let query0 = 0; query0 < length; query0 += BLOCK) {
      const queryCount = min(BLOCK, length - query0);
      const token0 = start + query0;
      const dOutSource = address(args, 10) + <usize>token0 * outRow + column;
      const outSource = address(args, 0) + <usize>token0 * outRow + column;
      loadRows(queries, qkv + <usize>query0 * row + column, row, queryCount, queryCount, width, padded, scale);
      loadRows(dOut, dOutSource, outRow, queryCount, queryCount, width, padded, 1);
      for (let i = 0; i < queryCount; i++) {
        // Σ p·dp over all keys, which the softmax's gradient subtracts, equals dOut · out.
        let dot = f32x4.splat(0);
        const outLine = outSource + <usize>i * outRow;
        const dOutLine = dOut + <usize>i * paddedRow;
        for (let d = 0; d < width; d += 4) {
          const at = <usize>d << 2;
          dot = f32x4.relaxed_madd(loadTail(outLine + at, width - d), v128.load(dOutLine + at), dot);
        }
        store<f32>(means + (<usize>i << 2), horizontalSum(dot));
      }
      const lastKey = causal ? query0 + queryCount : length;
      for (let key0 = 0; key0 < lastKey; key0 += BLOCK) {
        const keyCount = min(BLOCK, length - key0);
        const paddedKeys = roundUp(keyCount, 8);
        const at0 = <usize>key0 * paddedRow;
        product(
          queryCount, paddedKeys, width, queries, paddedRow, 4, keysAcross + at0, SCORE_ROW, weights, SCORE_ROW,
          false, wide,
        );
        product(
          queryCount, paddedKeys, width, dOut, paddedRow, 4, valuesAcross + at0, SCORE_ROW, dScores, SCORE_ROW,
          false, wide,
        );
        for (let i = 0; i < queryCount; i++) {
          const lse = load<f32>(address(args, 1) + ((<usize>(token0 + i) * <usize>heads + <usize>head) << 2));
          const visible = visibleKeys(causal, query0 + i, key0, keyCount);
          const line = <usize>i * SCORE_ROW;
          softmaxGradient(weights + line, dScores + line, roundUp(visible, 8), lse, load<f32>(means + (<usize>i << 2)));
          const from = line + (<usize>visible << 2);
          memory.fill(weights + from, 0, <usize>(paddedKeys - visible) << 2);
          memory.fill(dScores + from, 0, <usize>(paddedKeys - visible) << 2);
        }
        // dV += Pᵀ·dOut, dK += dSᵀ·Q (Q is scaled already), dQ += dS·K
        product(
          keyCount, padded, queryCount, weights, 4, SCORE_ROW, dOut, paddedRow, dValues + at0, paddedRow, true, wide,
        );
        product(
          keyCount, padded, queryCount, dScores, 4, SCORE_ROW, queries, paddedRow, dKeys + at0, paddedRow, true, wide,
        );
        product(
          queryCount, padded, keyCount, dScores, SCORE_ROW, 4, keys + at0, paddedRow, dQueries, paddedRow, key0 > 0,
          wide,
        );
      }
      storeRows(dQkv + <usize>query0 * row + column, row, dQueries, queryCount, width, padded, scale);
    }
  }
  centreRows(dKeys, length, padded);
  storeRows(dQkv + keyColumn, row, dKeys, length, width, padded, 1);
  storeRows(dQkv + valueColumn, row, dValues, length, width, padded, 1);
}
