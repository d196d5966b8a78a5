import { address, float, word } from './arguments';
import { exp4, expPair, horizontalMax, horizontalSum, loadTail, logarithm, storeTail } from './simd';

// Ops that work row by row. Words 0 and 1 are always: rows, rows of one tile. Loops take 8 numbers at once, as two
// vectors side by side that V8 can join, and the rest of a row by vectors with a tail.

/** The part of a row that is a multiple of 8. */
// @ts-ignore: decorator
@inline
function wholePairs(width: i32): i32 {
  return width & ~7;
}

// @ts-ignore: decorator
@inline
function firstRow(args: usize, tile: i32): i32 {
  return tile * word(args, 1);
}

// @ts-ignore: decorator
@inline
function endRow(args: usize, tile: i32): i32 {
  return min((tile + 1) * word(args, 1), word(args, 0));
}

/** y = x · inverseRms · weight. 2 y, 3 inverseRms, 4 x, 5 weight, 6 width, 7 eps (float). */
export function rmsNorm(args: usize, tile: i32, scratch: usize): void {
  const width = word(args, 6);
  const bytes = <usize>width << 2;
  const whole = wholePairs(width);
  const end = endRow(args, tile);
  const weight = address(args, 5);
  for (let row = firstRow(args, tile); row < end; row++) {
    const x = address(args, 4) + <usize>row * bytes;
    const y = address(args, 2) + <usize>row * bytes;
    let low = f32x4.splat(0);
    let high = low;
    let c = 0;
    for (; c < whole; c += 8) {
      const at = x + (<usize>c << 2);
      const a = v128.load(at);
      const b = v128.load(at, 16);
      low = f32x4.relaxed_madd(a, a, low);
      high = f32x4.relaxed_madd(b, b, high);
    }
    v128.store(scratch, low);
    v128.store(scratch, high, 16);
    let squares = f32x4.add(v128.load(scratch), v128.load(scratch, 16));
    for (; c < width; c += 4) {
      const value = loadTail(x + (<usize>c << 2), width - c);
      squares = f32x4.relaxed_madd(value, value, squares);
    }
    const inverse = <f32>1 / sqrt<f32>(horizontalSum(squares) / <f32>width + float(args, 7));
    store<f32>(address(args, 3) + (<usize>row << 2), inverse);
    const factor = f32x4.splat(inverse);
    for (c = 0; c < whole; c += 8) {
      const at = <usize>c << 2;
      const a = f32x4.mul(f32x4.mul(v128.load(x + at), factor), v128.load(weight + at));
      const b = f32x4.mul(f32x4.mul(v128.load(x + at, 16), factor), v128.load(weight + at, 16));
      v128.store(y + at, a);
      v128.store(y + at, b, 16);
    }
    for (; c < width; c += 4) {
      const at = <usize>c << 2;
      const n = width - c;
      storeTail(y + at, f32x4.mul(f32x4.mul(loadTail(x + at, n), factor), loadTail(weight + at, n)), n);
    }
  }
}

/**
 * dx += …; each tile leaves its part of dWeight in its own row of `partial`.
 * 2 dx, 3 partial [tiles, width], 4 dy, 5 x, 6 inverseRms, 7 weight, 8 width.
 */
export function rmsNormBackward(args: usize, tile: i32, scratch: usize): void {
  const width = word(args, 8);
  const bytes = <usize>width << 2;
  const whole = wholePairs(width);
  const end = endRow(args, tile);
  const weight = address(args, 7);
  const partial = address(args, 3) + <usize>tile * bytes;
  memory.fill(partial, 0, bytes);
  for (let row = firstRow(args, tile); row < end; row++) {
    const dx = address(args, 2) + <usize>row * bytes;
    const dy = address(args, 4) + <usize>row * bytes;
    const x = address(args, 5) + <usize>row * bytes;
    const inverse = load<f32>(address(args, 6) + (<usize>row << 2));
    const factor = f32x4.splat(inverse);
    let low = f32x4.splat(0);
    let high = low;
    let c = 0;
    for (; c < whole; c += 8) {
      const at = <usize>c << 2;
      low = f32x4.relaxed_madd(f32x4.mul(v128.load(dy + at), v128.load(weight + at)), v128.load(x + at), low);
      high = f32x4.relaxed_madd(
        f32x4.mul(v128.load(dy + at, 16), v128.load(weight + at, 16)), v128.load(x + at, 16), high,
      );
    }
    v128.store(scratch, low);
    v128.store(scratch, high, 16);
    let dot = f32x4.add(v128.load(scratch), v128.load(scratch, 16));
    for (; c < width; c += 4) {
      const at = <usize>c << 2;
      const n = width - c;
      dot = f32x4.relaxed_madd(f32x4.mul(loadTail(dy + at, n), loadTail(weight + at, n)), loadTail(x + at, n), dot);
    }
    const mean = f32x4.splat((horizontalSum(dot) * inverse) / <f32>width);
    for (c = 0; c < whole; c += 8) {
      const at = <usize>c << 2;
      const n0 = f32x4.mul(v128.load(x + at), factor);
      const n1 = f32x4.mul(v128.load(x + at, 16), factor);
      const g0 = v128.load(dy + at);
      const g1 = v128.load(dy + at, 16);
      const i0 = f32x4.relaxed_nmadd(n0, mean, f32x4.mul(g0, v128.load(weight + at)));
      const i1 = f32x4.relaxed_nmadd(n1, mean, f32x4.mul(g1, v128.load(weight + at, 16)));
      const d0 = f32x4.relaxed_madd(factor, i0, v128.load(dx + at));
      const d1 = f32x4.relaxed_madd(factor, i1, v128.load(dx + at, 16));
      const p0 = f32x4.relaxed_madd(g0, n0, v128.load(partial + at));
      const p1 = f32x4.relaxed_madd(g1, n1, v128.load(partial + at, 16));
      v128.store(dx + at, d0);
      v128.store(dx + at, d1, 16);
      v128.store(partial + at, p0);
      v128.store(partial + at, p1, 16);
    }
    for (; c < width; c += 4) {
      const at = <usize>c << 2;
      const n = width - c;
      const normal = f32x4.mul(loadTail(x + at, n), factor);
      const gradient = loadTail(dy + at, n);
      const inner = f32x4.relaxed_nmadd(normal, mean, f32x4.mul(gradient, loadTail(weight + at, n)));
      storeTail(dx + at, f32x4.relaxed_madd(factor, inner, loadTail(dx + at, n)), n);
      storeTail(partial + at, f32x4.relaxed_madd(gradient, normal, loadTail(partial + at, n)), n);
    }
  }
}

/** target[c] += Σ partial[row][c], rows in order. 0 columns, 1 columns of a tile, 2 target, 3 partial, 4 rows. */
export function addPartialRows(args: usize, tile: i32, _scratch: usize): void {
  const width = word(args, 0);
  const end = endRow(args, tile);
  const rows = word(args, 4);
  for (let c = firstRow(args, tile); c < end; c++) {
    let sum: f32 = 0;
    for (let row = 0; row < rows; row++) sum += load<f32>(address(args, 3) + ((<usize>row * <usize>width + <usize>c) << 2));
    const at = address(args, 2) + (<usize>c << 2);
    store<f32>(at, load<f32>(at) + sum);
  }
}

/** 2 qkv, 3 cos, 4 sin, 5 positions, 6 elements of a row, 7 rotated heads, 8 head dimension, 9 backward. */
export function rotary(args: usize, tile: i32, _scratch: usize): void {
  const heads = word(args, 7);
  const dimension = word(args, 8);
  const half = dimension >> 1;
  const halfBytes = <usize>half << 2;
  const end = endRow(args, tile);
  const turn = f32x4.splat(word(args, 9) != 0 ? -1 : 1);
  for (let row = firstRow(args, tile); row < end; row++) {
    const position = load<i32>(address(args, 5) + (<usize>row << 2));
    const cos = address(args, 3) + <usize>position * halfBytes;
    const sin = address(args, 4) + <usize>position * halfBytes;
    let first = address(args, 2) + ((<usize>row * <usize>word(args, 6)) << 2);
    for (let head = 0; head < heads; head++) {
      const second = first + halfBytes;
      let i = 0;
      for (const whole = wholePairs(half); i < whole; i += 8) {
        const at = <usize>i << 2;
        const a0 = v128.load(first + at);
        const a1 = v128.load(first + at, 16);
        const b0 = v128.load(second + at);
        const b1 = v128.load(second + at, 16);
        const c0 = v128.load(cos + at);
        const c1 = v128.load(cos + at, 16);
        const s0 = f32x4.mul(turn, v128.load(sin + at));
        const s1 = f32x4.mul(turn, v128.load(sin + at, 16));
        v128.store(first + at, f32x4.sub(f32x4.mul(a0, c0), f32x4.mul(b0, s0)));
        v128.store(first + at, f32x4.sub(f32x4.mul(a1, c1), f32x4.mul(b1, s1)), 16);
        v128.store(second + at, f32x4.add(f32x4.mul(b0, c0), f32x4.mul(a0, s0)));
        v128.store(second + at, f32x4.add(f32x4.mul(b1, c1), f32x4.mul(a1, s1)), 16);
      }
      for (; i < half; i += 4) {
        const at = <usize>i << 2;
        const n = half - i;
        const a = loadTail(first + at, n);
        const b = loadTail(second + at, n);
        const c = loadTail(cos + at, n);
        const s = f32x4.mul(turn, loadTail(sin + at, n));
        storeTail(first + at, f32x4.sub(f32x4.mul(a, c), f32x4.mul(b, s)), n);
        storeTail(second + at, f32x4.add(f32x4.mul(b, c), f32x4.mul(a, s)), n);
      }
      first += 2 * halfBytes;
    }
  }
}

/** The sigmoid of one vector. */
// @ts-ignore: decorator
@inline
function sigmoid4(x: v128, spare: usize): v128 {
  return f32x4.div(f32x4.splat(1), f32x4.add(f32x4.splat(1), exp4(f32x4.neg(x), spare)));
}

/** d silu(g)/dg = s·(1 + g·(1 − s)), s the sigmoid of g. */
// @ts-ignore: decorator
@inline
function siluSlope(g: v128, s: v128): v128 {
  const one = f32x4.splat(1);
  return f32x4.mul(s, f32x4.relaxed_madd(g, f32x4.sub(one, s), one));
}

/** 2 out, 3 gateUp, 4 width. */
export function swiGlu(args: usize, tile: i32, scratch: usize): void {
  const one = f32x4.splat(1);
  const width = word(args, 4);
  const bytes = <usize>width << 2;
  const end = endRow(args, tile);
  for (let row = firstRow(args, tile); row < end; row++) {
    const gate = address(args, 3) + 2 * <usize>row * bytes;
    const up = gate + bytes;
    const out = address(args, 2) + <usize>row * bytes;
    let c = 0;
    for (const whole = wholePairs(width); c < whole; c += 8) {
      const at = <usize>c << 2;
      const g0 = v128.load(gate + at);
      const g1 = v128.load(gate + at, 16);
      expPair(scratch, f32x4.neg(g0), f32x4.neg(g1));
      const low = f32x4.div(f32x4.mul(g0, v128.load(up + at)), f32x4.add(one, v128.load(scratch)));
      const high = f32x4.div(f32x4.mul(g1, v128.load(up + at, 16)), f32x4.add(one, v128.load(scratch, 16)));
      v128.store(out + at, low);
      v128.store(out + at, high, 16);
    }
    for (; c < width; c += 4) {
      const at = <usize>c << 2;
      const n = width - c;
      const g = loadTail(gate + at, n);
      storeTail(out + at, f32x4.mul(f32x4.mul(g, sigmoid4(g, scratch)), loadTail(up + at, n)), n);
    }
  }
}

/** 2 dGateUp, 3 gateUp, 4 width, 5 dOut, 6 out. */
export function swiGluBackward(args: usize, tile: i32, scratch: usize): void {
  const one = f32x4.splat(1);
  const width = word(args, 4);
  const bytes = <usize>width << 2;
  const end = endRow(args, tile);
  for (let row = firstRow(args, tile); row < end; row++) {
    const gate = address(args, 3) + 2 * <usize>row * bytes;
    const dGate = address(args, 2) + 2 * <usize>row * bytes;
    const dOut = address(args, 5) + <usize>row * bytes;
    const out = address(args, 6) + <usize>row * bytes;
    let c = 0;
    for (const whole = wholePairs(width); c < whole; c += 8) {
      const at = <usize>c << 2;
      const g0 = v128.load(gate + at);
      const g1 = v128.load(gate + at, 16);
      const d0 = v128.load(dOut + at);
      const d1 = v128.load(dOut + at, 16);
      expPair(scratch, f32x4.neg(g0), f32x4.neg(g1));
      const e0 = f32x4.add(one, v128.load(scratch));
      const e1 = f32x4.add(one, v128.load(scratch, 16));
      const u0 = v128.load(gate + bytes + at);
      const u1 = v128.load(gate + bytes + at, 16);
      const out0 = f32x4.div(f32x4.mul(g0, u0), e0);
      const out1 = f32x4.div(f32x4.mul(g1, u1), e1);
      v128.store(out + at, out0);
      v128.store(out + at, out1, 16);
      const s0 = f32x4.div(one, e0);
      const s1 = f32x4.div(one, e1);
      const dGate0 = f32x4.mul(f32x4.mul(d0, u0), siluSlope(g0, s0));
      const dGate1 = f32x4.mul(f32x4.mul(d1, u1), siluSlope(g1, s1));
      const dUp0 = f32x4.mul(f32x4.mul(d0, g0), s0);
      const dUp1 = f32x4.mul(f32x4.mul(d1, g1), s1);
      v128.store(dGate + at, dGate0);
      v128.store(dGate + at, dGate1, 16);
      v128.store(dGate + bytes + at, dUp0);
      v128.store(dGate + bytes + at, dUp1, 16);
    }
    for (; c < width; c += 4) {
      const at = <usize>c << 2;
      const n = width - c;
      const g = loadTail(gate + at, n);
      const u = loadTail(gate + bytes + at, n);
      const d = loadTail(dOut + at, n);
      const s = sigmoid4(g, scratch);
      storeTail(out + at, f32x4.mul(f32x4.mul(g, s), u), n);
      storeTail(dGate + at, f32x4.mul(f32x4.mul(d, u), siluSlope(g, s)), n);
      storeTail(dGate + bytes + at, f32x4.mul(f32x4.mul(d, g), s), n);
    }
  }
}

/** out[i] = x[rows[i]]. 2 out, 3 x, 4 rows, 5 bytes of a row. */
export function gatherRows(args: usize, tile: i32, _scratch: usize): void {
  const bytes = address(args, 5);
  const end = endRow(args, tile);
  for (let i = firstRow(args, tile); i < end; i++) {
    const row = load<i32>(address(args, 4) + (<usize>i << 2));
    memory.copy(address(args, 2) + <usize>i * bytes, address(args, 3) + <usize>row * bytes, bytes);
  }
}

/**
 * target[rows[i]] += source[i] for all i in order, one slice of columns a tile, so that rows may repeat.
 * 0 columns, 1 columns of a tile, 2 target, 3 source, 4 rows, 5 number of rows.
 */
export function scatterAddRows(args: usize, tile: i32, _scratch: usize): void {
  const width = word(args, 0);
  const from = firstRow(args, tile);
  const end = endRow(args, tile);
  const count = word(args, 5);
  for (let i = 0; i < count; i++) {
    const row = load<i32>(address(args, 4) + (<usize>i << 2));
    const to = address(args, 2) + ((<usize>row * <usize>width) << 2);
    const source = address(args, 3) + ((<usize>i * <usize>width) << 2);
    for (let c = from; c < end; c += 4) {
      const at = <usize>c << 2;
      const n = end - c;
      storeTail(to + at, f32x4.add(loadTail(to + at, n), loadTail(source + at, n)), n);
    }
  }
}

/**
 * losses[i] = log Σ exp(logits[i]) − logits[i][target]; with a gradient, logits becomes (softmax − one-hot) · scale.
 * 2 losses, 3 logits, 4 targets, 5 vocabulary, 6 with gradient, 7 scale (float).
 */
export function crossEntropy(args: usize, tile: i32, scratch: usize): void {
  const vocab = word(args, 5);
  const end = endRow(args, tile);
  const scale = float(args, 7);
  const whole = wholePairs(vocab);
  for (let row = firstRow(args, tile); row < end; row++) {
    const logits = address(args, 3) + ((<usize>row * <usize>vocab) << 2);
    const target = load<i32>(address(args, 4) + (<usize>row << 2));
    const chosen = load<f32>(logits + (<usize>target << 2));
    let low = f32x4.splat(-Infinity);
    let high = low;
    let c = 0;
    for (; c < whole; c += 8) {
      const at = logits + (<usize>c << 2);
      low = f32x4.pmax(low, v128.load(at));
      high = f32x4.pmax(high, v128.load(at, 16));
    }
    v128.store(scratch, low);
    v128.store(scratch, high, 16);
    let top = horizontalMax(f32x4.pmax(v128.load(scratch), v128.load(scratch, 16)));
    for (; c < vocab; c++) top = max(top, load<f32>(logits + (<usize>c << 2)));
    const base = f32x4.splat(top);
    // Sums of 1024 numbers in fp32, these in fp64: a vocabulary of 128k loses no digits.
    let total: f64 = 0;
    for (let from = 0; from < whole; from += 1024) {
      const to = min(from + 1024, whole);
      low = f32x4.splat(0);
      high = low;
      for (let j = from; j < to; j += 8) {
        const at = logits + (<usize>j << 2);
        expPair(at, f32x4.sub(v128.load(at), base), f32x4.sub(v128.load(at, 16), base));
        low = f32x4.add(low, v128.load(at));
        high = f32x4.add(high, v128.load(at, 16));
      }
      v128.store(scratch, low);
      v128.store(scratch, high, 16);
      total += <f64>horizontalSum(f32x4.add(v128.load(scratch), v128.load(scratch, 16)));
    }
    for (c = whole; c < vocab; c++) {
      const at = logits + (<usize>c << 2);
      const e = f32x4.extract_lane(exp4(f32x4.splat(load<f32>(at) - top), scratch), 0);
      store<f32>(at, e);
      total += <f64>e;
    }
    store<f32>(address(args, 2) + (<usize>row << 2), <f32>(logarithm(total) + <f64>top - <f64>chosen));
    if (word(args, 6) == 0) continue;
    const share = <f32>(<f64>scale / total);
    const factor = f32x4.splat(share);
    for (c = 0; c < whole; c += 8) {
      const at = logits + (<usize>c << 2);
      const e0 = f32x4.mul(factor, v128.load(at));
      const e1 = f32x4.mul(factor, v128.load(at, 16));
      v128.store(at, e0);
      v128.store(at, e1, 16);
    }
    for (; c < vocab; c++) {
      const at = logits + (<usize>c << 2);
      store<f32>(at, load<f32>(at) * share);
    }
    const at = logits + (<usize>target << 2);
    store<f32>(at, load<f32>(at) - scale);
  }
}
