import path from 'node:path';
import { datasetInfo, listFiles } from '@huggingface/hub';
import * as z from 'zod';
import { BiphaseError } from '../../../core/errors.ts';
import { nearest } from '../../../core/unknownKeys.ts';
import { inReadingOrder } from '../sourceFiles.ts';
import type { HubAccess } from './hubFetch.ts';
import type { HubName } from './hubName.ts';

/** A dataset at one commit: its parquet files for training, in the order in which they are read. */
export const hubDatasetSchema = z.object({
  repository: z.string(),
  config: z.string().nullable(),
  commit: z.string().regex(/^[0-9a-f]{40,64}$/),
  files: z
    .array(z.object({ path: z.string(), size: z.number().int().positive(), id: z.string().min(1) }))
    .min(1),
});
export type HubDataset = z.infer<typeof hubDatasetSchema>;

/** `configs` of a dataset card, as far as files are found by it; anything else is taken for none. */
const cardSchema = z.object({
  configs: z
    .array(
      z.object({
        config_name: z.string(),
        default: z.boolean().optional(),
        data_files: z.union([
          z.string(),
          z.array(z.string()),
          z.array(z.object({ split: z.string(), path: z.union([z.string(), z.array(z.string())]) })),
        ]),
      }),
    )
    .optional()
    .catch(undefined),
});
type Card = z.infer<typeof cardSchema>;
type Config = NonNullable<Card['configs']>[number];

function chosenConfig(configs: readonly Config[], name: HubName): Config | undefined {
  if (name.config !== null) return configs.find((config) => config.config_name === name.config);
  const usual = configs.find((config) => config.default) ?? configs.find((c) => c.config_name === 'default');
  if (usual || configs.length < 2) return usual ?? configs[0];
  const some = configs.slice(0, 8).map((config) => config.config_name);
  throw new BiphaseError(
    'usage',
    `The dataset ${name.repository} has ${configs.length} parts: ${some.join(', ')}${configs.length > 8 ? ' …' : ''}.`,
    { next: `Name one: hub:${name.repository}/${some[0]}.` },
  );
}

/** Patterns of a config's files for training: those of its split `train` where it has one. */
function patternsOf(config: Config): string[] {
  const { data_files: files } = config;
  if (typeof files === 'string') return [files];
  const splits = files.filter((entry) => typeof entry === 'object');
  const train = splits.filter(({ split }) => split === 'train');
  return [
    ...files.filter((entry) => typeof entry === 'string'),
    ...(train.length > 0 ? train : splits.slice(0, 1)).flatMap((entry) => entry.path),
  ];
}

/** The folder that all patterns lie in, so that only its files are listed. */
function commonFolder(patterns: readonly string[]): string {
  const folders = patterns.map((pattern) => {
    const parts = pattern.split('/').slice(0, -1);
    const glob = parts.findIndex((part) => /[*?[{]/.test(part));
    return glob < 0 ? parts : parts.slice(0, glob);
  });
  const [first, ...others] = folders;
  const differs = first.findIndex((part, index) => others.some((folder) => folder[index] !== part));
  return (differs < 0 ? first : first.slice(0, differs)).join('/');
}

/** Where no split is written down, names tell: the files of `train`, else those of no other split. */
function forTraining<T extends { path: string }>(files: T[]): T[] {
  const named = (words: string) => (file: T) =>
    new RegExp(`(^|[/_.-])(${words})([/_.-]|$)`, 'i').test(file.path);
  const train = files.filter(named('train|training'));
  if (train.length > 0) return train;
  const others = files.filter((file) => !named('test|testing|validation|valid|val|dev|eval')(file));
  return others.length > 0 ? others : files;
}

interface Listing {
  folder: string;
  keep(file: string): boolean;
  /** Whether patterns name a split, so that names of files need not tell. */
  split: boolean;
}

function listingOf(card: Card, name: HubName): Listing {
  const configs = card.configs ?? [];
  const config = chosenConfig(configs, name);
  if (config) {
    const patterns = patternsOf(config).map((pattern) => pattern.replace(/^\.\//, ''));
    return {
      folder: commonFolder(patterns),
      keep: (file) => patterns.some((pattern) => file === pattern || path.posix.matchesGlob(file, pattern)),
      split: typeof config.data_files !== 'string' && config.data_files.some((f) => typeof f === 'object'),
    };
  }
  return { folder: name.config ?? '', keep: () => true, split: false };
}

function noFiles(name: HubName, card: Card, commit: string): BiphaseError {
  const known = (card.configs ?? []).map((config) => config.config_name);
  const near = name.config === null || known.includes(name.config) ? undefined : nearest(name.config, known);
  const part = name.config === null ? '' : ` in "${name.config}"`;
  return new BiphaseError(
    'usage',
    `The dataset ${name.repository} has no parquet files${part} at ${commit.slice(0, 12)}.${near ? ` Did you mean "${near}"?` : ''}`,
    { next: "Append @refs/convert/parquet for the hub's own conversion, if it has one." },
  );
}

/**
 * Asks the hub for a dataset's commit and files.
 * @throws BiphaseError one sentence where it has none, or may not be read
 */
export async function findHubDataset(
  name: HubName,
  access: HubAccess,
  get: typeof fetch,
): Promise<HubDataset> {
  const common = { hubUrl: access.endpoint, fetch: get };
  const info: { sha?: unknown; cardData?: unknown } = await datasetInfo({
    name: name.repository,
    revision: name.revision,
    additionalFields: ['sha', 'cardData'],
    ...common,
  });
  const commit = String(info.sha);
  const card = cardSchema.catch({}).parse(info.cardData ?? {});
  const { folder, keep, split } = listingOf(card, name);
  const found: HubDataset['files'] = [];
  try {
    const entries = listFiles({
      repo: { type: 'dataset', name: name.repository },
      revision: commit,
      recursive: true,
      ...(folder === '' ? {} : { path: folder }),
      ...common,
    });
    for await (const { type, path: file, size, oid, lfs } of entries)
      if (type === 'file' && file.endsWith('.parquet') && keep(file))
        found.push({ path: file, size: lfs?.size ?? size, id: lfs?.oid ?? oid ?? '' });
  } catch (error) {
    // The folder of a config that is not there.
    if (!(error instanceof BiphaseError && error.kind === 'usage' && folder !== '')) throw error;
  }
  if (found.length === 0) throw noFiles(name, card, commit);
  const files = inReadingOrder(split ? found : forTraining(found), (file) => file.path);
  return { repository: name.repository, config: name.config, commit, files };
}
