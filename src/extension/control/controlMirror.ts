import type { NodeSummary, RunSummary } from '../../protocol/controlApi.ts';

/** Changed runs only. */
export interface RunsChange {
  runs: RunSummary[];
  removed: string[];
}

/**
 * A copy of what control says of nodes and runs. Events that come while a snapshot is on its way are kept for after it.
 * Whatever is applied is answered, and only that: who is told of a change finds it here.
 */
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
    return this.#replace(() => {
      this.nodes = nodes;
      this.runs.clear();
      for (const run of runs) this.runs.set(run.run, run);
    });
  }

  /** The snapshot did not come: what was kept for after it is applied now. */
  abandonSnapshot(): RunsChange {
    return this.#replace(() => {});
  }

  /** False while a snapshot is on its way. */
  applyNodes(nodes: readonly NodeSummary[]): boolean {
    return this.#apply(() => {
      this.nodes = nodes;
    });
  }

  /** False while a snapshot is on its way. */
  applyRuns(change: RunsChange): boolean {
    return this.#apply(() => {
      for (const run of change.runs) this.runs.set(run.run, run);
      for (const id of change.removed) this.runs.delete(id);
    });
  }

  #apply(change: () => void): boolean {
    if (this.#late) {
      this.#late.push(change);
      return false;
    }
    change();
    return true;
  }

  #replace(change: () => void): RunsChange {
    const before = [...this.runs.keys()];
    const late = this.#late ?? [];
    this.#late = undefined;
    change();
    for (const apply of late) apply();
    return { runs: [...this.runs.values()], removed: before.filter((id) => !this.runs.has(id)) };
  }
}
