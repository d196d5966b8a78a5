import { randomBytes } from 'node:crypto';
import { scaledMs } from '../../core/clock.ts';
import { BiphaseError, toBiphaseError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import type { Move as PlannedMove } from '../../core/scheduling.ts';
import type { RunReport } from '../../protocol/agentApi.ts';
import type { Move } from '../../protocol/queue.ts';
import type { AgentLink } from '../nodes/agentLink.ts';
import type { ManagedNode } from '../nodes/managedNode.ts';
import type { NodeManager } from '../nodes/nodeManager.ts';
import { sendLaunch } from './sendLaunch.ts';

/** What has been done of a move; tests end control after each. */
export type MoveStep = 'chosen' | 'marked' | 'launched' | 'refused' | 'forgotten' | 'settled';
export type AtMoveStep = (step: MoveStep, run: string) => Promise<void>;

/** A node that has just refused a run is given no other one for so long. */
const restMs = 15_000;

/** Of versions that gave their moves no name; agents read it so too. */
const unnamed = '0'.repeat(16);

interface Leaving {
  node: string;
  rootId: string;
  report: RunReport;
}

/**
 * Brings waiting runs from one node to another. Keeps nothing that a move needs: that is in the queue which the run
 * leaves. A run is deleted there only once the other root has it for good, and stays there only once the other root has
 * decided never to take it by this move: so it is in one place, whatever is interrupted, and whatever nodes are called.
 */
export class RunMoves {
  readonly #nodes: NodeManager;
  readonly #log: (line: string) => void;
  readonly #at: AtMoveStep;
  /** By run and then by node, as nodes show them. */
  readonly #leaving = new Map<string, Map<string, Leaving>>();
  /** Roots that refused a run, by the run. */
  readonly #refused = new Map<string, Set<string>>();
  /** When a root last refused one, by performance.now(). */
  readonly #refusedAt = new Map<string, number>();

  constructor(nodes: NodeManager, log: (line: string) => void, at: AtMoveStep = async () => {}) {
    this.#nodes = nodes;
    this.#log = log;
    this.#at = at;
  }

  /** A node shows a run. Nodes that a run leaves are heard too, when another one speaks for it already. */
  report(node: string, rootId: string, report: RunReport): void {
    this.gone(node, report.run);
    if (!report.queue || report.queue.movingTo === null) return;
    const places = this.#leaving.get(report.run) ?? new Map<string, Leaving>();
    this.#leaving.set(report.run, places.set(node, { node, rootId, report }));
  }

  gone(node: string, run: string): void {
    const places = this.#leaving.get(run);
    if (places?.delete(node) && places.size === 0) this.#leaving.delete(run);
  }

  /** A node is no longer connected: it tells again what leaves it. */
  disconnected(node: string): void {
    for (const run of [...this.#leaving.keys()]) this.gone(node, run);
  }

  /** Moves that were begun, by this control or one before it. */
  begun(): Leaving[] {
    return [...this.#leaving.values()].flatMap((places) => [...places.values()]);
  }

  /** Whether a root is given no more runs for now. */
  rests(rootId: string): boolean {
    const refusedAt = this.#refusedAt.get(rootId);
    return refusedAt !== undefined && performance.now() - refusedAt < scaledMs(restMs);
  }

  hasRefused(rootId: string, run: string): boolean {
    return this.#refused.get(run)?.has(rootId) ?? false;
  }

  /** One sentence where a run cannot go on to where it is being moved. */
  whyStuck(run: string): string | undefined {
    for (const { report } of this.#leaving.get(run)?.values() ?? []) {
      const to = report.queue?.movingTo;
      if (typeof to !== 'string' || this.#target(report)) continue;
      return `It was being moved to ${printable(to)}, which is not connected: it may wait or run there. Connect that node; or, where it is gone for good, stop the run and resume it.`;
    }
    return undefined;
  }

  /** Begins a move and brings it to its end. */
  async begin(report: RunReport, { run, from: source, to: name }: PlannedMove): Promise<void> {
    const [from, to] = [this.#openLink(source), this.#openLink(name)];
    // One that still leaves another root has just arrived here: that is settled first.
    if (!from || !to || this.#leaving.has(run) || this.rests(to.hello.rootId)) return;
    const move: Move = { id: randomBytes(8).toString('hex'), root: to.hello.rootId };
    await this.#at('chosen', run);
    if (!(await from.call('moveQueued', { run, to: name, move })).moving) return;
    await this.#at('marked', run);
    await this.#carry(report, move, from, this.#nodes.get(name), to);
  }

  /** Brings a move to its end that was begun before, as far as the nodes can be asked. */
  async finish({ node, rootId, report }: Leaving): Promise<void> {
    const { queue, run } = report;
    const from = this.#openLink(node);
    if (!from || !queue || queue.movingTo === null) return;
    const target = this.#target(report);
    if (!target?.link) return;
    const to = target.link;
    const move = queue.move ?? { id: unnamed, root: to.hello.rootId };
    // Nothing goes from a root to itself: versions that knew only names have begun it.
    if (to.hello.rootId === rootId) await from.call('moveQueued', { run, to: null, move });
    else await this.#carry(report, move, from, target, to);
    this.gone(node, run);
  }

  /** There first, then gone from here; or never there, then back to waiting here. */
  async #carry(
    report: RunReport,
    move: Move,
    from: AgentLink,
    target: ManagedNode,
    to: AgentLink,
  ): Promise<void> {
    const { run } = report;
    const named = { run, move: move.id };
    const refusal = await this.#launch(report, move, target, to);
    if (refusal) {
      const { arrived } = await to.call('refuseMove', named);
      await this.#at('refused', run);
      if (!arrived) {
        this.#remember(run, move.root);
        await from.call('moveQueued', { run, to: null, move });
        const place = target.config.name;
        throw new BiphaseError(
          'internal',
          `${run} stays where it waits, since ${place} refused it: ${refusal}`,
        );
      }
    }
    await this.#at('launched', run);
    const { stopped } = await from.call('forgetMoved', named);
    if (stopped)
      await to
        .call('stop', { run })
        .catch((thrown: unknown) => this.#log(`${run}: ${toBiphaseError(thrown).message}`));
    await this.#at('forgotten', run);
    await to.call('settleMove', named);
    await this.#at('settled', run);
  }

  /** Why the node does not take the run; undefined where it has it. Fails where the node does not answer. */
  async #launch(
    { queue, spec }: RunReport,
    move: Move,
    target: ManagedNode,
    to: AgentLink,
  ): Promise<string | undefined> {
    if (!spec || !queue) return 'its spec cannot be read.';
    const { priority, after, nodes } = queue;
    const options = { batch: true, move: move.id };
    try {
      await sendLaunch(target, to, { ...spec, bundle: to.hello.bundle }, { priority, after, nodes }, options);
      return undefined;
    } catch (thrown) {
      if (!to.open) throw thrown;
      return toBiphaseError(thrown).message;
    }
  }

  #remember(run: string, root: string): void {
    this.#refused.set(run, (this.#refused.get(run) ?? new Set()).add(root));
    this.#refusedAt.set(root, performance.now());
  }

  /** A connected node with the root where a run is being moved, whatever it is called now. */
  #target({ queue }: RunReport): ManagedNode | undefined {
    const named = (node: ManagedNode): boolean => node.config.name === queue?.movingTo;
    const fitting = this.#nodes
      .all()
      .filter(
        (node) => node.link?.open && (queue?.move ? node.link.hello.rootId === queue.move.root : named(node)),
      );
    return fitting.find(named) ?? fitting[0];
  }

  #openLink(name: string): AgentLink | undefined {
    const link = this.#nodes.has(name) ? this.#nodes.get(name).link : undefined;
    return link?.open ? link : undefined;
  }
}
