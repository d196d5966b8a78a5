const turnMs = 8;

/**
 * Work that clients wait for, one piece after the other. After a few milliseconds the rest waits for the next turn of
 * the event loop, so that whatever else comes in is not held up.
 */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  #scheduled = false;

  /** Settles as the work does, which is done in the order of asking. */
  do<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => {
        try {
          resolve(work());
        } catch (error) {
          reject(error as Error);
        }
      });
      if (this.#scheduled) return;
      this.#scheduled = true;
      setImmediate(() => this.#turn());
    });
  }

  /** Does the work for each item; the answer is in their order. */
  async map<T, R>(items: readonly T[], work: (item: T) => R): Promise<R[]> {
    const results: R[] = [];
    for (let at = 0; at < items.length; ) {
      at = await this.do(() => {
        const end = performance.now() + turnMs / 2;
        let i = at;
        do results.push(work(items[i++]!));
        while (i < items.length && performance.now() < end);
        return i;
      });
    }
    return results;
  }

  /** Goes through all pieces of some work. */
  async all(pieces: Iterator<unknown>): Promise<void> {
    const some = (): boolean => {
      const end = performance.now() + turnMs / 2;
      let done: boolean | undefined;
      do done = pieces.next().done;
      while (!done && performance.now() < end);
      return done === true;
    };
    while (!(await this.do(some)));
  }

  #turn(): void {
    const end = performance.now() + turnMs;
    let next = 0;
    do this.#waiting[next++]!();
    while (next < this.#waiting.length && performance.now() < end);
    this.#waiting.splice(0, next);
    this.#scheduled = this.#waiting.length > 0;
    if (this.#scheduled) setImmediate(() => this.#turn());
  }
}
