/** An opaque handle to memory of one engine: model code passes it to ops and never looks inside. */
export interface Tensor {
  readonly dtype: 'f32' | 'i32';
  /** Row-major. The first dimension counts rows; `Engine.rows` cuts along it. */
  readonly shape: readonly number[];
}

/** Head layout of a fused projection row: heads·headDim queries, then kvHeads·headDim keys, then as many values. */
export interface HeadShape {
  heads: number;
  kvHeads: number;
  headDim: number;
}

/** One parameter as the optimizer sees it. */
export interface OptimizerEntry {
  weight: Tensor;
  gradient: Tensor;
  firstMoment: Tensor;
  secondMoment: Tensor;
  /** Whether weight decay acts on it. */
  decays: boolean;
}

/** The numbers of one AdamW update (PyTorch's formula). */
export interface AdamWNumbers {
  learningRate: number;
  beta1: number;
  beta2: number;
  eps: number;
  weightDecay: number;
  /** Every gradient is multiplied by it first: the clipping coefficient. */
  gradientScale: number;
  /** 1 − beta1^(updates), 1 − beta2^(updates). */
  biasCorrection1: number;
  biasCorrection2: number;
}

/**
 * The op set that every engine implements. Ops return nothing and take effect in the order of their calls;
 * `read` is the one asynchronous call. Gradients of parameters are always added to what is there, so that
 * micro-batches and shared weights add up. T = tokens of the batch, h = hidden size, D = head dimension.
 */
export interface Engine {
  readonly name: string;
  /** Reserves zero-filled memory. Only while a model is built: a step allocates nothing. */
  tensor(dtype: 'f32' | 'i32', shape: readonly number[]): Tensor;
  /**
   * The same for a parameter, its gradient or a moment of it. Such a tensor may lie where only some ops reach it: those
   * that take a weight or its gradient, the optimizer's, `fill`, `upload` and `read`.
   */
  parameter(shape: readonly number[]): Tensor;
  /** A view of `count` rows from row `start`. */
  rows(tensor: Tensor, start: number, count: number): Tensor;
  /** The same elements under another shape. */
  reshape(tensor: Tensor, shape: readonly number[]): Tensor;
  upload(tensor: Tensor, values: Float32Array | Int32Array): void;
  read(tensor: Tensor): Promise<Float32Array>;
  /** Brings a layer's parameters within reach before its ops, and lets them go after. */
  acquire(layer: number): void;
  release(layer: number): void;

  fill(target: Tensor, value: number): void;
  copy(target: Tensor, source: Tensor): void;

  /** out[t] = weight[ids[t]]: weight [vocab, h], out [T, h]. */
  embedding(out: Tensor, weight: Tensor, ids: Tensor): void;
  /** dWeight[ids[t]] += dOut[t]. */
  embeddingBackward(dWeight: Tensor, dOut: Tensor, ids: Tensor): void;

  /** y = x · weightᵀ (or y += …): x [T, in], weight [out, in], y [T, out]. */
  linear(y: Tensor, x: Tensor, weight: Tensor, accumulate?: boolean): void;
  /** dx = dy · weight (or dx += …). */
  linearBackwardInput(dx: Tensor, dy: Tensor, weight: Tensor, accumulate?: boolean): void;
  /** dWeight += dyᵀ · x. */
  linearBackwardWeight(dWeight: Tensor, dy: Tensor, x: Tensor): void;

  /** y = x · inverseRms · weight with inverseRms[t] = 1/√(mean(x[t]²) + eps), kept for the backward pass. */
  rmsNorm(y: Tensor, inverseRms: Tensor, x: Tensor, weight: Tensor, eps: number): void;
  /** dx += …, dWeight += …. */
  rmsNormBackward(
    dx: Tensor,
    dWeight: Tensor,
    dy: Tensor,
    x: Tensor,
    inverseRms: Tensor,
    weight: Tensor,
  ): void;

  /**
   * Rotates queries and keys of qkv [T, (heads + 2·kvHeads)·D] in place: the pair (i, i + D/2) turns by the angle
   * of row positions[t] in cos and sin [context, D/2]. The backward pass turns the other way.
   */
  rotary(qkv: Tensor, cos: Tensor, sin: Tensor, positions: Tensor, shape: HeadShape): void;
  rotaryBackward(dQkv: Tensor, cos: Tensor, sin: Tensor, positions: Tensor, shape: HeadShape): void;

  /**
   * softmax(q·kᵀ/√D)·v within each sample; causal: keys up to the query's own position. out [T, heads·D];
   * logSumExp [T, heads] is kept for the backward pass. cumulativeLengths [samples + 1].
   */
  attention(
    out: Tensor,
    logSumExp: Tensor,
    qkv: Tensor,
    cumulativeLengths: Tensor,
    shape: HeadShape,
    causal: boolean,
  ): void;
  /** Sets dQkv. */
  attentionBackward(
    dQkv: Tensor,
    dOut: Tensor,
    out: Tensor,
    logSumExp: Tensor,
    qkv: Tensor,
    cumulativeLengths: Tensor,
    shape: HeadShape,
    causal: boolean,
  ): void;

  /** out = silu(gate) · up: gateUp [T, 2·width] holds gate, then up; out [T, width]. */
  swiGlu(out: Tensor, gateUp: Tensor): void;
  /** Sets dGateUp, and out to what swiGlu gave: nobody has to keep it. */
  swiGluBackward(dGateUp: Tensor, out: Tensor, dOut: Tensor, gateUp: Tensor): void;

  /** out[i] = x[rows[i]]. */
  gatherRows(out: Tensor, x: Tensor, rows: Tensor): void;
  /** dx[rows[i]] += dOut[i]; no row is named twice. */
  gatherRowsBackward(dx: Tensor, dOut: Tensor, rows: Tensor): void;

  /** losses[i] = −log softmax(logits[i])[targets[i]]. What logits holds afterwards is the engine's affair. */
  crossEntropy(losses: Tensor, logits: Tensor, targets: Tensor): void;
  /** The same, and logits becomes its own gradient: (softmax − one-hot) · gradientScale. */
  crossEntropyWithGradient(losses: Tensor, logits: Tensor, targets: Tensor, gradientScale: number): void;

  /** The squares of all gradients of the entries, summed in fp64 in an order that only the shapes decide. */
  sumOfSquares(entries: readonly OptimizerEntry[]): Promise<number>;
  adamW(entries: readonly OptimizerEntry[], numbers: AdamWNumbers): void;

  close(): Promise<void>;
}

/** Number of elements of a shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}
