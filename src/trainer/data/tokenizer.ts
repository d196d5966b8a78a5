import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import { BiphaseError } from '../../core/errors.ts';
import { homePath } from '../../core/homePath.ts';
import { ChunkMemo, type Encode } from './chunkMemo.ts';
import { type CutDescription, cutsBeforeSpaces } from './cutsBeforeSpaces.ts';
import { nativeTokenizers } from './nativeTokenizers.ts';

/** A tokenizer ready to encode, and what training needs to know of its special ids. */
export interface LoadedTokenizer {
  /** tokenizer.json as text, as it goes into checkpoints. */
  json: string;
  /** SHA-256 of what texts are encoded with: `json`, without truncation and padding. */
  hash: string;
  /** Ids there are: rows that the embedding needs. */
  size: number;
  eos: number;
  mask: number;
  /** Ids that are never masked and never put in a token's place. */
  special: ReadonlySet<number>;
  encode: Encode;
}

interface AddedToken {
  id: number;
  content: string;
  special?: boolean;
}

interface TokenizerJson extends CutDescription {
  added_tokens?: AddedToken[];
  truncation?: unknown;
  padding?: unknown;
}

/** In order of preference, as families of models name them. */
const eosNames = ['<|end_of_text|>', '<|endoftext|>', '</s>', '[SEP]', '<eos>'];
const maskNames = ['<|mask|>', '<mask>', '[MASK]'];

function specialId(tokens: Map<string, number>, names: string[], what: string): number {
  for (const name of names) {
    const id = tokens.get(name);
    if (id !== undefined) return id;
  }
  throw new BiphaseError(
    'usage',
    `The tokenizer has no ${what} token: one of ${names.join(', ')} is needed.`,
  );
}

/**
 * Takes a tokenizer from its tokenizer.json.
 * @throws BiphaseError `usage` where it cannot be read or lacks an end-of-text or mask token
 */
export function loadTokenizer(json: string, label: string): LoadedTokenizer {
  let parsed: TokenizerJson;
  try {
    parsed = JSON.parse(json) as TokenizerJson;
  } catch {
    throw new BiphaseError('usage', `The tokenizer ${label} is not JSON.`);
  }
  const { Tokenizer } = nativeTokenizers();
  let native: InstanceType<typeof Tokenizer>;
  let used = json;
  try {
    // Documents are read whole: what a file says of truncation and padding is for other uses, as in transformers.
    if (parsed?.truncation || parsed?.padding)
      used = JSON.stringify({ ...parsed, truncation: null, padding: null });
    native = Tokenizer.fromString(used);
  } catch (cause) {
    throw new BiphaseError('usage', `The tokenizer ${label} cannot be read: ${(cause as Error).message}.`, {
      cause,
    });
  }
  const encode: Encode = async (texts) => {
    const encodings = await native.encodeBatch(texts, { addSpecialTokens: false });
    return encodings.map((encoding) => encoding.getIds());
  };
  const memo = new ChunkMemo(encode);
  const added = parsed.added_tokens ?? [];
  const vocab = new Map(Object.entries(native.getVocab(true)));
  const size = [...vocab.values()].reduce((a, b) => Math.max(a, b), -1) + 1;
  // As the vocabulary has it: the id beside an added token may be another one, and is not what texts get.
  const idOf = ({ content, id }: AddedToken): number => vocab.get(content) ?? id;
  const names = new Map(added.map((token) => [token.content, idOf(token)]));
  return {
    json,
    hash: createHash('sha256').update(used).digest('hex'),
    size,
    eos: specialId(names, eosNames, 'end-of-text'),
    mask: specialId(names, maskNames, 'mask'),
    special: new Set(added.filter((token) => token.special ?? true).map(idOf)),
    encode: cutsBeforeSpaces(parsed) ? (texts) => memo.encode(texts) : encode,
  };
}

/** @throws BiphaseError `usage` where the file is missing or no tokenizer */
export function loadTokenizerFile(file: string): LoadedTokenizer {
  const place = homePath(file, os.homedir());
  let json: string;
  try {
    // A pipe would be waited for.
    if (!fs.statSync(place).isFile()) throw new BiphaseError('usage', `The tokenizer ${file} is not a file.`);
    json = fs.readFileSync(place, 'utf8');
  } catch (cause) {
    if (cause instanceof BiphaseError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    throw new BiphaseError(
      'usage',
      code === 'ENOENT'
        ? `There is no tokenizer ${file}.`
        : `The tokenizer ${file} cannot be read (${code}).`,
      { cause },
    );
  }
  return loadTokenizer(json, file);
}
