/** Shape of a EuroBERT-style encoder (pre-norm, RMSNorm, SwiGLU, rotary positions, no biases). */
export interface ModelConfig {
  hiddenSize: number;
  layers: number;
  /** Query heads. */
  heads: number;
  /** Key/value heads; divides `heads`. */
  kvHeads: number;
  /** Need not be hiddenSize / heads. */
  headDim: number;
  /** Width of the SwiGLU feed-forward. */
  intermediateSize: number;
  vocabSize: number;
  /** true: the head is the input embedding, transposed. */
  tieEmbeddings: boolean;
  ropeTheta: number;
  /** RMSNorm epsilon. */
  normEps: number;
  /** Longest sample. */
  context: number;
}
