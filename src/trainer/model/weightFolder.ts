import { existsSync } from 'node:fs';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import type { SafetensorsEntry } from '../../core/safetensors.ts';
import {
  type StoredParameter,
  storedParameters,
  withoutWrapperPrefixes,
} from '../../core/storedParameters.ts';
import type { ModelConfig } from '../../protocol/modelConfig.ts';
import { readJsonObject } from './jsonFile.ts';
import { type ElementRange, elementsOf, SafetensorsFile } from './safetensorsFile.ts';

export const weightFileNames = {
  single: 'model.safetensors',
  index: 'model.safetensors.index.json',
} as const;

/** Where a parameter lies: elements of a tensor from `start` on. */
interface Place {
  file: SafetensorsFile;
  entry: SafetensorsEntry;
  start: number;
  count: number;
}

/**
 * The weights of a folder, single or sharded, in F32, BF16, F16 or F64, under `transformers`' or Optimus's names: every
 * parameter is found and its shape checked before any is read.
 */
export class WeightFolder {
  readonly #files: SafetensorsFile[] = [];
  readonly #places = new Map<string, Place>();

  /** @throws BiphaseError `missing`, `damaged` */
  static async open(folder: string, config: ModelConfig): Promise<WeightFolder> {
    const weights = new WeightFolder();
    try {
      await weights.#index(folder, config);
      return weights;
    } catch (error) {
      await weights.close();
      throw error;
    }
  }

  /** One parameter, or a piece of it, by its `transformers` name, row-major. @throws BiphaseError `missing`, `damaged` */
  async read(name: string, range?: ElementRange): Promise<Float32Array> {
    const place = this.#places.get(name);
    if (!place) throw new BiphaseError('missing', `The weights have no parameter ${name}.`);
    const { start, count } = range ?? { start: 0, count: place.count };
    return await place.file.read(place.entry, { start: place.start + start, count });
  }

  async close(): Promise<void> {
    for (const file of this.#files.splice(0)) await file.close();
  }

  async #index(folder: string, config: ModelConfig): Promise<void> {
    const known = new Map<string, StoredParameter>();
    for (const naming of ['transformers', 'optimus'] as const)
      for (const stored of storedParameters(config, naming)) known.set(stored.name, stored);
    for (const name of await weightFiles(folder)) {
      const file = await SafetensorsFile.open(path.join(folder, name)).catch((cause: unknown) => {
        if (cause instanceof BiphaseError) throw cause;
        throw new BiphaseError('missing', `The weights ${path.join(folder, name)} cannot be read.`, {
          cause,
        });
      });
      this.#files.push(file);
      for (const entry of file.header.entries) {
        const stored = known.get(withoutWrapperPrefixes(entry.name));
        if (stored) this.#place(folder, file, entry, stored);
        else refuseForeignParameter(folder, withoutWrapperPrefixes(entry.name));
      }
    }
    const absent = storedParameters(config, 'transformers').filter(({ name }) => !this.#places.has(name));
    if (absent.length > 0)
      throw new BiphaseError(
        'damaged',
        `${folder} has no tensor ${absent[0].name} (${absent.length} absent in all).`,
      );
  }

  #place(folder: string, file: SafetensorsFile, entry: SafetensorsEntry, stored: StoredParameter): void {
    if (stored.shape.join() !== entry.shape.join())
      throw new BiphaseError(
        'damaged',
        `${entry.name} in ${folder} has the shape [${entry.shape}], but config.json asks for [${stored.shape}].`,
      );
    const rowLength = elementsOf(entry) / Math.max(1, entry.shape[0] ?? 1);
    for (const { name, start, rows } of stored.parts) {
      if (this.#places.has(name))
        throw new BiphaseError('damaged', `${folder} has the tensor ${name} twice.`);
      this.#places.set(name, { file, entry, start: start * rowLength, count: rows * rowLength });
    }
  }
}

/** A tensor inside the layers that this encoder has no place for would change what the model computes. */
function refuseForeignParameter(folder: string, name: string): void {
  const inLayer = /^(model\.layers|blocks)\./.test(name);
  const buffer = /(rotary|inv_freq|freqs)/.test(name);
  if (inLayer && !buffer)
    throw new BiphaseError(
      'damaged',
      `${folder} has the tensor ${name}, which a EuroBERT of its config.json has not.`,
    );
}

/** Names of the files that hold the weights. @throws BiphaseError `damaged` */
export async function weightFiles(folder: string): Promise<string[]> {
  const file = path.join(folder, weightFileNames.index);
  if (!existsSync(file)) return [weightFileNames.single];
  const map = (await readJsonObject(file)).weight_map;
  if (typeof map !== 'object' || map === null || Array.isArray(map))
    throw new BiphaseError('damaged', `${file} has no weight_map.`);
  const names = [...new Set(Object.values(map))];
  for (const name of names)
    if (typeof name !== 'string' || path.basename(name) !== name || !name.endsWith('.safetensors'))
      throw new BiphaseError(
        'damaged',
        `${file} names something else than a .safetensors file of its folder.`,
      );
  return names as string[];
}
