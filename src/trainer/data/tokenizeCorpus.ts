import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import { idBytes, TokenFile, TokenWriter } from './tokenFile.ts';
import type { LoadedTokenizer } from './tokenizer.ts';

/** Changes when the same corpus and tokenizer would give other token files. */
export const tokensVersion = 1;
/** One document in this many is held out, chosen by its hash, so it is the same for every run and seed. */
export const heldOutEvery = 50;

/** `meta.json` beside `train.bin` and `validation.bin`. */
export interface TokensMeta {
  schema: 1;
  idBytes: 2 | 4;
  documents: number;
  trainTokens: number;
  validationTokens: number;
  /** SHA-256 of the two files. */
  trainHash: string;
  validationHash: string;
  tokenizerHash: string;
}

/** Long documents are encoded in parts that end at a line's or a word's end. */
const longestPart = 65_536;
/** Characters that go to the tokenizer library at once. */
const encodeAtOnce = 262_144;

function parts(text: string): string[] {
  const out: string[] = [];
  let start = 0;
  while (text.length - start > longestPart) {
    const window = text.slice(start, start + longestPart);
    const line = window.lastIndexOf('\n') + 1;
    const word = window.lastIndexOf(' ');
    const size = line > longestPart / 2 ? line : word > 0 ? word : longestPart;
    out.push(text.slice(start, start + size));
    start += size;
  }
  out.push(text.slice(start));
  return out;
}

function heldOut(text: string): { held: boolean; rank: number } {
  const rank = createHash('sha256').update(text).digest().readUInt32LE(0);
  return { held: rank % heldOutEvery === 0, rank };
}

/**
 * Encodes a corpus into `folder`: every document ends with eos; those held out go to validation.bin. Where the hash
 * holds out none, the document of smallest hash is held out; of a single document, its last twentieth.
 * @throws BiphaseError `usage` for a corpus without text
 */
export async function tokenizeCorpus(
  documents: AsyncIterable<string> | Iterable<string>,
  tokenizer: LoadedTokenizer,
  folder: string,
  tick: (documents: number, tokens: number) => Promise<void>,
): Promise<TokensMeta> {
  const width = idBytes(tokenizer.size);
  const train = new TokenWriter(path.join(folder, 'train.bin'), width);
  const validation = new TokenWriter(path.join(folder, 'validation.bin'), width);
  let count = 0;
  /** Where the documents of smallest hash lie in train.bin: copies of one text have one hash. */
  let smallest: { rank: number; ranges: [number, number][] } = { rank: Number.POSITIVE_INFINITY, ranges: [] };
  let pending: { text: string; last: boolean; held: boolean; rank: number }[] = [];
  let characters = 0;
  let start = 0;

  const flush = async (): Promise<void> => {
    const encoded = await tokenizer.encode(pending.map((p) => p.text));
    pending.forEach((p, index) => {
      const writer = p.held ? validation : train;
      writer.append(encoded[index]);
      if (!p.last) return;
      writer.append([tokenizer.eos]);
      if (p.held) return;
      if (p.rank < smallest.rank) smallest = { rank: p.rank, ranges: [] };
      if (p.rank === smallest.rank) smallest.ranges.push([start, train.tokens]);
      start = train.tokens;
    });
    pending = [];
    characters = 0;
    await tick(count, train.tokens + validation.tokens);
  };
  for await (const text of documents) {
    count++;
    const { held, rank } = heldOut(text);
    const pieces = parts(text);
    for (const [index, piece] of pieces.entries()) {
      pending.push({ text: piece, last: index === pieces.length - 1, held, rank });
      characters += piece.length;
      if (characters >= encodeAtOnce) await flush();
    }
  }
  await flush();
  const meta: TokensMeta = {
    schema: 1,
    idBytes: width,
    documents: count,
    trainTokens: train.tokens,
    validationTokens: validation.tokens,
    trainHash: train.close(),
    validationHash: validation.close(),
    tokenizerHash: tokenizer.hash,
  };
  if (count === 0) throw new BiphaseError('usage', 'The corpus is empty: no document has text.');
  if (meta.validationTokens > 0 && meta.trainTokens > 0) return meta;
  return splitAgain(folder, meta, smallest.ranges);
}

/** Moves ranges of train.bin (or its end) to validation.bin, for corpora too small for the hash. */
function splitAgain(folder: string, meta: TokensMeta, smallest: [number, number][]): TokensMeta {
  const names = ['train.bin', 'validation.bin'];
  const from = meta.trainTokens > 0 ? names[0] : names[1];
  const total = meta.trainTokens + meta.validationTokens;
  const all = new Int32Array(total);
  const source = new TokenFile(path.join(folder, from), meta.idBytes, total);
  source.read(0, all);
  source.close();
  const covered = smallest.reduce((sum, [a, b]) => sum + b - a, 0);
  const ranges: [number, number][] =
    meta.trainTokens > 0 && covered < total ? smallest : [[total - Math.ceil(total / 20), total]];
  const train = new TokenWriter(path.join(folder, 'train.again'), meta.idBytes);
  const validation = new TokenWriter(path.join(folder, 'validation.again'), meta.idBytes);
  let at = 0;
  for (const [a, b] of ranges) {
    train.append(all.subarray(at, a));
    validation.append(all.subarray(a, b));
    at = b;
  }
  train.append(all.subarray(at));
  const again = {
    ...meta,
    trainTokens: train.tokens,
    validationTokens: validation.tokens,
    trainHash: train.close(),
    validationHash: validation.close(),
  };
  for (const name of names)
    fs.renameSync(path.join(folder, name.replace('.bin', '.again')), path.join(folder, name));
  return again;
}
