import { isActive } from '../../core/runState.ts';
import type { CatalogRun } from './runCatalog.ts';

/** Runs at work and in queues, by the node that speaks for them: decisions are made often, and most runs have ended. */
export class ActiveRuns {
  readonly #busy = new Map<string, Set<CatalogRun>>();
  readonly #waiting = new Map<string, Set<CatalogRun>>();

  /** Whoever changes a run takes it out before and puts it in after. */
  add(run: CatalogRun): void {
    if (!run.onNode || !isActive(run.report.state)) return;
    const byNode = this.#placesFor(run);
    const runs = byNode.get(run.node);
    if (runs) runs.add(run);
    else byNode.set(run.node, new Set([run]));
  }

  remove(run: CatalogRun): void {
    this.#placesFor(run).get(run.node)?.delete(run);
  }

  on(node: string): CatalogRun[] {
    return [...(this.#busy.get(node) ?? []), ...this.waitingOn(node)];
  }

  waitingOn(node: string): Iterable<CatalogRun> {
    return this.#waiting.get(node) ?? [];
  }

  /** How many runs of each node are at work and how many wait, by the node's name. */
  count(): Map<string, { busy: number; waiting: number }> {
    const nodes = new Set([...this.#busy.keys(), ...this.#waiting.keys()]);
    return new Map(
      [...nodes].map((node) => [
        node,
        { busy: this.#busy.get(node)?.size ?? 0, waiting: this.#waiting.get(node)?.size ?? 0 },
      ]),
    );
  }

  #placesFor({ report }: CatalogRun): Map<string, Set<CatalogRun>> {
    return report.state === 'queued' ? this.#waiting : this.#busy;
  }
}
