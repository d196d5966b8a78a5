import { toBiphaseError } from '../../core/errors.ts';
import { type ComparedRun, mostComparedAtOnce } from '../../protocol/comparison.ts';

/** Where facts come from and go to. */
export interface FactsWay {
  ask(runs: string[]): Promise<ComparedRun[]>;
  tell(facts: ComparedRun[]): void;
  failed(runs: string[], message: string): void;
}

/** Few at once, so that the first ones are on the page soon and no message is large. */
const portion = Math.min(20, mostComparedAtOnce);
/** Between two looks at runs that change all the time. */
const restMs = 2_000;

/** Asks for what is known of runs, a portion at a time; of those that change, again at most every two seconds. */
export class CompareFacts {
  readonly #way: FactsWay;
  readonly #wanted = new Set<string>();
  readonly #changed = new Set<string>();
  #asking = false;
  #resting: NodeJS.Timeout | undefined;
  /** Another one after `clear`: answers to who asked before are not told. */
  #life = {};

  constructor(way: FactsWay) {
    this.#way = way;
  }

  want(runs: readonly string[]): void {
    for (const run of runs) this.#wanted.add(run);
    void this.#ask();
  }

  /** They have new points or another state. */
  changed(runs: readonly string[]): void {
    for (const run of runs) this.#changed.add(run);
    if (this.#changed.size === 0 || this.#resting) return;
    this.#resting = setTimeout(() => {
      this.#resting = undefined;
      this.want([...this.#changed]);
      this.#changed.clear();
    }, restMs);
  }

  clear(): void {
    clearTimeout(this.#resting);
    this.#resting = undefined;
    this.#wanted.clear();
    this.#changed.clear();
    this.#life = {};
  }

  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    while (this.#wanted.size > 0) {
      const runs = [...this.#wanted].slice(0, portion);
      for (const run of runs) this.#wanted.delete(run);
      const life = this.#life;
      try {
        const facts = await this.#way.ask(runs);
        if (life !== this.#life) continue;
        this.#way.tell(facts);
        const told = new Set(facts.map(({ run }) => run));
        const untold = runs.filter((run) => !told.has(run));
        if (untold.length > 0) this.#way.failed(untold, `Control does not know ${untold.join(', ')}.`);
      } catch (thrown) {
        if (life === this.#life) this.#way.failed(runs, toBiphaseError(thrown).message);
      }
    }
    this.#asking = false;
  }
}
