import { address, float, word } from './arguments';
import { expPair, horizontalMax, horizontalSum, loadTail, logarithm, storeTail } from './simd';

// Softmax of a block of attention scores whose products a BLAS computes. Rows are queries and columns keys; a row has
// room for a multiple of 8 keys. Words of both kernels: 0 rows, 1 keys, 2 position of the first query, 3 causal,
// 4 scores, 5 bytes between their rows, 6 logSumExp, 7 bytes between its rows, 8 scale (float), 9 room for 8 floats.

/** Far below any score: its exponential is 0. */
const NOTHING: f32 = -1e30;

/** Keys that the query of a row sees. */
// @ts-ignore: decorator
@inline
function visible(args: usize, row: i32): i32 {
  const keys = word(args, 1);
  return word(args, 3) != 0 ? min(keys, word(args, 2) + row + 1) : keys;
}

// @ts-ignore: decorator
@inline
function roundUp8(n: i32): i32 {
  return (n + 7) & ~7;
}

/** Sets the numbers from `from` up to the next multiple of 8. */
function fillTail(line: usize, from: i32, value: f32): void {
  for (let c = from; c < roundUp8(from); c++) store<f32>(line + (<usize>c << 2), value);
}

/** Nothing is seen beyond `from`, a multiple of 8. */
function zeroBeyond(line: usize, from: i32, keys: i32): void {
  if (from < roundUp8(keys)) memory.fill(line + (<usize>from << 2), 0, <usize>(roundUp8(keys) - from) << 2);
}

/** Scores become probabilities; logSumExp of each row is kept. */
export function softmaxRows(args: usize, _tile: i32, _scratch: usize): void {
  const spare = address(args, 9);
  const scale = f32x4.splat(float(args, 8));
  for (let row = 0; row < word(args, 0); row++) {
    const seen = visible(args, row);
    const line = address(args, 4) + <usize>row * address(args, 5);
    const end = line + (<usize>roundUp8(seen) << 2);
    fillTail(line, seen, NOTHING);
    let top0 = f32x4.splat(NOTHING);
    let top1 = top0;
    for (let at = line; at < end; at += 32) {
      top0 = f32x4.pmax(top0, v128.load(at));
      top1 = f32x4.pmax(top1, v128.load(at, 16));
    }
    const base = horizontalMax(f32x4.pmax(top0, top1)) * float(args, 8);
    const shift = f32x4.splat(base);
    let sum0 = f32x4.splat(0);
    let sum1 = sum0;
    for (let at = line; at < end; at += 32) {
      expPair(at, f32x4.sub(f32x4.mul(v128.load(at), scale), shift), f32x4.sub(f32x4.mul(v128.load(at, 16), scale), shift));
      sum0 = f32x4.add(sum0, v128.load(at));
      sum1 = f32x4.add(sum1, v128.load(at, 16));
    }
    v128.store(spare, sum0);
    v128.store(spare, sum1, 16);
    const total = horizontalSum(f32x4.add(v128.load(spare), v128.load(spare, 16)));
    const inverse = f32x4.splat(<f32>1 / total);
    for (let at = line; at < end; at += 32) {
      const p0 = f32x4.mul(v128.load(at), inverse);
      const p1 = f32x4.mul(v128.load(at, 16), inverse);
      v128.store(at, p0);
      v128.store(at, p1, 16);
    }
    zeroBeyond(line, roundUp8(seen), word(args, 1));
    store<f32>(address(args, 6) + <usize>row * address(args, 7), base + <f32>logarithm(<f64>total));
  }
}

/**
 * Scores become probabilities again, and their gradients those of the unscaled scores: p · (dp − dOut·out) · scale.
 * 10 gradients of the probabilities, in rows like the scores'; 11 out, 12 dOut, 13 bytes between their rows,
 * 14 head dimension.
 */
export function softmaxGradientRows(args: usize, _tile: i32, _scratch: usize): void {
  const scale = f32x4.splat(float(args, 8));
  const dimension = word(args, 14);
  for (let row = 0; row < word(args, 0); row++) {
    const seen = visible(args, row);
    const at = <usize>row * address(args, 5);
    const line = address(args, 4) + at;
    const gradient = address(args, 10) + at;
    fillTail(line, seen, NOTHING);
    fillTail(gradient, seen, 0);
    const out = address(args, 11) + <usize>row * address(args, 13);
    const dOut = address(args, 12) + <usize>row * address(args, 13);
    let dot = f32x4.splat(0);
    for (let d = 0; d < dimension; d += 4) {
      const byte = <usize>d << 2;
      dot = f32x4.relaxed_madd(loadTail(out + byte, dimension - d), loadTail(dOut + byte, dimension - d), dot);
    }
    const mean = f32x4.splat(horizontalSum(dot));
    const shift = f32x4.splat(load<f32>(address(args, 6) + <usize>row * address(args, 7)));
    for (let byte: usize = 0; byte < <usize>roundUp8(seen) << 2; byte += 32) {
      const s = line + byte;
      const g = gradient + byte;
      expPair(s, f32x4.sub(f32x4.mul(v128.load(s), scale), shift), f32x4.sub(f32x4.mul(v128.load(s, 16), scale), shift));
      const d0 = f32x4.mul(f32x4.mul(v128.load(s), f32x4.sub(v128.load(g), mean)), scale);
      const d1 = f32x4.mul(f32x4.mul(v128.load(s, 16), f32x4.sub(v128.load(g, 16), mean)), scale);
      v128.store(g, d0);
      v128.store(g, d1, 16);
    }
    zeroBeyond(line, roundUp8(seen), word(args, 1));
    zeroBeyond(gradient, roundUp8(seen), word(args, 1));
  }
}

/**
 * target = source − mean of its rows; the two may be one. The gradients of a query's scores add up to 0, but only up to
 * rounding: times what keys have in common, that rest would be most of the error. 0 rows, 1 columns, 2 target,
 * 3 bytes between its rows, 4 source, 5 bytes between its rows.
 */
export function centreRows(args: usize, _tile: i32, _scratch: usize): void {
  const rows = word(args, 0);
  const columns = word(args, 1);
  const share = f32x4.splat(<f32>1 / <f32>rows);
  for (let d = 0; d < columns; d += 4) {
    const n = columns - d;
    let target = address(args, 2) + (<usize>d << 2);
    const first = address(args, 4) + (<usize>d << 2);
    let sum = f32x4.splat(0);
    for (let i = 0; i < rows; i++) sum = f32x4.add(sum, loadTail(first + <usize>i * address(args, 5), n));
    const mean = f32x4.mul(sum, share);
    for (let i = 0; i < rows; i++) {
      storeTail(target, f32x4.sub(loadTail(first + <usize>i * address(args, 5), n), mean), n);
      target += address(args, 3);
    }
  }
}
