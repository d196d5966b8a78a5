import {
  type AdamWNumbers,
  type Engine,
  elementCount,
  type HeadShape,
  type OptimizerEntry,
  type Tensor,
} from '../engine.ts';
import { attention, attentionBackward } from './attention.ts';

interface ReferenceTensor extends Tensor {
  readonly data: Float64Array;
}

const data = (tensor: Tensor): Float64Array => (tensor as ReferenceTensor).data;
/** Length of a row: the product of all dimensions but the first. */
const width = (tensor: Tensor): number => elementCount(tensor.shape.slice(1));

/** The readable definition of every op: plain TypeScript in fp64, one loop nest an op. Slow on purpose. */
export class ReferenceEngine implements Engine {
  readonly name = 'reference';

  tensor(dtype: 'f32' | 'i32', shape: readonly number[]): Tensor {
    const tensor: ReferenceTensor = { dtype, shape, data: new Float64Array(elementCount(shape)) };
    return tensor;
  }

  parameter(shape: readonly number[]): Tensor {
    return this.tensor('f32', shape);
  }

  rows(tensor: Tensor, start: number, count: number): Tensor {
    const row = width(tensor);
    const view: ReferenceTensor = {
      dtype: tensor.dtype,
      shape: [count, ...tensor.shape.slice(1)],
      data: data(tensor).subarray(start * row, (start + count) * row),
    };
    return view;
  }

  reshape(tensor: Tensor, shape: readonly number[]): Tensor {
    const view: ReferenceTensor = { dtype: tensor.dtype, shape, data: data(tensor) };
    return view;
  }

  upload(tensor: Tensor, values: Float32Array | Int32Array | Float64Array): void {
    data(tensor).set(values);
  }

  async read(tensor: Tensor): Promise<Float32Array> {
    return Float32Array.from(data(tensor));
  }

  /** The fp64 elements themselves, for finite differences. */
  elements(tensor: Tensor): Float64Array {
    return data(tensor);
  }

  acquire(): void {}
  release(): void {}

  fill(target: Tensor, value: number): void {
    data(target).fill(value);
  }

  copy(target: Tensor, source: Tensor): void {
    data(target).set(data(source));
  }

  embedding(out: Tensor, weight: Tensor, ids: Tensor): void {
    const h = width(weight);
    data(ids).forEach((id, t) => {
      for (let c = 0; c < h; c++) data(out)[t * h + c] = data(weight)[id * h + c]!;
    });
  }

  embeddingBackward(dWeight: Tensor, dOut: Tensor, ids: Tensor): void {
    const h = width(dWeight);
    data(ids).forEach((id, t) => {
      for (let c = 0; c < h; c++) data(dWeight)[id * h + c]! += data(dOut)[t * h + c]!;
    });
  }

  linear(y: Tensor, x: Tensor, weight: Tensor, accumulate = false): void {
    const [tokens = 0, inputs = 0] = x.shape;
    const outputs = weight.shape[0]!;
    for (let t = 0; t < tokens; t++)
      for (let o = 0; o < outputs; o++) {
        let sum = accumulate ? data(y)[t * outputs + o]! : 0;
        for (let i = 0; i < inputs; i++) sum += data(x)[t * inputs + i]! * data(weight)[o * inputs + i]!;
        data(y)[t * outputs + o] = sum;
      }
  }

  linearBackwardInput(dx: Tensor, dy: Tensor, weight: Tensor, accumulate = false): void {
    const [tokens = 0, inputs = 0] = dx.shape;
    const outputs = weight.shape[0]!;
    for (let t = 0; t < tokens; t++)
      for (let i = 0; i < inputs; i++) {
        let sum = accumulate ? data(dx)[t * inputs + i]! : 0;
        for (let o = 0; o < outputs; o++) sum += data(dy)[t * outputs + o]! * data(weight)[o * inputs + i]!;
        data(dx)[t * inputs + i] = sum;
      }
  }

  linearBackwardWeight(dWeight: Tensor, dy: Tensor, x: Tensor): void {
    const [tokens = 0, inputs = 0] = x.shape;
    const outputs = dWeight.shape[0]!;
    for (let o = 0; o < outputs; o++)
      for (let i = 0; i < inputs; i++) {
        let sum = data(dWeight)[o * inputs + i]!;
        for (let t = 0; t < tokens; t++) sum += data(dy)[t * outputs + o]! * data(x)[t * inputs + i]!;
        data(dWeight)[o * inputs + i] = sum;
      }
  }

  rmsNorm(y: Tensor, inverseRms: Tensor, x: Tensor, weight: Tensor, eps: number): void {
    const [tokens = 0, h = 0] = x.shape;
    for (let t = 0; t < tokens; t++) {
      let squares = 0;
      for (let c = 0; c < h; c++) squares += data(x)[t * h + c]! ** 2;
      const inverse = 1 / Math.sqrt(squares / h + eps);
      data(inverseRms)[t] = inverse;
      for (let c = 0; c < h; c++) data(y)[t * h + c] = data(x)[t * h + c]! * inverse * data(weight)[c]!;
    }
  }

  rmsNormBackward(
    dx: Tensor,
    dWeight: Tensor,
    dy: Tensor,
    x: Tensor,
    inverseRms: Tensor,
    weight: Tensor,
  ): void {
    const [tokens = 0, h = 0] = x.shape;
    for (let t = 0; t < tokens; t++) {
      const inverse = data(inverseRms)[t]!;
      let mean = 0;
      for (let c = 0; c < h; c++)
        mean += (data(dy)[t * h + c]! * data(weight)[c]! * data(x)[t * h + c]! * inverse) / h;
      for (let c = 0; c < h; c++) {
        const normal = data(x)[t * h + c]! * inverse;
        data(dx)[t * h + c]! += inverse * (data(dy)[t * h + c]! * data(weight)[c]! - normal * mean);
        data(dWeight)[c]! += data(dy)[t * h + c]! * normal;
      }
    }
  }

  rotary(qkv: Tensor, cos: Tensor, sin: Tensor, positions: Tensor, shape: HeadShape): void {
    this.rotate(qkv, cos, sin, positions, shape, 1);
  }

  rotaryBackward(dQkv: Tensor, cos: Tensor, sin: Tensor, positions: Tensor, shape: HeadShape): void {
    this.rotate(dQkv, cos, sin, positions, shape, -1);
  }

  private rotate(
    qkv: Tensor,
    cos: Tensor,
    sin: Tensor,
    positions: Tensor,
    { heads, kvHeads, headDim }: HeadShape,
    direction: 1 | -1,
  ): void {
    const half = headDim / 2;
    const row = (heads + 2 * kvHeads) * headDim;
    data(positions).forEach((position, t) => {
      for (let head = 0; head < heads + kvHeads; head++)
        for (let i = 0; i < half; i++) {
          const at = t * row + head * headDim + i;
          const first = data(qkv)[at]!;
          const second = data(qkv)[at + half]!;
          const c = data(cos)[position * half + i]!;
          const s = direction * data(sin)[position * half + i]!;
          data(qkv)[at] = first * c - second * s;
          data(qkv)[at + half] = second * c + first * s;
        }
    });
  }

  attention(
    out: Tensor,
    logSumExp: Tensor,
    qkv: Tensor,
    cumulativeLengths: Tensor,
    shape: HeadShape,
    causal: boolean,
  ): void {
    const call = { qkv: data(qkv), cumulativeLengths: data(cumulativeLengths), shape, causal };
    attention(data(out), data(logSumExp), call);
  }

  attentionBackward(
    dQkv: Tensor,
    dOut: Tensor,
    out: Tensor,
    logSumExp: Tensor,
    qkv: Tensor,
    cumulativeLengths: Tensor,
    shape: HeadShape,
    causal: boolean,
  ): void {
    const call = { qkv: data(qkv), cumulativeLengths: data(cumulativeLengths), shape, causal };
    attentionBackward(data(dQkv), data(dOut), data(out), data(logSumExp), call);
  }

  swiGlu(out: Tensor, gateUp: Tensor): void {
    const [tokens = 0, w = 0] = out.shape;
    for (let t = 0; t < tokens; t++)
      for (let c = 0; c < w; c++) {
        const gate = data(gateUp)[t * 2 * w + c]!;
        data(out)[t * w + c] = (gate / (1 + Math.exp(-gate))) * data(gateUp)[t * 2 * w + w + c]!;
      }
  }

  swiGluBackward(dGateUp: Tensor, out: Tensor, dOut: Tensor, gateUp: Tensor): void {
    this.swiGlu(out, gateUp);
    const [tokens = 0, w = 0] = dOut.shape;
    for (let t = 0; t < tokens; t++)
      for (let c = 0; c < w; c++) {
        const gate = data(gateUp)[t * 2 * w + c]!;
        const up = data(gateUp)[t * 2 * w + w + c]!;
        const sigmoid = 1 / (1 + Math.exp(-gate));
        const d = data(dOut)[t * w + c]!;
        data(dGateUp)[t * 2 * w + c] = d * up * sigmoid * (1 + gate * (1 - sigmoid));
        data(dGateUp)[t * 2 * w + w + c] = d * gate * sigmoid;
      }
  }

  gatherRows(out: Tensor, x: Tensor, rows: Tensor): void {
    const h = width(x);
    data(rows).forEach((row, i) => {
      for (let c = 0; c < h; c++) data(out)[i * h + c] = data(x)[row * h + c]!;
    });
  }

  gatherRowsBackward(dx: Tensor, dOut: Tensor, rows: Tensor): void {
    const h = width(dx);
    data(rows).forEach((row, i) => {
      for (let c = 0; c < h; c++) data(dx)[row * h + c]! += data(dOut)[i * h + c]!;
    });
  }

  crossEntropy(losses: Tensor, logits: Tensor, targets: Tensor): void {
    const vocab = width(logits);
    data(targets).forEach((target, i) => {
      const row = data(logits).subarray(i * vocab, (i + 1) * vocab);
      data(losses)[i] = logSumExpOf(row) - row[target]!;
    });
  }

  crossEntropyWithGradient(losses: Tensor, logits: Tensor, targets: Tensor, gradientScale: number): void {
    const vocab = width(logits);
    data(targets).forEach((target, i) => {
      const row = data(logits).subarray(i * vocab, (i + 1) * vocab);
      const lse = logSumExpOf(row);
      data(losses)[i] = lse - row[target]!;
      row.forEach((logit, c) => {
        row[c] = (Math.exp(logit - lse) - (c === target ? 1 : 0)) * gradientScale;
      });
    });
  }

  async sumOfSquares(entries: readonly OptimizerEntry[]): Promise<number> {
    let sum = 0;
    for (const { gradient } of entries) for (const g of data(gradient)) sum += g * g;
    return sum;
  }

  adamW(entries: readonly OptimizerEntry[], numbers: AdamWNumbers): void {
    const { learningRate, beta1, beta2, eps, weightDecay, gradientScale, biasCorrection1, biasCorrection2 } =
      numbers;
    for (const entry of entries) {
      const [w, m, v] = [data(entry.weight), data(entry.firstMoment), data(entry.secondMoment)];
      data(entry.gradient).forEach((unscaled, i) => {
        const g = unscaled * gradientScale;
        m[i] = beta1 * m[i]! + (1 - beta1) * g;
        v[i] = beta2 * v[i]! + (1 - beta2) * g * g;
        const decayed = w[i]! * (entry.decays ? 1 - learningRate * weightDecay : 1);
        const denominator = Math.sqrt(v[i]! / biasCorrection2) + eps;
        w[i] = decayed - ((learningRate / biasCorrection1) * m[i]!) / denominator;
      });
    }
  }

  async close(): Promise<void> {}
}

function logSumExpOf(row: Float64Array): number {
  const max = row.reduce((a, b) => Math.max(a, b), -Infinity);
  return max + Math.log(row.reduce((sum, x) => sum + Math.exp(x - max), 0));
}
