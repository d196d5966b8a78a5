import { address, float, word } from './arguments';
import { loadTail, storeTail } from './simd';

// Ops on long runs of numbers. Words 0 and 1 of fill and copy: elements, elements of one tile.

/** 2 target, 3 value (float). */
export function fill(args: usize, tile: i32, _scratch: usize): void {
  const count = word(args, 0);
  const from = tile * word(args, 1);
  const end = min(from + word(args, 1), count);
  if (word(args, 3) == 0) {
    memory.fill(address(args, 2) + (<usize>from << 2), 0, <usize>(end - from) << 2);
    return;
  }
  const value = f32x4.splat(float(args, 3));
  for (let i = from; i < end; i += 4) storeTail(address(args, 2) + (<usize>i << 2), value, end - i);
}

/** 2 target, 3 source. */
export function copy(args: usize, tile: i32, _scratch: usize): void {
  const count = word(args, 0);
  const from = tile * word(args, 1);
  const end = min(from + word(args, 1), count);
  const at = <usize>from << 2;
  memory.copy(address(args, 2) + at, address(args, 3) + at, <usize>(end - from) << 2);
}

// The optimizer's ops walk a table: for each tile 6 words: weight, gradient, first moment, second moment, elements,
// whether weight decay acts.

/** partial[tile] = Σ gradient² in fp64. 0 table, 1 partial. */
export function sumOfSquares(args: usize, tile: i32, _scratch: usize): void {
  const entry = address(args, 0) + <usize>tile * 24;
  const gradient = address(entry, 1);
  const count = word(entry, 4);
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (let i = 0; i < count; i += 4) {
    const at = gradient + (<usize>i << 2);
    const g = i + 4 <= count ? v128.load(at) : loadTail(at, count - i);
    const a = f64x2.promote_low_f32x4(g);
    const b = f64x2.promote_low_f32x4(v128.shuffle<f32>(g, g, 2, 3, 2, 3));
    low = f64x2.add(low, f64x2.mul(a, a));
    high = f64x2.add(high, f64x2.mul(b, b));
  }
  const sum = f64x2.add(low, high);
  store<f64>(address(args, 1) + (<usize>tile << 3), f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1));
}

/**
 * 0 table; floats: 1 beta1, 2 1 − beta1, 3 beta2, 4 1 − beta2, 5 eps, 6 1 − rate · decay, 7 rate ÷ first bias
 * correction, 8 1 ÷ √second bias correction, 9 gradient scale.
 */
export function adamW(args: usize, tile: i32, _scratch: usize): void {
  const entry = address(args, 0) + <usize>tile * 24;
  const weight = address(entry, 0);
  const gradient = address(entry, 1);
  const first = address(entry, 2);
  const second = address(entry, 3);
  const count = word(entry, 4);
  const keep = f32x4.splat(word(entry, 5) != 0 ? float(args, 6) : 1);
  const beta1 = f32x4.splat(float(args, 1));
  const rest1 = f32x4.splat(float(args, 2));
  const beta2 = f32x4.splat(float(args, 3));
  const rest2 = f32x4.splat(float(args, 4));
  const eps = f32x4.splat(float(args, 5));
  const rate = f32x4.splat(float(args, 7));
  const correction = f32x4.splat(float(args, 8));
  const scale = f32x4.splat(float(args, 9));
  let i = 0;
  for (const whole = count & ~7; i < whole; i += 8) {
    const at = <usize>i << 2;
    const g0 = f32x4.mul(v128.load(gradient + at), scale);
    const g1 = f32x4.mul(v128.load(gradient + at, 16), scale);
    const m0 = f32x4.relaxed_madd(rest1, g0, f32x4.mul(beta1, v128.load(first + at)));
    const m1 = f32x4.relaxed_madd(rest1, g1, f32x4.mul(beta1, v128.load(first + at, 16)));
    const v0 = f32x4.relaxed_madd(f32x4.mul(rest2, g0), g0, f32x4.mul(beta2, v128.load(second + at)));
    const v1 = f32x4.relaxed_madd(f32x4.mul(rest2, g1), g1, f32x4.mul(beta2, v128.load(second + at, 16)));
    const s0 = f32x4.div(f32x4.mul(rate, m0), f32x4.relaxed_madd(f32x4.sqrt(v0), correction, eps));
    const s1 = f32x4.div(f32x4.mul(rate, m1), f32x4.relaxed_madd(f32x4.sqrt(v1), correction, eps));
    const w0 = f32x4.sub(f32x4.mul(keep, v128.load(weight + at)), s0);
    const w1 = f32x4.sub(f32x4.mul(keep, v128.load(weight + at, 16)), s1);
    v128.store(first + at, m0);
    v128.store(first + at, m1, 16);
    v128.store(second + at, v0);
    v128.store(second + at, v1, 16);
    v128.store(weight + at, w0);
    v128.store(weight + at, w1, 16);
  }
  for (; i < count; i += 4) {
    const at = <usize>i << 2;
    const n = count - i;
    const g = f32x4.mul(loadTail(gradient + at, n), scale);
    const m = f32x4.relaxed_madd(rest1, g, f32x4.mul(beta1, loadTail(first + at, n)));
    const v = f32x4.relaxed_madd(f32x4.mul(rest2, g), g, f32x4.mul(beta2, loadTail(second + at, n)));
    storeTail(first + at, m, n);
    storeTail(second + at, v, n);
    const denominator = f32x4.relaxed_madd(f32x4.sqrt(v), correction, eps);
    const step = f32x4.div(f32x4.mul(rate, m), denominator);
    storeTail(weight + at, f32x4.sub(f32x4.mul(keep, loadTail(weight + at, n)), step), n);
  }
}
