import type { ModelConfig } from '../protocol/modelConfig.ts';
import { parameterShapes } from './parameterCounts.ts';

/** Who names the tensors of a file: `transformers`' EuroBERT, or Optimus, the library that it was trained with. */
export type ParameterNaming = 'transformers' | 'optimus';

/** Some rows of a stored tensor, and the parameter that they are. */
export interface ParameterRows {
  /** As `transformers` names it. */
  name: string;
  start: number;
  rows: number;
}

/** A tensor of a file and the parameters in it: several where they are stored as one. */
export interface StoredParameter {
  name: string;
  shape: readonly number[];
  parts: readonly ParameterRows[];
}

const optimusLayerNames: Record<string, string> = {
  'self_attn.o_proj': 'attn.out_proj',
  'mlp.gate_proj': 'mlp.fc_1',
  'mlp.up_proj': 'mlp.fc_2',
  'mlp.down_proj': 'mlp.proj',
  input_layernorm: 'attn_norm',
  post_attention_layernorm: 'mlp_norm',
};

const optimusNames: Record<string, string> = {
  'model.embed_tokens.weight': 'embedding.weight',
  'model.norm.weight': 'final_layernorm.weight',
};

const fused = /^self_attn\.[qkv]_proj$/;

/** All tensors of a model's file under a naming, in the model's order. Optimus keeps q, k and v as rows of one. */
export function storedParameters(config: ModelConfig, naming: ParameterNaming): StoredParameter[] {
  const stored = new Map<string, { shape: number[]; parts: ParameterRows[] }>();
  for (const { name, shape } of parameterShapes(config)) {
    const storedName = naming === 'optimus' ? optimusName(name) : name;
    const before = stored.get(storedName);
    const start = before?.shape[0] ?? 0;
    const [rows, ...rest] = shape;
    stored.set(storedName, {
      shape: [start + rows, ...rest],
      parts: [...(before?.parts ?? []), { name, start, rows }],
    });
  }
  return [...stored].map(([name, { shape, parts }]) => ({ name, shape, parts }));
}

function optimusName(name: string): string {
  const layer = /^model\.layers\.(\d+)\.(.+)\.weight$/.exec(name);
  if (!layer) return optimusNames[name] ?? name;
  const [, index, inner] = layer;
  return `blocks.${index}.${fused.test(inner) ? 'attn.qkv_proj' : optimusLayerNames[inner]}.weight`;
}

/** A tensor's name without what wrappers put before it: `torch.compile` (`_orig_mod.`) and data parallelism (`module.`). */
export function withoutWrapperPrefixes(name: string): string {
  return name.replaceAll('_orig_mod.', '').replace(/^(module\.)+/, '');
}
