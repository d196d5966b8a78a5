import type { EventOf } from '../../protocol/contract.ts';
import type { ControlEvents, RunSummary } from '../../protocol/controlApi.ts';

/**
 * Names of each run's metrics as control told them last. A run may have thousands, and its summary changes every two
 * seconds: an event tells them only where they are others than before.
 */
export class MetricNames {
  readonly #names = new Map<string, string[]>();

  remember(runs: readonly RunSummary[]): void {
    for (const { run, metrics } of runs) this.#names.set(run, metrics);
  }

  /** Summaries with their names again. */
  complete({ runs, removed }: EventOf<ControlEvents, 'runs'>): { runs: RunSummary[]; removed: string[] } {
    const complete = runs.map((run) => ({ ...run, metrics: run.metrics ?? this.#names.get(run.run) ?? [] }));
    this.remember(complete);
    for (const run of removed) this.#names.delete(run);
    return { runs: complete, removed };
  }
}
