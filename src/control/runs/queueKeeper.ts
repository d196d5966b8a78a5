import { scaledMs } from '../../core/clock.ts';
import { toBiphaseError } from '../../core/errors.ts';
import { planMoves } from '../../core/scheduling.ts';
import type { RunReport } from '../../protocol/agentApi.ts';
import type { AgentLink } from '../nodes/agentLink.ts';
import type { NodeManager } from '../nodes/nodeManager.ts';
import { nodeLoads } from './nodeLoads.ts';
import type { CatalogRun, RunCatalog } from './runCatalog.ts';
import { type AtMoveStep, RunMoves } from './runMoves.ts';

/** Changes come in bursts; one look after each is enough. */
const gatherMs = 300;
/** What failed is tried again, though nothing changed. */
const retryMs = 15_000;

/** In a queue of its node, or in Slurm's. */
function waitsFor({ queue, heldFor }: RunReport): readonly string[] {
  return queue?.after ?? heldFor ?? [];
}

/**
 * What no node's queue can do alone: it tells a waiting run that a run of another node has finished, and moves waiting
 * runs to nodes that have nothing to do. Keeps nothing: all it needs is in the queues, so that after a restart of control
 * it goes on from them.
 */
export class QueueKeeper {
  readonly #nodes: NodeManager;
  readonly #catalog: RunCatalog;
  readonly #log: (line: string) => void;
  readonly moves: RunMoves;
  #timer: NodeJS.Timeout | undefined;
  #busy = false;
  #again = false;
  #closed = false;

  constructor(nodes: NodeManager, catalog: RunCatalog, log: (line: string) => void, at?: AtMoveStep) {
    this.moves = new RunMoves(nodes, log, at);
    this.#nodes = nodes;
    this.#catalog = catalog;
    this.#log = log;
  }

  /** Something changed. */
  look(): void {
    this.#later(gatherMs);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #later(ms: number): void {
    if (this.#closed || this.#timer) return;
    if (this.#busy) {
      this.#again = true;
      return;
    }
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#round();
    }, scaledMs(ms)).unref();
  }

  async #round(): Promise<void> {
    this.#busy = true;
    const dependent = this.#catalog
      .all()
      .filter(({ onNode, report }) => onNode && waitsFor(report).length > 0);
    const troubles = [
      ...(await this.#each(dependent, (run) => this.#tellFinished(run))),
      ...(await this.#each(this.moves.begun(), (leaving) => this.moves.finish(leaving))),
      ...(await this.#moveIdle()),
    ];
    for (const trouble of new Set(troubles)) this.#log(`queue: ${trouble}`);
    this.#busy = false;
    const again = this.#again;
    this.#again = false;
    if (again) this.#later(gatherMs);
    else if (troubles.length > 0) this.#later(retryMs);
  }

  /** Sentences of what went wrong; the rest goes on. */
  async #each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<string[]> {
    const troubles: string[] = [];
    for (const item of items) {
      try {
        await work(item);
      } catch (thrown) {
        const { kind, message } = toBiphaseError(thrown);
        // It began, or left, a moment ago.
        if (kind !== 'refused' && kind !== 'missing') troubles.push(message);
      }
    }
    return troubles;
  }

  /** The node itself knows the runs of its root. */
  async #tellFinished({ report, node, rootId }: CatalogRun): Promise<void> {
    const finished = waitsFor(report).filter((run) => {
      const other = this.#catalog.get(run);
      return other !== undefined && other.rootId !== rootId && other.report.state === 'finished';
    });
    const link = this.#openLink(node);
    if (link && finished.length > 0) await link.call('changeQueued', { run: report.run, finished });
  }

  async #moveIdle(): Promise<string[]> {
    // What Slurm has been given it keeps, and it is given nothing that waits elsewhere.
    const nodes = this.#nodes.all().flatMap((node) => (node.config.slurm ? [] : [{ node }]));
    return this.#each(planMoves(nodeLoads(nodes, this.#catalog, this.moves)), async (planned) => {
      const known = this.#catalog.get(planned.run);
      if (known) await this.moves.begin(known.report, planned);
    });
  }

  #openLink(name: string): AgentLink | undefined {
    const link = this.#nodes.has(name) ? this.#nodes.get(name).link : undefined;
    return link?.open ? link : undefined;
  }
}
