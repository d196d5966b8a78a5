import type { ModelConfig } from '../../protocol/modelConfig.ts';
import type { Engine, Tensor } from '../engine/engine.ts';

/** One layer's parameters; q, k, v lie in one tensor and so do gate and up, so that each pair is one product. */
export interface LayerParameters {
  /** [(heads + 2·kvHeads)·D, h] */
  qkv: Tensor;
  /** [h, heads·D] */
  output: Tensor;
  /** [2·intermediate, h] */
  gateUp: Tensor;
  /** [h, intermediate] */
  down: Tensor;
  /** [h] */
  inputNorm: Tensor;
  /** [h] */
  postAttentionNorm: Tensor;
}

/** One copy (weights, gradients or a moment) of all parameters. */
export interface ParameterSet {
  /** [vocab, h] */
  embedding: Tensor;
  layers: LayerParameters[];
  /** [h] */
  norm: Tensor;
  /** [vocab, h]; the embedding itself when tied. */
  head: Tensor;
  /** Every parameter by its `transformers` name, in the model's order: views of the tensors above. */
  named: Map<string, Tensor>;
}

export function allocateParameters(engine: Engine, config: ModelConfig): ParameterSet {
  const { hiddenSize: h, heads, kvHeads, headDim, intermediateSize: width, vocabSize } = config;
  const named = new Map<string, Tensor>();
  const allocate = (...shape: number[]): Tensor => engine.parameter(shape);

  const embedding = allocate(vocabSize, h);
  named.set('model.embed_tokens.weight', embedding);
  const layers = Array.from({ length: config.layers }, (_, index): LayerParameters => {
    const layer: LayerParameters = {
      qkv: allocate((heads + 2 * kvHeads) * headDim, h),
      output: allocate(h, heads * headDim),
      gateUp: allocate(2 * width, h),
      down: allocate(h, width),
      inputNorm: allocate(h),
      postAttentionNorm: allocate(h),
    };
    const q = heads * headDim;
    const kv = kvHeads * headDim;
    const views: Record<string, Tensor> = {
      'self_attn.q_proj': engine.rows(layer.qkv, 0, q),
      'self_attn.k_proj': engine.rows(layer.qkv, q, kv),
      'self_attn.v_proj': engine.rows(layer.qkv, q + kv, kv),
      'self_attn.o_proj': layer.output,
      'mlp.gate_proj': engine.rows(layer.gateUp, 0, width),
      'mlp.up_proj': engine.rows(layer.gateUp, width, width),
      'mlp.down_proj': layer.down,
      input_layernorm: layer.inputNorm,
      post_attention_layernorm: layer.postAttentionNorm,
    };
    for (const [name, view] of Object.entries(views)) named.set(`model.layers.${index}.${name}.weight`, view);
    return layer;
  });
  const norm = allocate(h);
  named.set('model.norm.weight', norm);
  const head = config.tieEmbeddings ? embedding : allocate(vocabSize, h);
  if (!config.tieEmbeddings) named.set('lm_head.weight', head);
  return { embedding, layers, norm, head, named };
}
