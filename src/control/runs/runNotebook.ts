import { BiphaseError, toBiphaseError } from '../../core/errors.ts';
import { isActive } from '../../core/runState.ts';
import type { RunReport } from '../../protocol/agentApi.ts';
import type { RunSummary } from '../../protocol/controlApi.ts';
import type { NotesChange } from '../../protocol/runNotes.ts';
import type { UserStore } from '../store/userStore.ts';

/** What clients see of a run apart from what a person says of it. */
export type LaunchedRun = Omit<RunSummary, 'launchedName' | 'tags' | 'group' | 'archived' | 'baseline'>;

export interface NotebookRuns {
  /** Throws `missing` where there is no such run, `refused` where it may be at work. */
  mustBeOver(run: string): void;
  has(run: string): boolean;
  isOnNode(run: string): boolean;
  delete(run: string, onNode: boolean): Promise<void>;
  changed(run: string): void;
}

/** What a person says of runs, and which of them they do not want to see. */
export class RunNotebook {
  readonly #store: UserStore;
  readonly #runs: NotebookRuns;
  readonly #log: (line: string) => void;
  /** How to show the hidden runs of connected nodes. */
  readonly #withheld = new Map<string, { node: object; show: () => void }>();

  constructor(store: UserStore, runs: NotebookRuns, log: (line: string) => void) {
    this.#store = store;
    this.#runs = runs;
    this.#log = log;
  }

  /** With label, tags, group, archive and baseline. */
  annotate(run: LaunchedRun): RunSummary {
    const { label, tags, group, archived } = this.#store.notesOf(run.run);
    return {
      ...run,
      name: label ?? run.name,
      launchedName: run.name,
      tags: [...tags],
      group,
      archived,
      baseline: this.#store.baseline === run.run,
    };
  }

  note(runs: readonly string[], change: NotesChange): void {
    this.#mustKnow(runs);
    for (const run of this.#store.note(runs, change)) this.#runs.changed(run);
  }

  pinBaseline(run: string | null): void {
    if (run !== null) this.#mustKnow([run]);
    for (const changed of this.#store.pinBaseline(run)) this.#runs.changed(changed);
  }

  /** Files that stay on the node would show the run again: it is hidden until somebody wants it back. */
  async deleteRun(run: string, onNode: boolean): Promise<void> {
    if (!onNode && this.#runs.isOnNode(run)) {
      this.#runs.mustBeOver(run);
      this.#store.hide(run);
      await this.#runs.delete(run, false);
      return;
    }
    await this.#runs.delete(run, onNode);
    this.#store.forget(run);
  }

  /** True where a node shows it at this moment. */
  restore(run: string): boolean {
    this.#store.show(run);
    const withheld = this.#withheld.get(run);
    this.#withheld.delete(run);
    withheld?.show();
    return withheld !== undefined || this.#runs.has(run);
  }

  /** True where the run is to stay hidden; `show` is called when it is restored. One that is at work again comes back. */
  withholds(report: RunReport, node: object, show: () => void): boolean {
    const { run, state } = report;
    if (!this.#store.isHidden(run)) return false;
    if (!isActive(state)) {
      this.#withheld.set(run, { node, show });
      return true;
    }
    this.#withheld.delete(run);
    this.#tolerate(() => this.#store.show(run));
    return false;
  }

  /** Its directory is gone from the node. */
  gone(run: string): void {
    this.#withheld.delete(run);
    if (this.#store.isHidden(run)) this.#tolerate(() => this.#store.forget(run));
  }

  disconnected(node: object): void {
    for (const [run, withheld] of this.#withheld) if (withheld.node === node) this.#withheld.delete(run);
  }

  notices(take: boolean): string[] {
    const { notices } = this.#store;
    return take ? notices.splice(0) : [...notices];
  }

  #mustKnow(runs: readonly string[]): void {
    for (const run of runs)
      if (!this.#runs.has(run)) throw new BiphaseError('missing', `There is no run ${run}.`);
  }

  /** A store in trouble must not hide what a node shows. */
  #tolerate(change: () => void): void {
    try {
      change();
    } catch (thrown) {
      this.#log(`user.db: ${toBiphaseError(thrown).message}`);
    }
  }
}
