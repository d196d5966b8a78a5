import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import { parameterShapes } from '../../core/parameterCounts.ts';
import type { ModelConfig } from '../../protocol/modelConfig.ts';
import type { PretrainingModel } from './pretrainingModel.ts';
import { SafetensorsFile, writeSafetensorsFile } from './safetensorsFile.ts';

// A model as `transformers` keeps a EuroBERT: config.json and model.safetensors in one folder.

const CONFIG = 'config.json';
const WEIGHTS = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';

/** config.json of a model; special tokens go in where they are known. */
export function transformersConfig(
  config: ModelConfig,
  tokens: { bos?: number; eos?: number; pad?: number; mask?: number } = {},
): Record<string, unknown> {
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
    torch_dtype: 'float32',
    bos_token_id: tokens.bos ?? null,
    eos_token_id: tokens.eos ?? null,
    pad_token_id: tokens.pad ?? null,
    mask_token_id: tokens.mask ?? null,
  };
}

/** Writes config.json and model.safetensors (F32). */
export async function writeTransformersFolder(
  folder: string,
  model: PretrainingModel,
  tokens: Parameters<typeof transformersConfig>[1] = {},
): Promise<void> {
  const config = JSON.stringify(transformersConfig(model.config, tokens), null, 2);
  await writeFile(path.join(folder, CONFIG), `${config}\n`);
  await writeSafetensorsFile(
    path.join(folder, WEIGHTS),
    model.parameters.map(({ name, shape }) => ({ name, shape, values: () => model.read(name, 'weight') })),
  );
}

/**
 * The shape of the model in a folder.
 * @throws BiphaseError `missing`, `damaged`
 */
export async function readTransformersConfig(folder: string): Promise<ModelConfig> {
  const file = path.join(folder, CONFIG);
  const json = await readJson(file);
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
    return value;
  };
  const hiddenSize = whole('hidden_size');
  const heads = whole('num_attention_heads');
  // Newer versions keep rope_theta within rope_parameters.
  const rope = json.rope_parameters as { rope_theta?: number } | undefined;
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

/**
 * Fills the model's weights from a folder: single or sharded, F32, BF16, F16 or F64.
 * @throws BiphaseError `missing`, `damaged`
 */
export async function readTransformersWeights(folder: string, model: PretrainingModel): Promise<void> {
  const wanted = new Map(parameterShapes(model.config).map(({ name, shape }) => [name, shape]));
  for (const name of await weightFiles(folder)) {
    const file = await SafetensorsFile.open(path.join(folder, name)).catch((cause: unknown) => {
      if (cause instanceof BiphaseError) throw cause;
      throw new BiphaseError('missing', `The weights ${path.join(folder, name)} cannot be read.`, { cause });
    });
    try {
      for (const entry of file.header.entries) {
        const shape = wanted.get(entry.name);
        if (!shape) continue;
        if (shape.join() !== entry.shape.join())
          throw new BiphaseError(
            'damaged',
            `${entry.name} in ${folder} has the shape [${entry.shape}], but config.json asks for [${shape}].`,
          );
        await model.write(entry.name, 'weight', await file.read(entry));
        wanted.delete(entry.name);
      }
    } finally {
      await file.close();
    }
  }
  const [absent] = wanted.keys();
  if (absent !== undefined)
    throw new BiphaseError('damaged', `${folder} has no tensor ${absent} (${wanted.size} absent in all).`);
}

/** Names of the files that hold the weights. */
async function weightFiles(folder: string): Promise<string[]> {
  let index: Record<string, unknown>;
  try {
    index = await readJson(path.join(folder, INDEX));
  } catch (error) {
    if (error instanceof BiphaseError && error.kind === 'missing') return [WEIGHTS];
    throw error;
  }
  const map = index.weight_map;
  if (typeof map !== 'object' || map === null)
    throw new BiphaseError('damaged', `${INDEX} has no weight_map.`);
  const names = [...new Set(Object.values(map))];
  for (const name of names)
    if (typeof name !== 'string' || path.basename(name) !== name)
      throw new BiphaseError('damaged', `${INDEX} names a file outside its folder.`);
  return names as string[];
}

async function readJson(file: string): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new BiphaseError('missing', `${file} cannot be read.`, { cause });
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch {
    // Falls through to the one sentence below.
  }
  throw new BiphaseError('damaged', `${file} is not a JSON object.`);
}
