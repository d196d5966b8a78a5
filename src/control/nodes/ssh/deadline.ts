import { scaledMs } from '../../../core/clock.ts';

/** A time limit that stands still while a person reads a question. */
export class Deadline {
  readonly #expire: () => void;
  #left: number;
  #since = 0;
  #timer: NodeJS.Timeout | undefined;
  #pauses = 0;

  /** Starts counting at once; `ms` is taken under the clock factor. */
  constructor(ms: number, expire: () => void) {
    this.#left = scaledMs(ms);
    this.#expire = expire;
    this.#run();
  }

  /** Waits for `work` without counting the time. */
  async paused<T>(work: () => Promise<T>): Promise<T> {
    if (this.#pauses++ === 0 && this.#timer) {
      clearTimeout(this.#timer);
      this.#left = Math.max(1, this.#left - (performance.now() - this.#since));
    }
    try {
      return await work();
    } finally {
      if (--this.#pauses === 0 && this.#timer) this.#run();
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #run(): void {
    this.#since = performance.now();
    this.#timer = setTimeout(this.#expire, this.#left);
  }
}
