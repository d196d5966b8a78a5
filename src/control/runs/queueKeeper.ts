import { scaledMs } from '../../core/clock.ts';
import { toBiphaseError } from '../../core/errors.ts';
import { planMoves } from '../../core/scheduling.ts';
import type { RunReport } from '../../protocol/agentApi.ts';
import type { AgentLink } from '../nodes/agentLink.ts';
import type { ManagedNode } from '../nodes/managedNode.ts';
import type { NodeManager } from '../nodes/nodeManager.ts';
import { nodeLoads } from './nodeLoads.ts';
import type { CatalogRun, RunCatalog } from './runCatalog.ts';
import { sendLaunch } from './sendLaunch.ts';

/** Changes come in bursts; one look after each is enough. */
const gatherMs = 300;
/** What failed is tried again, though nothing changed. */
const retryMs = 15_000;

/** In a queue of its node, or in Slurm's. */
function waitsFor({ queue, heldFor }: RunReport): readonly string[] {
  return queue?.after ?? heldFor ?? [];
}

interface Leaving {
  node: string;
  rootId: string;
  report: RunReport;
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
  /** By run and node: runs that are being moved away, as the node shows them that they leave. */
  readonly #leaving = new Map<string, Leaving>();
  #timer: NodeJS.Timeout | undefined;
  #busy = false;
  #again = false;
  #closed = false;

  constructor(nodes: NodeManager, catalog: RunCatalog, log: (line: string) => void) {
    this.#nodes = nodes;
    this.#catalog = catalog;
    this.#log = log;
  }

  /** A node shows a run. Nodes that a run leaves are heard too, when another one speaks for it already. */
  report(node: string, rootId: string, report: RunReport): void {
    const key = `${report.run} ${node}`;
    if (report.queue && report.queue.movingTo !== null) this.#leaving.set(key, { node, rootId, report });
    else this.#leaving.delete(key);
  }

  gone(node: string, run: string): void {
    this.#leaving.delete(`${run} ${node}`);
  }

  /** A node is no longer connected: it tells again what leaves it. */
  disconnected(node: string): void {
    for (const [key, leaving] of this.#leaving) if (leaving.node === node) this.#leaving.delete(key);
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
      ...(await this.#each([...this.#leaving.values()], (run) => this.#finishMove(run))),
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

  /** A move that was begun, by this control or one before it. */
  async #finishMove({ node, rootId, report }: Leaving): Promise<void> {
    const { queue, run } = report;
    const from = this.#openLink(node);
    if (!from || !queue || queue.movingTo === null) return;
    const known = this.#catalog.get(run);
    // It has arrived where the node that speaks for it has another root: one of the same shows what leaves here.
    if (known && known.node !== node && known.rootId !== rootId) {
      this.#leaving.delete(`${run} ${node}`);
      await from.call('delete', { run });
      return;
    }
    const to = this.#openLink(queue.movingTo);
    if (!this.#nodes.has(queue.movingTo) || to?.hello.rootId === rootId) {
      await from.call('moveQueued', { run, to: null });
      return;
    }
    if (to) await this.#carry(report, from, this.#nodes.get(queue.movingTo), to);
  }

  async #moveIdle(): Promise<string[]> {
    // What Slurm has been given it keeps, and it is given nothing that waits elsewhere.
    const nodes = this.#nodes.all().flatMap((node) => (node.config.slurm ? [] : [{ node }]));
    return this.#each(
      planMoves(nodeLoads(nodes, this.#catalog)),
      async ({ run, from: source, to: target }) => {
        const known = this.#catalog.get(run);
        const [from, to] = [this.#openLink(source), this.#openLink(target)];
        if (!known || !from || !to) return;
        const { moving } = await from.call('moveQueued', { run, to: target });
        if (moving) await this.#carry(known.report, from, this.#nodes.get(target), to);
      },
    );
  }

  /** There first, then gone from here: whatever is interrupted, the run is somewhere, and starts in one place only. */
  async #carry(report: RunReport, from: AgentLink, target: ManagedNode, to: AgentLink): Promise<void> {
    const { queue, spec, run } = report;
    if (!queue || !spec) return;
    const { priority, after, nodes } = queue;
    await sendLaunch(target, to, { ...spec, bundle: to.hello.bundle }, { priority, after, nodes }, true);
    await from.call('delete', { run });
  }

  #openLink(name: string): AgentLink | undefined {
    const link = this.#nodes.has(name) ? this.#nodes.get(name).link : undefined;
    return link?.open ? link : undefined;
  }
}
