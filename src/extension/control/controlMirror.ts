import type { NodeSummary, RunSummary } from '../../protocol/controlApi.ts';

/** Changed runs only. */
export interface RunsChange {
  runs: RunSummary[];
  removed: string[];
}

/** A copy of what control says of nodes and runs. Events that come while a snapshot is on its way are kept for after it. */
export class ControlMirror {
  nodes: readonly NodeSummary[] = [];
  readonly runs = new Map<string, RunSummary>();
  #late: (() => void)[] | undefined;

  /** A snapshot was asked for. */
  expectSnapshot(): void {
    this.#late ??= [];
  }

  /** Replaces everything; the answer says what changed. */
  applySnapshot(nodes: readonly NodeSummary[], runs: readonly RunSummary[]): RunsChange {
    const ids = new Set(runs.map((run) => run.run));
    const removed = [...this.runs.keys()].filter((id) => !ids.has(id));
    this.nodes = nodes;
    this.runs.clear();
    for (const run of runs) this.runs.set(run.run, run);
    const late = this.#late ?? [];
    this.#late = undefined;
    for (const apply of late) apply();
    return { runs: [...this.runs.values()], removed };
  }

  /** The snapshot did not come. */
  abandonSnapshot(): void {
    const late = this.#late ?? [];
    this.#late = undefined;
    for (const apply of late) apply();
  }

  applyNodes(nodes: readonly NodeSummary[]): void {
    if (this.#late) this.#late.push(() => this.applyNodes(nodes));
    else this.nodes = nodes;
  }

  applyRuns(change: RunsChange): void {
    if (this.#late) {
      this.#late.push(() => this.applyRuns(change));
      return;
    }
    for (const run of change.runs) this.runs.set(run.run, run);
    for (const id of change.removed) this.runs.delete(id);
  }
}
