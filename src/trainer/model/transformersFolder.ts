import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import type { FloatDtype } from '../../core/safetensors.ts';
import { type ParameterNaming, storedParameters } from '../../core/storedParameters.ts';
import type { ModelConfig } from '../../protocol/modelConfig.ts';
import { readJsonObject } from './jsonFile.ts';
import type { PretrainingModel } from './pretrainingModel.ts';
import { type ElementRange, piecesOf, type TensorSource, writeSafetensorsFile } from './safetensorsFile.ts';
import { WeightFolder, weightFileNames } from './weightFolder.ts';

// A model as `transformers` keeps a EuroBERT: config.json and model.safetensors in one folder.

const CONFIG = 'config.json';

/** Beyond these a configuration is no model's, and planning for it would never end. */
const mostLayers = 4096;
const mostElements = 2 ** 31;

const torchDtypes: Record<FloatDtype, string> = { F32: 'float32', BF16: 'bfloat16', F16: 'float16' };

/** Ids of special tokens as config.json names them. */
export interface SpecialTokens {
  bos?: number;
  eos?: number;
  pad?: number;
  mask?: number;
}

/** config.json of a model; special tokens go in where they are known. */
function transformersConfig(config: ModelConfig, tokens: SpecialTokens): Record<string, unknown> {
  return {
    architectures: ['EuroBertForMaskedLM'],
    model_type: 'eurobert',
    hidden_size: config.hiddenSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headDim,
    intermediate_size: config.intermediateSize,
    vocab_size: config.vocabSize,
    tie_word_embeddings: config.tieEmbeddings,
    rope_theta: config.ropeTheta,
    rms_norm_eps: config.normEps,
    max_position_embeddings: config.context,
    hidden_act: 'silu',
    initializer_range: 0.02,
    attention_bias: false,
    attention_dropout: 0,
    mlp_bias: false,
    bos_token_id: tokens.bos ?? null,
    eos_token_id: tokens.eos ?? null,
    pad_token_id: tokens.pad ?? null,
    mask_token_id: tokens.mask ?? null,
  };
}

/** How weights are written; a file larger than `shardBytes` is cut into shards with an index. */
export interface WeightFormat {
  dtype: FloatDtype;
  naming: ParameterNaming;
  shardBytes: number;
}

const plainFormat: WeightFormat = {
  dtype: 'F32',
  naming: 'transformers',
  shardBytes: Number.POSITIVE_INFINITY,
};

/**
 * Writes config.json and the weights.
 * @param values a piece of a parameter by its `transformers` name
 */
export async function writeTransformersFolder(
  folder: string,
  config: ModelConfig,
  values: (name: string, range: ElementRange) => Promise<Float32Array>,
  tokens: SpecialTokens = {},
  format: WeightFormat = plainFormat,
): Promise<void> {
  const written = { ...transformersConfig(config, tokens), torch_dtype: torchDtypes[format.dtype] };
  await writeFile(path.join(folder, CONFIG), `${JSON.stringify(written, null, 2)}\n`);
  const tensors = storedParameters(config, format.naming).map(({ name, shape, parts }) => ({
    name,
    shape,
    values: async (range: ElementRange) => {
      if (parts.length === 1) return await values(parts[0].name, range);
      // The piece may run over the border of two parameters.
      const joined = new Float32Array(range.count);
      const rowLength = shape.reduce((a, b) => a * b, 1) / shape[0];
      for (const part of parts) {
        const first = part.start * rowLength;
        const from = Math.max(range.start, first);
        const to = Math.min(range.start + range.count, first + part.rows * rowLength);
        if (from >= to) continue;
        const piece = await values(part.name, { start: from - first, count: to - from });
        joined.set(piece, from - range.start);
      }
      return joined;
    },
  }));
  const width = format.dtype === 'F32' ? 4 : 2;
  const shards = cutIntoShards(tensors, width, format.shardBytes);
  if (shards.length === 1) {
    await writeSafetensorsFile(path.join(folder, weightFileNames.single), tensors, format.dtype);
    return;
  }
  const map: Record<string, string> = {};
  const number = (n: number): string => String(n).padStart(5, '0');
  for (const [index, shard] of shards.entries()) {
    const name = `model-${number(index + 1)}-of-${number(shards.length)}.safetensors`;
    for (const tensor of shard) map[tensor.name] = name;
    await writeSafetensorsFile(path.join(folder, name), shard, format.dtype);
  }
  const total = tensors.reduce((sum, tensor) => sum + width * elements(tensor), 0);
  const index = JSON.stringify({ metadata: { total_size: total }, weight_map: map }, null, 2);
  await writeFile(path.join(folder, weightFileNames.index), `${index}\n`);
}

function elements(tensor: TensorSource): number {
  return tensor.shape.reduce((a, b) => a * b, 1);
}

/** In order, each shard as full as it may be; a tensor larger than a shard has one of its own. */
function cutIntoShards(tensors: TensorSource[], width: number, shardBytes: number): TensorSource[][] {
  const shards: TensorSource[][] = [];
  let filled = Number.POSITIVE_INFINITY;
  for (const tensor of tensors) {
    const bytes = width * elements(tensor);
    if (shards.length === 0 || filled + bytes > shardBytes) {
      shards.push([]);
      filled = 0;
    }
    shards.at(-1)?.push(tensor);
    filled += bytes;
  }
  return shards;
}

/**
 * The shape of the model in a folder.
 * @throws BiphaseError `missing`, `damaged`
 */
export async function readTransformersConfig(folder: string): Promise<ModelConfig> {
  const file = path.join(folder, CONFIG);
  const json = await readJsonObject(file);
  refuseOtherArchitectures(file, json);
  const number = (key: string, fallback?: number): number => {
    const value = json[key] ?? fallback;
    if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0)
      throw new BiphaseError('damaged', `${file} has no usable ${key}.`);
    return value;
  };
  const whole = (key: string, fallback?: number): number => {
    const value = number(key, fallback);
    if (!Number.isInteger(value))
      throw new BiphaseError('damaged', `${key} in ${file} is not a whole number.`);
    const most = key === 'num_hidden_layers' ? mostLayers : mostElements;
    if (value > most) throw new BiphaseError('damaged', `${key} in ${file} is ${value}, more than ${most}.`);
    return value;
  };
  const hiddenSize = whole('hidden_size');
  const heads = whole('num_attention_heads');
  // Newer versions keep rope_theta within rope_parameters.
  const rope = json.rope_parameters as { rope_theta?: number } | null | undefined;
  return {
    hiddenSize,
    layers: whole('num_hidden_layers'),
    heads,
    kvHeads: whole('num_key_value_heads', heads),
    headDim: whole('head_dim', hiddenSize / heads),
    intermediateSize: whole('intermediate_size'),
    vocabSize: whole('vocab_size'),
    tieEmbeddings: json.tie_word_embeddings === true,
    ropeTheta: number('rope_theta', rope?.rope_theta ?? 10000),
    normEps: number('rms_norm_eps', 1e-5),
    context: whole('max_position_embeddings', 2048),
  };
}

/** Ids of special tokens in a folder's config.json. @throws BiphaseError `missing`, `damaged` */
export async function readSpecialTokens(folder: string): Promise<SpecialTokens> {
  const json = await readJsonObject(path.join(folder, CONFIG));
  const tokens: SpecialTokens = {};
  for (const token of ['bos', 'eos', 'pad', 'mask'] as const) {
    const id = json[`${token}_token_id`];
    if (typeof id === 'number') tokens[token] = id;
  }
  return tokens;
}

/** What a configuration can ask for that this encoder does not compute. */
function refuseOtherArchitectures(file: string, json: Record<string, unknown>): void {
  const refuse = (what: string): never => {
    throw new BiphaseError('damaged', `${file} describes ${what}, not a EuroBERT as it was published.`);
  };
  if (json.model_type !== undefined && json.model_type !== 'eurobert')
    refuse(`a model of type ${JSON.stringify(json.model_type)}`);
  if (json.hidden_act !== undefined && json.hidden_act !== 'silu')
    refuse(`the activation ${JSON.stringify(json.hidden_act)}`);
  for (const key of ['attention_bias', 'mlp_bias']) if (json[key] === true) refuse(`biases (${key})`);
  for (const key of ['rope_scaling', 'rope_parameters']) {
    const rope = json[key] as { rope_type?: unknown; type?: unknown } | null | undefined;
    const type = rope?.rope_type ?? rope?.type ?? 'default';
    if (type !== 'default') refuse(`scaled rotary positions (${JSON.stringify(type)})`);
  }
}

/**
 * Fills the model's weights from a folder: see WeightFolder.
 * @throws BiphaseError `missing`, `damaged`
 */
export async function readTransformersWeights(folder: string, model: PretrainingModel): Promise<void> {
  const weights = await WeightFolder.open(folder, model.config);
  try {
    for (const { name, shape } of model.parameters)
      for (const range of piecesOf(shape.reduce((a, b) => a * b, 1)))
        await model.write(name, 'weight', await weights.read(name, range), range.start);
  } finally {
    await weights.close();
  }
}
