import { scaledMs } from '../../core/clock.ts';
import type { NodeRoot } from '../nodeRoot.ts';
import type { ProcessTable } from '../processTable.ts';
import { releaseHeld } from './releaseHeld.ts';

const retryMs = 15_000;

/** An agent's part in releasing held jobs: one look at a time, again where something changed meanwhile or failed. */
export class HeldReleaser {
  readonly #root: NodeRoot;
  readonly #table: ProcessTable;
  readonly #complain: (sentence: string) => void;
  #looking = false;
  #again = false;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(root: NodeRoot, table: ProcessTable, complain: (sentence: string) => void) {
    this.#root = root;
    this.#table = table;
    this.#complain = complain;
  }

  /** A run may have finished, or need not be waited for any more. */
  look(): void {
    if (this.#closed) return;
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#looking = true;
    clearTimeout(this.#retry);
    releaseHeld(this.#root, this.#table)
      .catch((thrown: unknown) => [String(thrown)])
      .then((troubles) => {
        this.#looking = false;
        for (const trouble of troubles) this.#complain(trouble);
        if (this.#again) {
          this.#again = false;
          this.look();
        } else if (troubles.length > 0 && !this.#closed)
          this.#retry = setTimeout(() => this.look(), scaledMs(retryMs)).unref();
      });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
  }
}
