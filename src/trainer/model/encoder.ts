import { BiphaseError } from '../../core/errors.ts';
import { headChunkRows } from '../../core/plannedBytes.ts';
import type { ModelConfig } from '../../protocol/modelConfig.ts';
import type { Engine, HeadShape, Tensor } from '../engine/engine.ts';
import type { LayerParameters, ParameterSet } from './parameters.ts';
import type { BatchLimits, LossSum, PackedBatch } from './pretrainingModel.ts';
import { rotaryTable } from './rotaryTable.ts';

/**
 * The whole model, forward and backward: a EuroBERT-style encoder (RMSNorm before each block, grouped-query attention
 * with rotary positions, SwiGLU, no biases) and its one head.
 *
 * In the comments: T tokens of the packed batch, h hidden size, H query heads, K key/value heads, D head dimension,
 * I feed-forward width, V vocabulary, R loss positions.
 */

/** What the backward pass needs again of one layer; normed inputs and SwiGLU's output are computed anew instead. */
interface LayerMemory {
  input: Tensor; //             [T, h] the residual stream before the layer
  inputInverseRms: Tensor; //   [T]
  qkv: Tensor; //               [T, (H + 2K)·D], after rotation
  attended: Tensor; //          [T, H·D]
  logSumExp: Tensor; //         [T, H]
  middle: Tensor; //            [T, h] the residual stream between attention and feed-forward
  middleInverseRms: Tensor; //  [T]
  gateUp: Tensor; //            [T, 2·I]
}

/** What the backward pass writes: absent where a model is only evaluated. */
interface BackwardMemory {
  gradients: ParameterSet;
  dStream: Tensor; //    [T, h]
  dNormed: Tensor; //    [T, h]
  dQkv: Tensor; //       [T, (H + 2K)·D]
  dAttended: Tensor; //  [T, H·D]
  dGateUp: Tensor; //    [T, 2·I]
  dActivated: Tensor; // [T, I]
  dHeadInput: Tensor; // [chunk, h]
}

/** A micro-batch as the engine holds it. */
interface Inputs {
  tokens: number;
  ids: Tensor; //               [T]
  positions: Tensor; //         [T], from 0 in each sample
  cumulativeLengths: Tensor; // [samples + 1]
  causal: boolean;
}

export class Encoder {
  private readonly engine: Engine;
  private readonly config: ModelConfig;
  private readonly weights: ParameterSet;
  private readonly shape: HeadShape;

  private readonly cos: Tensor; // [context, D/2]
  private readonly sin: Tensor;
  private readonly ids: Tensor;
  private readonly positions: Tensor;
  private readonly cumulativeLengths: Tensor;
  private readonly lossRows: Tensor; // [R]
  private readonly targets: Tensor; //  [R]

  private readonly layers: LayerMemory[];
  private readonly stream: Tensor; //          [T, h] the residual stream after the last layer
  private readonly finalInverseRms: Tensor; // [T]
  private readonly output: Tensor; //          [T, h] after the final norm
  private readonly normed: Tensor; //          [T, h] shared by all layers
  private readonly activated: Tensor; //       [T, I] shared by all layers
  private readonly backwardMemory: BackwardMemory | undefined;

  private readonly headInput: Tensor; //  [chunk, h]
  private readonly logitChunk: Tensor; // [chunk, V]
  private readonly losses: Tensor; //     [R]

  constructor(
    engine: Engine,
    config: ModelConfig,
    limits: BatchLimits,
    parameters: { weights: ParameterSet; gradients: ParameterSet | undefined },
  ) {
    this.engine = engine;
    this.config = config;
    const { weights, gradients } = parameters;
    this.weights = weights;
    const { hiddenSize: h, heads, kvHeads, headDim, intermediateSize: width, vocabSize } = config;
    this.shape = { heads, kvHeads, headDim };
    const T = limits.tokens;
    const R = limits.lossPositions;
    const f32 = (...shape: number[]): Tensor => engine.tensor('f32', shape);
    const i32 = (...shape: number[]): Tensor => engine.tensor('i32', shape);

    this.cos = f32(limits.length, headDim / 2);
    this.sin = f32(limits.length, headDim / 2);
    const table = rotaryTable(limits.length, headDim, config.ropeTheta);
    engine.upload(this.cos, table.cos);
    engine.upload(this.sin, table.sin);

    this.ids = i32(T);
    this.positions = i32(T);
    this.cumulativeLengths = i32(limits.samples + 1);
    this.lossRows = i32(R);
    this.targets = i32(R);

    const layerMemory = (): LayerMemory => ({
      input: f32(T, h),
      inputInverseRms: f32(T),
      qkv: f32(T, (heads + 2 * kvHeads) * headDim),
      attended: f32(T, heads * headDim),
      logSumExp: f32(T, heads),
      middle: f32(T, h),
      middleInverseRms: f32(T),
      gateUp: f32(T, 2 * width),
    });
    // Without a backward pass nothing of a layer is needed again: all of them share one memory.
    const shared = gradients ? undefined : layerMemory();
    this.layers = Array.from({ length: config.layers }, () => shared ?? layerMemory());
    this.stream = f32(T, h);
    this.finalInverseRms = f32(T);
    this.output = f32(T, h);
    this.normed = f32(T, h);
    this.activated = f32(T, width);

    const chunk = headChunkRows(vocabSize, R);
    this.headInput = f32(chunk, h);
    this.logitChunk = f32(chunk, vocabSize);
    this.losses = f32(R);
    if (gradients)
      this.backwardMemory = {
        gradients,
        dStream: f32(T, h),
        dNormed: f32(T, h),
        dQkv: f32(T, (heads + 2 * kvHeads) * headDim),
        dAttended: f32(T, heads * headDim),
        dGateUp: f32(T, 2 * width),
        dActivated: f32(T, width),
        dHeadInput: f32(chunk, h),
      };
  }

  /** The batch's cross-entropy. */
  async loss(batch: PackedBatch): Promise<LossSum> {
    const lossPositions = batch.lossRows.length;
    if (lossPositions === 0) return { lossSum: 0, lossPositions };
    const output = this.forward(this.uploadInputs(batch));
    this.head(batch, output);
    return { lossSum: await this.sumLosses(lossPositions), lossPositions };
  }

  /** Forward and backward; adds gradientScale · d(loss sum)/dw to the gradients. */
  async lossAndGradients(batch: PackedBatch, gradientScale: number): Promise<LossSum> {
    const lossPositions = batch.lossRows.length;
    if (lossPositions === 0) return { lossSum: 0, lossPositions };
    const inputs = this.uploadInputs(batch);
    const output = this.forward(inputs);
    const dOutput = this.headWithGradient(batch, output, gradientScale);
    this.backward(inputs, dOutput);
    return { lossSum: await this.sumLosses(lossPositions), lossPositions };
  }

  /** Logits of the loss rows, [R, V]. */
  async logits(batch: PackedBatch): Promise<Float32Array> {
    const { engine } = this;
    const count = batch.lossRows.length;
    const result = new Float32Array(count * this.config.vocabSize);
    if (count === 0) return result;
    const output = this.forward(this.uploadInputs(batch));
    engine.upload(engine.rows(this.lossRows, 0, count), batch.lossRows);
    for (const [start, rows] of this.headChunks(count)) {
      const input = engine.rows(this.headInput, 0, rows);
      const logits = engine.rows(this.logitChunk, 0, rows);
      engine.gatherRows(input, output, engine.rows(this.lossRows, start, rows));
      engine.linear(logits, input, this.weights.head);
      result.set(await engine.read(logits), start * this.config.vocabSize);
    }
    return result;
  }

  /** [T] token ids → [T, h] after the final norm. */
  forward(inputs: Inputs): Tensor {
    const { engine, weights, config } = this;
    const cut = (tensor: Tensor): Tensor => engine.rows(tensor, 0, inputs.tokens);
    const stream = (index: number): Tensor => cut(this.layers[index]?.input ?? this.stream);

    engine.embedding(stream(0), weights.embedding, inputs.ids); // [T, h]
    for (let index = 0; index < config.layers; index++) {
      engine.acquire(index);
      this.layerForward(inputs, weights.layers[index]!, this.layers[index]!, stream(index + 1));
      engine.release(index);
    }
    const output = cut(this.output);
    engine.rmsNorm(output, cut(this.finalInverseRms), stream(config.layers), weights.norm, config.normEps);
    return output;
  }

  private layerForward(inputs: Inputs, weights: LayerParameters, memory: LayerMemory, next: Tensor): void {
    const { engine, config, shape } = this;
    const cut = (tensor: Tensor): Tensor => engine.rows(tensor, 0, inputs.tokens);
    const eps = config.normEps;
    const [input, middle, qkv] = [cut(memory.input), cut(memory.middle), cut(memory.qkv)];
    const [normed, attended, gateUp] = [cut(this.normed), cut(memory.attended), cut(memory.gateUp)];
    const activated = cut(this.activated);

    // Attention block: middle = input + attention(norm(input))
    engine.rmsNorm(normed, cut(memory.inputInverseRms), input, weights.inputNorm, eps); // [T, h]
    engine.linear(qkv, normed, weights.qkv); //                                             [T, (H + 2K)·D]
    engine.rotary(qkv, this.cos, this.sin, inputs.positions, shape);
    engine.attention(attended, cut(memory.logSumExp), qkv, inputs.cumulativeLengths, shape, inputs.causal); // [T, H·D]
    engine.copy(middle, input);
    engine.linear(middle, attended, weights.output, true); //                               [T, h]

    // Feed-forward block: next = middle + down(silu(gate(norm(middle))) · up(norm(middle)))
    engine.rmsNorm(normed, cut(memory.middleInverseRms), middle, weights.postAttentionNorm, eps); // [T, h]
    engine.linear(gateUp, normed, weights.gateUp); //                                       [T, 2·I]
    engine.swiGlu(activated, gateUp); //                                                    [T, I]
    engine.copy(next, middle);
    engine.linear(next, activated, weights.down, true); //                                  [T, h]
  }

  /** From any gradient of the output [T, h] to the gradients of all parameters of the body. */
  backward(inputs: Inputs, dOutput: Tensor): void {
    const { engine, weights, config } = this;
    const { gradients, ...memory } = this.needBackward();
    const cut = (tensor: Tensor): Tensor => engine.rows(tensor, 0, inputs.tokens);
    const dStream = cut(memory.dStream);
    engine.fill(dStream, 0);
    engine.rmsNormBackward(
      dStream,
      gradients.norm,
      dOutput,
      cut(this.stream),
      cut(this.finalInverseRms),
      weights.norm,
    );
    for (let index = config.layers - 1; index >= 0; index--) {
      engine.acquire(index);
      this.layerBackward(inputs, weights.layers[index]!, gradients.layers[index]!, this.layers[index]!);
      engine.release(index);
    }
    engine.embeddingBackward(gradients.embedding, dStream, inputs.ids);
  }

  /** Turns dStream [T, h] from the gradient of the layer's output into that of its input. */
  private layerBackward(
    inputs: Inputs,
    weights: LayerParameters,
    gradients: LayerParameters,
    memory: LayerMemory,
  ): void {
    const { engine, config, shape } = this;
    const own = this.needBackward();
    const cut = (tensor: Tensor): Tensor => engine.rows(tensor, 0, inputs.tokens);
    const eps = config.normEps;
    const [dStream, dNormed, normed] = [cut(own.dStream), cut(own.dNormed), cut(this.normed)];
    const [input, middle, qkv] = [cut(memory.input), cut(memory.middle), cut(memory.qkv)];
    const [attended, gateUp] = [cut(memory.attended), cut(memory.gateUp)];
    const [activated, dActivated] = [cut(this.activated), cut(own.dActivated)];
    const [dQkv, dAttended, dGateUp] = [cut(own.dQkv), cut(own.dAttended), cut(own.dGateUp)];
    const inputInverseRms = cut(memory.inputInverseRms);
    const middleInverseRms = cut(memory.middleInverseRms);

    // Feed-forward block
    engine.linearBackwardInput(dActivated, dStream, weights.down); //           [T, I]
    engine.swiGluBackward(dGateUp, activated, dActivated, gateUp); //           [T, 2·I], and [T, I] again
    engine.linearBackwardWeight(gradients.down, dStream, activated);
    engine.rmsNorm(normed, middleInverseRms, middle, weights.postAttentionNorm, eps); // [T, h] again
    engine.linearBackwardWeight(gradients.gateUp, dGateUp, normed);
    engine.linearBackwardInput(dNormed, dGateUp, weights.gateUp); //            [T, h]
    engine.rmsNormBackward(
      dStream,
      gradients.postAttentionNorm,
      dNormed,
      middle,
      middleInverseRms,
      weights.postAttentionNorm,
    );

    // Attention block
    engine.linearBackwardWeight(gradients.output, dStream, attended);
    engine.linearBackwardInput(dAttended, dStream, weights.output); //          [T, H·D]
    engine.attentionBackward(
      dQkv,
      dAttended,
      attended,
      cut(memory.logSumExp),
      qkv,
      inputs.cumulativeLengths,
      shape,
      inputs.causal,
    ); //                                                                       [T, (H + 2K)·D]
    engine.rotaryBackward(dQkv, this.cos, this.sin, inputs.positions, shape);
    engine.rmsNorm(normed, inputInverseRms, input, weights.inputNorm, eps); //  [T, h] again
    engine.linearBackwardWeight(gradients.qkv, dQkv, normed);
    engine.linearBackwardInput(dNormed, dQkv, weights.qkv); //                  [T, h]
    engine.rmsNormBackward(dStream, gradients.inputNorm, dNormed, input, inputInverseRms, weights.inputNorm);
  }

  /** Cross-entropies of the loss rows into `losses` [R]. The head sees no other row. */
  private head(batch: PackedBatch, output: Tensor): void {
    this.uploadTargets(batch);
    const { engine } = this;
    for (const [start, rows] of this.headChunks(batch.lossRows.length)) {
      const input = engine.rows(this.headInput, 0, rows);
      const logits = engine.rows(this.logitChunk, 0, rows);
      engine.gatherRows(input, output, engine.rows(this.lossRows, start, rows)); // [chunk, h]
      engine.linear(logits, input, this.weights.head); //                           [chunk, V]
      engine.crossEntropy(
        engine.rows(this.losses, start, rows),
        logits,
        engine.rows(this.targets, start, rows),
      );
    }
  }

  /** The same, with the head's gradient; returns that of the output, [T, h]. */
  private headWithGradient(batch: PackedBatch, output: Tensor, gradientScale: number): Tensor {
    this.uploadTargets(batch);
    const { engine } = this;
    const { gradients, dNormed, dHeadInput } = this.needBackward();
    const dOutput = engine.rows(dNormed, 0, output.shape[0]!);
    engine.fill(dOutput, 0);
    for (const [start, rows] of this.headChunks(batch.lossRows.length)) {
      const input = engine.rows(this.headInput, 0, rows);
      const dInput = engine.rows(dHeadInput, 0, rows);
      const logits = engine.rows(this.logitChunk, 0, rows);
      const lossRows = engine.rows(this.lossRows, start, rows);
      const targets = engine.rows(this.targets, start, rows);
      engine.gatherRows(input, output, lossRows); //                                [chunk, h]
      engine.linear(logits, input, this.weights.head); //                           [chunk, V]
      engine.crossEntropyWithGradient(engine.rows(this.losses, start, rows), logits, targets, gradientScale);
      engine.linearBackwardWeight(gradients.head, logits, input);
      engine.linearBackwardInput(dInput, logits, this.weights.head); //             [chunk, h]
      engine.gatherRowsBackward(dOutput, dInput, lossRows);
    }
    return dOutput;
  }

  private needBackward(): BackwardMemory {
    if (!this.backwardMemory)
      throw new BiphaseError('internal', 'The model was opened for evaluation alone.');
    return this.backwardMemory;
  }

  private *headChunks(lossPositions: number): Generator<[start: number, rows: number]> {
    const chunk = this.logitChunk.shape[0]!;
    for (let start = 0; start < lossPositions; start += chunk)
      yield [start, Math.min(chunk, lossPositions - start)];
  }

  private uploadInputs(batch: PackedBatch): Inputs {
    const { engine } = this;
    const tokens = batch.inputIds.length;
    const positions = new Int32Array(tokens);
    for (let sample = 0; sample + 1 < batch.cumulativeLengths.length; sample++) {
      const start = batch.cumulativeLengths[sample]!;
      for (let t = start; t < batch.cumulativeLengths[sample + 1]!; t++) positions[t] = t - start;
    }
    const put = (tensor: Tensor, values: Int32Array): Tensor => {
      const view = engine.rows(tensor, 0, values.length);
      engine.upload(view, values);
      return view;
    };
    return {
      tokens,
      ids: put(this.ids, batch.inputIds),
      positions: put(this.positions, positions),
      cumulativeLengths: put(this.cumulativeLengths, batch.cumulativeLengths),
      causal: batch.causal,
    };
  }

  private uploadTargets(batch: PackedBatch): void {
    const { engine } = this;
    engine.upload(engine.rows(this.lossRows, 0, batch.lossRows.length), batch.lossRows);
    engine.upload(engine.rows(this.targets, 0, batch.targets.length), batch.targets);
  }

  /** Summed in fp64 in the order of the rows. */
  private async sumLosses(count: number): Promise<number> {
    const losses = await this.engine.read(this.engine.rows(this.losses, 0, count));
    return losses.reduce((sum, loss) => sum + loss, 0);
  }
}
