import type { HeadShape } from '../engine.ts';

/** The plain definition of variable-length grouped-query attention, one query at a time. */
export interface AttentionCall {
  qkv: Float64Array;
  cumulativeLengths: Float64Array;
  shape: HeadShape;
  causal: boolean;
}

/** Calls `visit` for every (token, query head) with the columns of its query, key and value and its range of keys. */
function forEachQuery(
  { cumulativeLengths, shape, causal }: AttentionCall,
  visit: (at: {
    token: number;
    head: number;
    q: number;
    k: number;
    v: number;
    from: number;
    to: number;
  }) => void,
): void {
  const { heads, kvHeads, headDim } = shape;
  for (let sample = 0; sample + 1 < cumulativeLengths.length; sample++) {
    const from = cumulativeLengths[sample]!;
    const end = cumulativeLengths[sample + 1]!;
    for (let token = from; token < end; token++)
      for (let head = 0; head < heads; head++) {
        const group = Math.floor(head / (heads / kvHeads));
        visit({
          token,
          head,
          q: head * headDim,
          k: (heads + group) * headDim,
          v: (heads + kvHeads + group) * headDim,
          from,
          to: causal ? token + 1 : end,
        });
      }
  }
}

const dot = (a: Float64Array, i: number, b: Float64Array, j: number, length: number): number => {
  let sum = 0;
  for (let d = 0; d < length; d++) sum += a[i + d]! * b[j + d]!;
  return sum;
};

export function attention(out: Float64Array, logSumExp: Float64Array, call: AttentionCall): void {
  const { heads, kvHeads, headDim } = call.shape;
  const width = (heads + 2 * kvHeads) * headDim;
  const scale = 1 / Math.sqrt(headDim);
  const { qkv } = call;
  forEachQuery(call, ({ token, head, q, k, v, from, to }) => {
    const scores: number[] = [];
    for (let key = from; key < to; key++)
      scores.push(scale * dot(qkv, token * width + q, qkv, key * width + k, headDim));
    const max = Math.max(...scores);
    const total = scores.reduce((sum, score) => sum + Math.exp(score - max), 0);
    const lse = max + Math.log(total);
    logSumExp[token * heads + head] = lse;
    for (let d = 0; d < headDim; d++) {
      let sum = 0;
      for (let key = from; key < to; key++)
        sum += Math.exp(scores[key - from]! - lse) * qkv[key * width + v + d]!;
      out[(token * heads + head) * headDim + d] = sum;
    }
  });
}

export function attentionBackward(
  dQkv: Float64Array,
  dOut: Float64Array,
  out: Float64Array,
  logSumExp: Float64Array,
  call: AttentionCall,
): void {
  const { heads, kvHeads, headDim } = call.shape;
  const width = (heads + 2 * kvHeads) * headDim;
  const scale = 1 / Math.sqrt(headDim);
  const { qkv } = call;
  dQkv.fill(0);
  forEachQuery(call, ({ token, head, q, k, v, from, to }) => {
    const o = (token * heads + head) * headDim;
    const lse = logSumExp[token * heads + head]!;
    // Σ_key p·dp, which the softmax subtracts, equals dOut · out.
    const mean = dot(dOut, o, out, o, headDim);
    for (let key = from; key < to; key++) {
      const p = Math.exp(scale * dot(qkv, token * width + q, qkv, key * width + k, headDim) - lse);
      const dScore = p * (dot(dOut, o, qkv, key * width + v, headDim) - mean) * scale;
      for (let d = 0; d < headDim; d++) {
        dQkv[token * width + q + d]! += dScore * qkv[key * width + k + d]!;
        dQkv[key * width + k + d]! += dScore * qkv[token * width + q + d]!;
        dQkv[key * width + v + d]! += p * dOut[o + d]!;
      }
    }
  });
}
