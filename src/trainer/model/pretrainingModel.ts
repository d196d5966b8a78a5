import type { ModelConfig } from '../../protocol/modelConfig.ts';
import type { ElementRange } from './safetensorsFile.ts';

/**
 * Samples packed end to end, without padding. `cumulativeLengths` starts with 0 and ends with the token count;
 * positions restart at each sample and no token sees another sample.
 */
export interface PackedBatch {
  /** [tokens] */
  inputIds: Int32Array;
  /** [samples + 1] */
  cumulativeLengths: Int32Array;
  /** true: a token sees itself and what is to its left (CLM); false: the whole sample (MLM). */
  causal: boolean;
  /** [lossPositions] rows of the hidden states at which a loss is taken, ascending. */
  lossRows: Int32Array;
  /** [lossPositions] the id that each of these rows has to predict. */
  targets: Int32Array;
}

/** What one forward (and backward) pass over a micro-batch gives: sums, so that micro-batches add up. */
export interface LossSum {
  /** Sum of the cross-entropies in nats; 0 for a batch without loss positions. */
  lossSum: number;
  lossPositions: number;
}

/** AdamW as PyTorch defines it (decoupled weight decay, bias correction), with its clip_grad_norm_. */
export interface AdamWStep {
  learningRate: number;
  betas: [number, number];
  eps: number;
  weightDecay: number;
  /** all: every parameter decays (the paper); matrices: tensors of two dimensions only. */
  decay: 'all' | 'matrices';
  /** Maximum global gradient norm; 0 = no clipping. */
  clip: number;
  /** Number of updates already made, from 0: bias correction uses `step + 1`. */
  step: number;
  /** true: skip the update where the gradient norm is not finite (the norm is still returned). */
  skipNonFinite: boolean;
  /** true: only the norm; nothing is updated. */
  normOnly?: boolean;
}

/** Upper bounds for which memory is planned; exceeding one is an error before anything is computed. */
export interface BatchLimits {
  /** Tokens of one micro-batch. */
  tokens: number;
  /** Length of one sample. */
  length: number;
  samples: number;
  lossPositions: number;
}

/** Which copy of the parameters: the weights, their gradients, or AdamW's two moments. */
export type ParameterKind = 'weight' | 'gradient' | 'firstMoment' | 'secondMoment';

/** The encoder with its one head, in training: what the training loop, the checkpoints and `biphase loss` use. */
export interface PretrainingModel {
  readonly config: ModelConfig;
  /** Bytes planned for weights, gradients, moments and activations together, as far as its purpose needs them. */
  readonly plannedBytes: number;
  /** Names as `transformers` has them, with shapes, in the model's order (lm_head absent when tied). */
  readonly parameters: readonly { name: string; shape: readonly number[] }[];
  /** Sets all weights: N(0, 0.02) for matrices (Philox, key = seed and parameter name), 1 for norms; moments to 0. */
  initialize(seed: number): Promise<void>;
  /** Both moments to 0, as if no update had been made. */
  resetMoments(): void;
  zeroGradients(): void;
  /** Adds to the gradients d(lossSum · gradientScale)/dw. */
  forwardBackward(batch: PackedBatch, gradientScale: number): Promise<LossSum>;
  /** The loss only. */
  evaluate(batch: PackedBatch): Promise<LossSum>;
  /** One AdamW update from the accumulated gradients; returns the global L2 norm before clipping. */
  adamW(step: AdamWStep): Promise<{ gradNorm: number; updated: boolean }>;
  /** Logits in fp32, [lossRows, vocabSize]; for tests and golden comparison. */
  logits(batch: PackedBatch): Promise<Float32Array>;
  /** A copy, row-major fp32: of all elements, or of `count` from element `start`. */
  read(name: string, kind: ParameterKind, range?: ElementRange): Promise<Float32Array>;
  /** Sets all elements, or those from `start` on. */
  write(name: string, kind: ParameterKind, values: Float32Array, start?: number): Promise<void>;
  /** Ends the workers; the model cannot be used after it. */
  close(): Promise<void>;
}
