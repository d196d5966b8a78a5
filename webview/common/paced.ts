/** Share of the time that the work may take: longer work rests longer. */
const restsFor = 4;
const longestRest = 2_000;

/** Pieces of work that are due: one a frame, so that together they hold up none. */
const due: (() => void)[] = [];

function nextFrame(work: () => void): void {
  due.push(work);
  if (due.length === 1) requestAnimationFrame(oneOfThem);
}

function oneOfThem(): void {
  const work = due[0];
  try {
    work?.();
  } finally {
    due.shift();
    if (due.length > 0) requestAnimationFrame(oneOfThem);
  }
}

/** Does something in one of the next frames, but not again before it has rested: at least `rest` ms, four times its own time. */
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
    if (wait <= 0) nextFrame(() => this.#now());
    else setTimeout(() => nextFrame(() => this.#now()), wait);
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
