import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import * as z from 'zod';
import { BiphaseError } from '../../core/errors.ts';
import { syncFolder } from './tokenWriter.ts';

/** Changes when the same corpus and tokenizer would give other token files. */
export const tokensVersion = 2;
/** Tokens of every training shard but a corpus's last: 64 or 128 MiB. */
export const shardTokens = 2 ** 25;

const tokenFileSchema = z.object({
  tokens: z.number().int().min(0),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

/**
 * `shards.json` beside `train-00000.bin`, `train-00001.bin` … and `validation.bin`: what is there, whole and durable,
 * and where the next shard begins. It is replaced after each shard, so a file that it does not name is nothing.
 */
export const shardIndexSchema = z.object({
  schema: z.literal(1),
  corpus: z.string(),
  corpusHash: z.string(),
  tokenizerHash: z.string(),
  idBytes: z.union([z.literal(2), z.literal(4)]),
  shardTokens: z.number().int().positive(),
  shards: z.array(tokenFileSchema),
  /** Documents held out, of the part of the corpus that the first shard covers; null before it is whole. */
  validation: tokenFileSchema.nullable(),
  /** Hash of documents that are held out although the rule does not choose them; null: none. */
  heldOut: z.number().nullable(),
  /** Documents read so far. */
  documents: z.number().int().min(0),
  /** The document that the next shard begins in, and how many of its tokens lie before it. */
  next: z.object({ file: z.number().int(), item: z.number().int(), skip: z.number().int() }),
  /** Whether the corpus ends with the last shard. */
  complete: z.boolean(),
});
export type ShardIndex = z.infer<typeof shardIndexSchema>;

export const indexName = 'shards.json';
export const validationName = 'validation.bin';
export function shardName(number: number): string {
  return `train-${String(number).padStart(5, '0')}.bin`;
}

/** Training tokens that are there. */
export function indexedTokens(index: ShardIndex): number {
  return index.shards.reduce((sum, shard) => sum + shard.tokens, 0);
}

/** One hash for the shards that cover the first `tokens` training tokens. */
export function hashOfTokens(index: ShardIndex, tokens: number): string {
  const hash = createHash('sha256');
  for (const { sha256 } of index.shards.slice(0, Math.ceil(tokens / index.shardTokens))) hash.update(sha256);
  return hash.digest('hex');
}

/** @throws BiphaseError `damaged` where the file is not one of ours; undefined where there is none */
export function readShardIndex(folder: string): ShardIndex | undefined {
  const file = path.join(folder, indexName);
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  try {
    return shardIndexSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new BiphaseError('damaged', `${file} does not describe token shards.`, {
      next: 'Delete its folder; the next run prepares the data again.',
      cause,
    });
  }
}

/** Puts the index in place, durably; one that another process has brought further stays. */
export function writeShardIndex(folder: string, index: ShardIndex): void {
  const there = readShardIndex(folder);
  if (there && (there.complete || there.shards.length > index.shards.length)) return;
  const file = path.join(folder, indexName);
  const temporary = `${file}.${process.pid}.part`;
  fs.writeFileSync(temporary, `${JSON.stringify(index)}\n`, { flush: true });
  fs.renameSync(temporary, file);
  syncFolder(folder);
}
