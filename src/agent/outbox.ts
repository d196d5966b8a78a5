import type { Writable } from 'node:stream';

/** The one way out of the agent. Knows when the reader is slow, so that followers read no further ahead. */
export class Outbox {
  readonly #stream: Writable;
  #waiting: (() => void)[] = [];
  #closed = false;

  constructor(stream: Writable) {
    this.#stream = stream;
    stream.on('drain', () => this.#release());
    stream.on('close', () => this.#close());
    // A reader that is gone is noticed by 'close'; the error says nothing more.
    stream.on('error', () => this.#close());
  }

  send(bytes: Uint8Array): void {
    if (!this.#closed) this.#stream.write(bytes);
  }

  /** Waits until the reader has taken what was sent. False when there is no reader any more. */
  async ready(): Promise<boolean> {
    while (!this.#closed && this.#stream.writableNeedDrain)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return !this.#closed;
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }

  #close(): void {
    this.#closed = true;
    this.#release();
  }
}
