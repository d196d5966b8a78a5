/** Share of the time that the work may take: longer work rests longer. */
const restsFor = 4;
const longestRest = 2_000;

/** Does something in the next frame, but not again before it has rested: at least `rest` ms, four times its own time. */
export class Paced {
  readonly #rest: number;
  readonly #act: () => void;
  #asked = false;
  #free = 0;

  constructor(rest: number, act: () => void) {
    this.#rest = rest;
    this.#act = act;
  }

  ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    const wait = this.#free - performance.now();
    if (wait <= 0) requestAnimationFrame(() => this.#now());
    else setTimeout(() => requestAnimationFrame(() => this.#now()), wait);
  }

  /** Work of the last time that goes on took so long as well. */
  alsoTook(ms: number): void {
    this.#free = Math.max(this.#free, performance.now() + Math.min(longestRest, restsFor * ms));
  }

  #now(): void {
    this.#asked = false;
    const started = performance.now();
    this.#act();
    const ended = performance.now();
    this.#free = ended + Math.min(longestRest, Math.max(this.#rest, restsFor * (ended - started)));
  }
}
