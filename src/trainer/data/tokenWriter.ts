import { createHash, type Hash } from 'node:crypto';
import fs from 'node:fs';

/** Bytes of an id on disk: 2 where every id is below 65,536. */
export function idBytes(vocabSize: number): 2 | 4 {
  return vocabSize <= 65_536 ? 2 : 4;
}

/** Ids that are written at once. */
const bufferedIds = 1 << 16;

/** Makes the names in a folder durable, after a rename. */
export function syncFolder(folder: string): void {
  const handle = fs.openSync(folder, 'r');
  try {
    fs.fsyncSync(handle);
  } finally {
    fs.closeSync(handle);
  }
}

/** Appends ids to a file of little-endian 16- or 32-bit numbers, with its hash. */
export class TokenWriter {
  readonly path: string;
  readonly #file: number;
  readonly #buffer: Uint16Array | Uint32Array;
  readonly #hash: Hash = createHash('sha256');
  #buffered = 0;
  tokens = 0;

  constructor(path: string, width: 2 | 4) {
    this.path = path;
    this.#file = fs.openSync(path, 'w');
    this.#buffer = width === 2 ? new Uint16Array(bufferedIds) : new Uint32Array(bufferedIds);
  }

  append(ids: ArrayLike<number>, from = 0, to = ids.length): void {
    for (let i = from; i < to; i++) {
      this.#buffer[this.#buffered++] = ids[i];
      if (this.#buffered === bufferedIds) this.#write();
    }
    this.tokens += to - from;
  }

  #write(): void {
    const { BYTES_PER_ELEMENT: width, buffer } = this.#buffer;
    const bytes = new Uint8Array(buffer, 0, this.#buffered * width);
    this.#hash.update(bytes);
    let written = 0;
    while (written < bytes.length) written += fs.writeSync(this.#file, bytes, written);
    this.#buffered = 0;
  }

  /** Makes the file durable; returns the SHA-256 of its bytes. */
  close(): string {
    this.#write();
    fs.fsyncSync(this.#file);
    fs.closeSync(this.#file);
    return this.#hash.digest('hex');
  }

  /** Gives the file up. */
  abandon(): void {
    fs.closeSync(this.#file);
    fs.rmSync(this.path, { force: true });
  }
}
