import type { ModelConfig } from '../protocol/modelConfig.ts';

/** One parameter tensor as `transformers` names it. */
export interface ParameterShape {
  name: string;
  shape: readonly number[];
}

/** All parameters in the model's order; `lm_head.weight` is absent when the head is tied to the embedding. */
export function parameterShapes(config: ModelConfig): ParameterShape[] {
  const { hiddenSize: h, heads, kvHeads, headDim, intermediateSize: width, vocabSize } = config;
  const shapes: ParameterShape[] = [{ name: 'model.embed_tokens.weight', shape: [vocabSize, h] }];
  for (let layer = 0; layer < config.layers; layer++) {
    const add = (name: string, shape: number[]): void => {
      shapes.push({ name: `model.layers.${layer}.${name}.weight`, shape });
    };
    add('self_attn.q_proj', [heads * headDim, h]);
    add('self_attn.k_proj', [kvHeads * headDim, h]);
    add('self_attn.v_proj', [kvHeads * headDim, h]);
    add('self_attn.o_proj', [h, heads * headDim]);
    add('mlp.gate_proj', [width, h]);
    add('mlp.up_proj', [width, h]);
    add('mlp.down_proj', [h, width]);
    add('input_layernorm', [h]);
    add('post_attention_layernorm', [h]);
  }
  shapes.push({ name: 'model.norm.weight', shape: [h] });
  if (!config.tieEmbeddings) shapes.push({ name: 'lm_head.weight', shape: [vocabSize, h] });
  return shapes;
}

export interface ParameterCounts {
  /** Every parameter once. */
  total: number;
  /** Without the input embedding: what the paper's size names count. */
  withoutEmbedding: number;
  /** The layers and the final norm alone. */
  body: number;
}

export function parameterCounts(config: ModelConfig): ParameterCounts {
  const total = parameterShapes(config).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const embedding = config.vocabSize * config.hiddenSize;
  return {
    total,
    withoutEmbedding: total - (config.tieEmbeddings ? 0 : embedding),
    body: total - (config.tieEmbeddings ? embedding : 2 * embedding),
  };
}

/**
 * Floating-point operations of one training step's forward and backward pass (a multiply and an add count as two):
 * 6 a matrix parameter and token, the head at loss positions only, and attention's two products over the keys that
 * each query sees.
 */
export function trainingFlops(
  config: ModelConfig,
  batch: { tokens: number; lossPositions: number; sampleLengths: readonly number[]; causal: boolean },
): number {
  const { hiddenSize: h, heads, kvHeads, headDim, intermediateSize: width, layers, vocabSize } = config;
  const matrices = layers * (h * headDim * (2 * heads + 2 * kvHeads) + 3 * h * width);
  const pairs = batch.sampleLengths.reduce((sum, n) => sum + (batch.causal ? (n * (n + 1)) / 2 : n * n), 0);
  const attention = layers * 4 * pairs * heads * headDim;
  return 6 * batch.tokens * matrices + 6 * batch.lossPositions * vocabSize * h + 3 * attention;
}
