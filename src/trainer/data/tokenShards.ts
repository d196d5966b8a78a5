import fs from 'node:fs';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import type { TokenSource } from './packing.ts';
import { type ShardIndex, shardName, validationName } from './shardIndex.ts';

/** Files that are open at once. */
const mostOpen = 64;

interface Shard {
  path: string;
  file: number;
  /** Reads that are under way. */
  reading: number;
}

/** Part of a shard that a stretch of tokens covers. */
interface Part {
  shard: number;
  /** In bytes. */
  position: number;
  bytes: number;
  at: number;
}

/** The first training tokens of a folder of shards, read in place: nothing of them is held in memory. */
export class TokenShards implements TokenSource {
  readonly #folder: string;
  readonly #width: 2 | 4;
  readonly #perShard: number;
  readonly #open = new Map<number, Shard>();
  readonly length: number;

  /** @throws BiphaseError `damaged` where a shard's size is not what the index says */
  constructor(folder: string, index: ShardIndex, tokens: number) {
    this.#folder = folder;
    this.#width = index.idBytes;
    this.#perShard = index.shardTokens;
    this.length = tokens;
    index.shards.slice(0, Math.ceil(tokens / this.#perShard)).forEach((shard, number) => {
      checkSize(path.join(folder, shardName(number)), shard.tokens * this.#width);
    });
  }

  read(start: number, target: Int32Array): void {
    const bytes = new Uint8Array(target.length * this.#width);
    for (const { shard, position, bytes: count, at } of this.#parts(start, target.length)) {
      const { file, path: name } = this.#shard(shard);
      for (let filled = 0; filled < count; ) {
        const got = fs.readSync(file, bytes, at + filled, count - filled, position + filled);
        if (got === 0) throw becameShorter(name);
        filled += got;
      }
    }
    target.set(this.#numbers(bytes));
  }

  /** As `read`, while other work goes on. */
  async readLater(start: number, target: Int32Array): Promise<void> {
    const bytes = new Uint8Array(target.length * this.#width);
    await Promise.all(this.#parts(start, target.length).map((part) => this.#readPart(part, bytes)));
    target.set(this.#numbers(bytes));
  }

  #numbers(bytes: Uint8Array<ArrayBuffer>): Uint16Array | Uint32Array {
    return this.#width === 2 ? new Uint16Array(bytes.buffer) : new Uint32Array(bytes.buffer);
  }

  #parts(start: number, length: number): Part[] {
    const parts: Part[] = [];
    for (let done = 0; done < length; ) {
      const shard = Math.floor((start + done) / this.#perShard);
      const within = (start + done) % this.#perShard;
      const tokens = Math.min(length - done, this.#perShard - within);
      parts.push({
        shard,
        position: within * this.#width,
        bytes: tokens * this.#width,
        at: done * this.#width,
      });
      done += tokens;
    }
    return parts;
  }

  #readPart({ shard: number, position, bytes, at }: Part, target: Uint8Array): Promise<void> {
    const shard = this.#shard(number);
    shard.reading++;
    return new Promise<void>((resolve, reject) => {
      const from = (filled: number): void =>
        fs.read(shard.file, target, at + filled, bytes - filled, position + filled, (error, got) => {
          if (error) reject(error);
          else if (got === 0) reject(becameShorter(shard.path));
          else if (filled + got < bytes) from(filled + got);
          else resolve();
        });
      from(0);
    }).finally(() => {
      shard.reading--;
    });
  }

  /** An open shard; the one that was used longest ago is closed where too many are. */
  #shard(number: number): Shard {
    const open = this.#open.get(number);
    if (open) {
      this.#open.delete(number);
      this.#open.set(number, open);
      return open;
    }
    if (this.#open.size >= mostOpen) {
      const idle = [...this.#open].find(([, shard]) => shard.reading === 0);
      if (idle) {
        fs.closeSync(idle[1].file);
        this.#open.delete(idle[0]);
      }
    }
    const name = path.join(this.#folder, shardName(number));
    const shard = { path: name, file: fs.openSync(name, 'r'), reading: 0 };
    this.#open.set(number, shard);
    return shard;
  }

  close(): void {
    for (const { file } of this.#open.values()) fs.closeSync(file);
    this.#open.clear();
  }
}

function checkSize(file: string, bytes: number): void {
  const size = fs.statSync(file, { throwIfNoEntry: false })?.size;
  if (size === bytes) return;
  const what = size === undefined ? 'is gone' : 'has another size than its description says';
  throw new BiphaseError('damaged', `The token file ${file} ${what}.`, {
    next: 'Delete its folder; the next run prepares the data again.',
  });
}

function becameShorter(file: string): BiphaseError {
  return new BiphaseError('damaged', `The token file ${file} became shorter while it was read.`);
}

/** The held-out tokens, in memory: there are few. */
export function readValidation(folder: string, index: ShardIndex): TokenSource {
  const file = path.join(folder, validationName);
  const tokens = index.validation?.tokens ?? 0;
  checkSize(file, tokens * index.idBytes);
  const { buffer } = new Uint8Array(fs.readFileSync(file));
  const ids = index.idBytes === 2 ? new Uint16Array(buffer) : new Uint32Array(buffer);
  return {
    length: tokens,
    read: (start, target) => target.set(ids.subarray(start, start + target.length)),
  };
}
