import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { BiphaseError } from '../../core/errors.ts';
import { ChunkMemo, type Encode } from './chunkMemo.ts';
import { type CutDescription, cutsBeforeSpaces } from './cutsBeforeSpaces.ts';
import { nativeTokenizers } from './nativeTokenizers.ts';

/** A tokenizer ready to encode, and what training needs to know of its special ids. */
export interface LoadedTokenizer {
  /** tokenizer.json as text, as it goes into checkpoints. */
  json: string;
  /** SHA-256 of `json`. */
  hash: string;
  /** Ids there are: rows that the embedding needs. */
  size: number;
  eos: number;
  mask: number;
  /** Ids that are never masked and never put in a token's place. */
  special: ReadonlySet<number>;
  encode: Encode;
}

interface TokenizerJson extends CutDescription {
  added_tokens?: { id: number; content: string; special?: boolean }[];
  model: { type?: string; vocab: Record<string, number> | unknown[] };
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
  try {
    // Whole documents are encoded: what shortens or fills sequences for inference has no place here.
    native = Tokenizer.fromString(JSON.stringify({ ...parsed, truncation: null, padding: null }));
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
  const names = new Map(added.map((token) => [token.content, token.id]));
  const ids = Object.values(native.getVocab(true));
  const size = ids.reduce((a, b) => Math.max(a, b), -1) + 1;
  return {
    json,
    hash: createHash('sha256').update(json).digest('hex'),
    size,
    eos: specialId(names, eosNames, 'end-of-text'),
    mask: specialId(names, maskNames, 'mask'),
    special: new Set(added.filter((token) => token.special ?? true).map((token) => token.id)),
    encode: cutsBeforeSpaces(parsed) ? (texts) => memo.encode(texts) : encode,
  };
}

/** @throws BiphaseError `usage` where the file is missing or no tokenizer */
export function loadTokenizerFile(file: string): LoadedTokenizer {
  let json: string;
  try {
    json = fs.readFileSync(file, 'utf8');
  } catch {
    throw new BiphaseError('usage', `There is no tokenizer ${file}.`);
  }
  return loadTokenizer(json, file);
}
