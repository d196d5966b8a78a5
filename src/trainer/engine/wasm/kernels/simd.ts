// Small vector helpers: tails shorter than four lanes, horizontal sums, exp and log.

/** Lanes 0 … n−1 from memory, zeros above; n ≥ 1, reads nothing beyond. */
export function loadTail(at: usize, n: i32): v128 {
  if (n >= 4) return v128.load(at);
  let x = v128.load32_zero(at);
  if (n > 1) x = f32x4.replace_lane(x, 1, load<f32>(at, 4));
  if (n > 2) x = f32x4.replace_lane(x, 2, load<f32>(at, 8));
  return x;
}

/** Stores lanes 0 … n−1. */
export function storeTail(at: usize, x: v128, n: i32): void {
  if (n >= 4) {
    v128.store(at, x);
    return;
  }
  store<f32>(at, f32x4.extract_lane(x, 0));
  if (n > 1) store<f32>(at, f32x4.extract_lane(x, 1), 4);
  if (n > 2) store<f32>(at, f32x4.extract_lane(x, 2), 8);
}

// @ts-ignore: decorator
@inline
export function horizontalSum(x: v128): f32 {
  return f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3));
}

// @ts-ignore: decorator
@inline
export function horizontalMax(x: v128): f32 {
  return max(
    max(f32x4.extract_lane(x, 0), f32x4.extract_lane(x, 1)),
    max(f32x4.extract_lane(x, 2), f32x4.extract_lane(x, 3)),
  );
}

// The polynomial's numbers lie in memory: a constant that finds no free register is one load from there, and several
// instructions where V8 builds it anew in each round of a loop. Bounds, log₂e, 1.5 · 2²³, ln 2 in two parts, and the
// coefficients of Cephes' expf.
const EXP = memory.data<f32>([
  -88, 88, 1.44269504088896341, 12582912, 0.693359375, -2.12194440e-4, 1.9875691500e-4, 1.3981999507e-3,
  8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1, 1,
]);

/**
 * exp of two vectors of four numbers, stored at `to` and behind: about 1 unit in the last place; 0 below −87.7; NaN
 * stays NaN. Only operations that V8 can join to 256 bits.
 */
// @ts-ignore: decorator
@inline
export function expPair(to: usize, x0: v128, x1: v128): void {
  let k = v128.load32_splat(EXP);
  x0 = f32x4.pmax(x0, k);
  x1 = f32x4.pmax(x1, k);
  k = v128.load32_splat(EXP, 4);
  x0 = f32x4.pmin(x0, k);
  x1 = f32x4.pmin(x1, k);
  // Adding 1.5 · 2²³ moves the nearest whole number n into the low bits; at n = −127 the exponent field of 2ⁿ is 0.
  k = v128.load32_splat(EXP, 8);
  const magic = v128.load32_splat(EXP, 12);
  const t0 = f32x4.relaxed_madd(x0, k, magic);
  const t1 = f32x4.relaxed_madd(x1, k, magic);
  const n0 = f32x4.sub(t0, magic);
  const n1 = f32x4.sub(t1, magic);
  k = v128.load32_splat(EXP, 16);
  let r0 = f32x4.relaxed_nmadd(n0, k, x0);
  let r1 = f32x4.relaxed_nmadd(n1, k, x1);
  k = v128.load32_splat(EXP, 20);
  r0 = f32x4.relaxed_nmadd(n0, k, r0);
  r1 = f32x4.relaxed_nmadd(n1, k, r1);
  const first = v128.load32_splat(EXP, 24);
  k = v128.load32_splat(EXP, 28);
  let p0 = f32x4.relaxed_madd(first, r0, k);
  let p1 = f32x4.relaxed_madd(first, r1, k);
  k = v128.load32_splat(EXP, 32);
  p0 = f32x4.relaxed_madd(p0, r0, k);
  p1 = f32x4.relaxed_madd(p1, r1, k);
  k = v128.load32_splat(EXP, 36);
  p0 = f32x4.relaxed_madd(p0, r0, k);
  p1 = f32x4.relaxed_madd(p1, r1, k);
  k = v128.load32_splat(EXP, 40);
  p0 = f32x4.relaxed_madd(p0, r0, k);
  p1 = f32x4.relaxed_madd(p1, r1, k);
  k = v128.load32_splat(EXP, 44);
  p0 = f32x4.relaxed_madd(p0, r0, k);
  p1 = f32x4.relaxed_madd(p1, r1, k);
  const one = v128.load32_splat(EXP, 48);
  p0 = f32x4.relaxed_madd(p0, f32x4.mul(r0, r0), f32x4.add(r0, one));
  p1 = f32x4.relaxed_madd(p1, f32x4.mul(r1, r1), f32x4.add(r1, one));
  const e0 = f32x4.mul(p0, i32x4.add(i32x4.shl(t0, 23), one));
  const e1 = f32x4.mul(p1, i32x4.add(i32x4.shl(t1, 23), one));
  v128.store(to, e0);
  v128.store(to, e1, 16);
}

/** The same of one vector; `spare` is room for two. */
export function exp4(x: v128, spare: usize): v128 {
  expPair(spare, x, x);
  return v128.load(spare);
}

/** Natural logarithm of a positive finite number, in fp64, from the series of atanh. */
export function logarithm(x: f64): f64 {
  if (!(x > 0) || x == Infinity) return x == Infinity ? Infinity : NaN;
  const bits = reinterpret<u64>(x);
  let exponent = <i32>((bits >> 52) & 0x7ff) - 1023;
  let m = reinterpret<f64>((bits & 0x000fffffffffffff) | 0x3ff0000000000000);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    exponent += 1;
  }
  const s = (m - 1) / (m + 1);
  const q = s * s;
  let sum: f64 = 1.0 / 17;
  sum = sum * q + 1.0 / 15;
  sum = sum * q + 1.0 / 13;
  sum = sum * q + 1.0 / 11;
  sum = sum * q + 1.0 / 9;
  sum = sum * q + 1.0 / 7;
  sum = sum * q + 1.0 / 5;
  sum = sum * q + 1.0 / 3;
  sum = sum * q + 1;
  return 2 * s * sum + <f64>exponent * 0.6931471805599453;
}
