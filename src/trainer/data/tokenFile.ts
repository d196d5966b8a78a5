import { createHash, type Hash } from 'node:crypto';
import fs from 'node:fs';
import { BiphaseError } from '../../core/errors.ts';
import type { TokenSource } from './packing.ts';

/** Bytes of an id on disk: 2 where every id is below 65,536. */
export function idBytes(vocabSize: number): 2 | 4 {
  return vocabSize <= 65_536 ? 2 : 4;
}

/** Appends ids to a file of little-endian 16- or 32-bit numbers, with its hash. */
export class TokenWriter {
  readonly #file: number;
  readonly #width: 2 | 4;
  readonly #hash: Hash = createHash('sha256');
  tokens = 0;

  constructor(path: string, width: 2 | 4) {
    this.#file = fs.openSync(path, 'w');
    this.#width = width;
  }

  append(ids: ArrayLike<number>): void {
    const numbers = this.#width === 2 ? Uint16Array.from(ids) : Uint32Array.from(ids);
    const bytes = new Uint8Array(numbers.buffer);
    this.#hash.update(bytes);
    let written = 0;
    while (written < bytes.length) written += fs.writeSync(this.#file, bytes, written);
    this.tokens += ids.length;
  }

  /** Makes the file durable; returns the SHA-256 of its bytes. */
  close(): string {
    fs.fsyncSync(this.#file);
    fs.closeSync(this.#file);
    return this.#hash.digest('hex');
  }

  abandon(): void {
    fs.closeSync(this.#file);
  }
}

/** A token file read in place: nothing of it is held in memory. */
export class TokenFile implements TokenSource {
  readonly #file: number;
  readonly #width: 2 | 4;
  readonly length: number;

  /** @throws BiphaseError `damaged` where the size does not fit */
  constructor(path: string, width: 2 | 4, tokens: number) {
    this.#file = fs.openSync(path, 'r');
    this.#width = width;
    this.length = tokens;
    if (fs.fstatSync(this.#file).size !== tokens * width) {
      fs.closeSync(this.#file);
      throw new BiphaseError(
        'damaged',
        `The token file ${path} has another size than its description says.`,
        {
          next: 'Delete its folder; the next run prepares the data again.',
        },
      );
    }
  }

  read(start: number, target: Int32Array): void {
    const bytes = new Uint8Array(target.length * this.#width);
    let filled = 0;
    while (filled < bytes.length) {
      const got = fs.readSync(this.#file, bytes, filled, bytes.length - filled, start * this.#width + filled);
      if (got === 0) throw new BiphaseError('damaged', 'A token file became shorter while it was read.');
      filled += got;
    }
    target.set(this.#width === 2 ? new Uint16Array(bytes.buffer) : new Uint32Array(bytes.buffer));
  }

  close(): void {
    fs.closeSync(this.#file);
  }
}
