import fs from 'node:fs';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { hasCode } from './files.ts';

const chunkBytes = 64 * 1024;

/** Bytes [offset, offset + bytes.length) of the followed file. */
export interface Piece {
  offset: number;
  identity: string;
  /** The file is shorter than what was read of it, or another one: start over at `offset` 0. */
  reset: boolean;
  bytes: Uint8Array;
}

/**
 * Sends a growing file's bytes from an offset on, as they are: lines may be cut anywhere. Opens the file anew at each
 * look, which network file systems need to show its true size, and which notices another file under the same name.
 * After what was new it rests for `restMs`: lines of a quick run travel together, and cost everyone behind it one turn.
 */
export class FileFollower {
  readonly #file: string;
  readonly #send: (piece: Piece) => void;
  /** False: nobody listens any more. */
  readonly #ready: () => Promise<boolean>;
  readonly #restMs: number;
  #offset: number;
  #identity: string | null;
  #looking = false;
  #again = false;
  #closed = false;

  constructor(
    file: string,
    start: { offset: number; identity: string | null },
    send: (piece: Piece) => void,
    ready: () => Promise<boolean>,
    restMs = 0,
  ) {
    this.#file = file;
    this.#offset = start.offset;
    this.#identity = start.identity;
    this.#send = send;
    this.#ready = ready;
    this.#restMs = restMs;
  }

  /** Sends what is new. Calls during a look are folded into one more look after it. */
  async look(): Promise<void> {
    this.#again = true;
    if (this.#looking) return;
    this.#looking = true;
    try {
      while (this.#again && !this.#closed) {
        this.#again = false;
        const before = this.#offset;
        while (!this.#closed && (await this.#ready()) && !this.#closed && this.#sendPiece()) await nextTurn();
        if (this.#offset !== before && this.#restMs > 0) await delay(this.#restMs, undefined, { ref: false });
      }
    } finally {
      this.#looking = false;
    }
  }

  close(): void {
    this.#closed = true;
  }

  /** Sends at most one piece; true when there may be more. */
  #sendPiece(): boolean {
    let fd: number;
    try {
      fd = fs.openSync(this.#file, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK);
    } catch (thrown) {
      // Not written yet, removed, or a link, which no trainer makes.
      if (hasCode(thrown, 'ENOENT', 'ENOTDIR', 'ESTALE', 'ELOOP')) return false;
      throw thrown;
    }
    try {
      const stat = fs.fstatSync(fd, { bigint: true });
      if (!stat.isFile()) return false;
      const size = Number(stat.size);
      const identity = `${stat.dev}:${stat.ino}`;
      const reset = size < this.#offset || (this.#identity !== null && this.#identity !== identity);
      if (reset) this.#offset = 0;
      this.#identity = identity;
      const bytes = Buffer.alloc(Math.min(chunkBytes, size - this.#offset));
      const read = bytes.length === 0 ? 0 : fs.readSync(fd, bytes, 0, bytes.length, this.#offset);
      if (read === 0 && !reset) return false;
      this.#send({ offset: this.#offset, identity, reset, bytes: bytes.subarray(0, read) });
      this.#offset += read;
      return this.#offset < size;
    } finally {
      fs.closeSync(fd);
    }
  }
}
