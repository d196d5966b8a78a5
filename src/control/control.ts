import path from 'node:path';
import { BiphaseError, toBiphaseError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import type { FollowedFile, RunReport } from '../protocol/agentApi.ts';
import type { NodeConfig, NodeSummary, RunSummary } from '../protocol/controlApi.ts';
import { importedNode } from '../protocol/outsideRuns.ts';
import type { QueueHold } from '../protocol/queue.ts';
import type { ResolvedRunFile } from '../protocol/runFile.ts';
import { ExportService } from './exports/exportService.ts';
import { ImportedRuns } from './imports/importedRuns.ts';
import { ImportService } from './imports/importService.ts';
import type { AgentLink, AgentListener } from './nodes/agentLink.ts';
import { type Bundle, openBundle } from './nodes/bundle.ts';
import type { ManagedNode } from './nodes/managedNode.ts';
import { NodeConfigs } from './nodes/nodeConfigs.ts';
import { type NodeKinds, NodeManager } from './nodes/nodeManager.ts';
import { SpaceOnNodes } from './nodes/spaceOnNodes.ts';
import { watchForWake } from './nodes/wakeWatch.ts';
import { Comparison } from './runs/comparison.ts';
import { QueueKeeper } from './runs/queueKeeper.ts';
import { type CatalogRun, RunCatalog } from './runs/runCatalog.ts';
import { RunFollower } from './runs/runFollower.ts';
import type { AtMoveStep } from './runs/runMoves.ts';
import { RunNotebook } from './runs/runNotebook.ts';
import { RunService } from './runs/runService.ts';
import { factsOf, resolvedFileOf, summarize, unknownRun } from './runs/runSummary.ts';
import { SeriesService } from './runs/seriesService.ts';
import { PromptDesk } from './server/promptDesk.ts';
import { CacheStore, type Committed } from './store/cacheStore.ts';
import { UserStore } from './store/userStore.ts';
import { CheckpointCopies } from './transfers/checkpointCopies.ts';
import { Staging } from './transfers/staging.ts';
import { TransferDesk } from './transfers/transferDesk.ts';

export interface ControlOptions {
  stateFolder: string;
  bundleFolder: string;
  kinds: NodeKinds;
  log: (line: string) => void;
  /** Waited for after each step of a move. */
  atMoveStep?: AtMoveStep;
}

/** What clients hear of. */
export interface ControlListener {
  nodesChanged(): void;
  runChanged(run: string): void;
  committed(run: string, committed: Committed): void;
}

/** Nodes, runs and store, joined: what the control process does apart from serving its clients. */
export class Control {
  readonly desk = new PromptDesk();
  readonly store: CacheStore;
  readonly nodes: NodeManager;
  readonly runs: RunService;
  readonly series: SeriesService;
  readonly comparison: Comparison;
  readonly space: SpaceOnNodes;
  readonly transfers = new TransferDesk();
  readonly checkpoints: CheckpointCopies;
  readonly exports: ExportService;
  readonly imports: ImportService;
  readonly #imported: ImportedRuns;
  readonly notebook: RunNotebook;
  readonly #user: UserStore;
  readonly #catalog: RunCatalog;
  readonly #queues: QueueKeeper;
  readonly #listener: ControlListener;
  readonly #log: (line: string) => void;
  readonly #followers = new Map<ManagedNode, RunFollower>();
  readonly #rootIds = new Map<ManagedNode, string>();
  readonly #endWakeWatch: () => void;
  #bundle: Bundle | undefined;
  #closed = false;

  constructor(options: ControlOptions, listener: ControlListener) {
    this.#listener = listener;
    this.#log = options.log;
    this.store = new CacheStore(path.join(options.stateFolder, 'cache.db'));
    this.#catalog = new RunCatalog(this.store, (run) => listener.runChanged(run), options.log);
    this.series = new SeriesService(this.store, (run) => {
      const known = this.#catalog.get(run);
      return known ? factsOf(known) : unknownRun;
    });
    this.comparison = new Comparison(this.#catalog, this.store);
    this.nodes = new NodeManager(new NodeConfigs(options.stateFolder), options.kinds, {
      bundle: () => {
        this.#bundle ??= openBundle(options.bundleFolder);
        return this.#bundle;
      },
      prompts: this.desk.prompts,
      quietPrompts: this.desk.quietPrompts,
      listener: (node) => this.#agentListener(node),
      connected: (node, link) => this.#connected(node, link),
      changed: () => listener.nodesChanged(),
      log: options.log,
    });
    this.#queues = new QueueKeeper(this.nodes, this.#catalog, options.log, options.atMoveStep);
    this.space = new SpaceOnNodes(this.nodes, (run) => listener.runChanged(run));
    const staging = new Staging(this.transfers, path.join(options.stateFolder, 'corpus-hashes.jsonl'));
    this.checkpoints = new CheckpointCopies(this.transfers, this.nodes, this.#catalog);
    this.#imported = new ImportedRuns({
      folder: path.join(options.stateFolder, 'imported'),
      catalog: this.#catalog,
      store: this.store,
      committed: (run, committed) => listener.committed(run, committed),
      log: options.log,
    });
    this.imports = new ImportService(this.transfers, this.#imported);
    this.exports = new ExportService(this.transfers, (run) => this.runSummary(run)?.name, this.store);
    this.runs = new RunService(this.nodes, this.#catalog, this.store, staging, this.#imported);
    this.#user = new UserStore(path.join(options.stateFolder, 'user.db'));
    for (const notice of this.#user.notices) options.log(notice);
    this.notebook = new RunNotebook(
      this.#user,
      {
        has: (run) => this.#catalog.get(run) !== undefined,
        // An imported run is here alone: deleted, nothing shows it again.
        isOnNode: (run) => !this.#imported.has(run) && (this.#catalog.get(run)?.onNode ?? false),
        mustBeOver: (run) => this.runs.mustBeOver(run),
        delete: (run, onNode) => this.runs.delete(run, onNode),
        changed: (run) => listener.runChanged(run),
      },
      options.log,
    );
    // Not at once: whoever found the damage is still at work with the store.
    this.store.onAnew = () => setImmediate(() => this.#fillStore());
    this.#endWakeWatch = watchForWake(() => {
      options.log('woke from a sleep');
      this.nodes.wake();
    });
  }

  /** Shows what was imported, and goes back to the nodes where runs are live, asking nobody. */
  start(): void {
    this.#imported.load();
    for (const node of this.nodes.all()) if (this.#catalog.activeOn(node.config.name).length > 0) node.want();
  }

  nodeSummaries(): NodeSummary[] {
    const counts = this.#catalog.countActive();
    return this.nodes.all().map((node) => this.nodes.summary(node, counts.get(node.config.name)));
  }

  runSummary(run: string): RunSummary | undefined {
    const known = this.#catalog.get(run);
    return known && this.#summarize(known);
  }

  runIds(): string[] {
    return this.#catalog.all().map(({ report }) => report.run);
  }

  /** Nodes as their file has them now: a person may have edited it. A damaged one changes nothing. */
  refreshNodes(): void {
    try {
      for (const node of this.nodes.refresh()) this.#forget(node);
    } catch (thrown) {
      this.#log(toBiphaseError(thrown).message);
    }
  }

  addNode(config: NodeConfig): void {
    if (config.name === importedNode)
      throw new BiphaseError(
        'usage',
        `A node cannot be named "${importedNode}": imported runs are shown under it.`,
      );
    this.refreshNodes();
    const before = this.nodes.has(config.name) ? this.nodes.get(config.name) : undefined;
    this.nodes.add(config);
    if (before) this.#forget(before);
    this.#listener.nodesChanged();
  }

  /** `deleteRoot`: absolute path of its root, which is deleted first. Answers with the names that stay in it. */
  async removeNode(name: string, deleteRoot?: string): Promise<string[]> {
    this.refreshNodes();
    const node = this.nodes.get(name);
    const left = deleteRoot === undefined ? [] : await this.#deleteRoot(node, deleteRoot);
    this.nodes.remove(name);
    this.#forget(node);
    this.#listener.nodesChanged();
    return left;
  }

  /** From the store, and from its node where `onNode`. */
  async deleteRun(run: string, onNode: boolean): Promise<void> {
    const known = this.#catalog.get(run);
    await this.notebook.deleteRun(run, onNode);
    if (!known) return;
    // Where its files stay on the node, the node goes on showing it.
    for (const node of this.nodes.all())
      if (known.shownBy.has(node.config.name)) {
        this.#followers.get(node)?.forget(run);
        this.#isWithheld(node, known.report);
      }
  }

  close(): void {
    this.transfers.close();
    this.#endWakeWatch();
    for (const node of this.nodes.all()) this.#forget(node);
    // What agents still say on their way out has no store any more.
    this.#closed = true;
    this.#imported.close();
    this.#queues.close();
    this.nodes.close();
    this.#catalog.close();
    this.store.close();
    this.#user.close();
  }

  #summarize(run: CatalogRun): RunSummary {
    const { run: id } = run.report;
    const disk = this.space.sizeOf(id);
    const summary = summarize(run, this.store.overview(id), (other) => this.#fileOf(other));
    const stuck = summary.state === 'queued' ? this.#queues.moves.whyStuck(id) : undefined;
    return this.notebook.annotate({
      ...summary,
      ...(stuck === undefined ? {} : { reason: stuck }),
      ...(disk ? { disk } : {}),
    });
  }

  #fileOf(run: string): ResolvedRunFile | null {
    return resolvedFileOf(this.#catalog.get(run)?.report.spec ?? null);
  }

  #isWithheld(node: ManagedNode, report: RunReport): boolean {
    return this.notebook.withholds(report, node, () => this.#report(node, report));
  }

  async #deleteRoot(node: ManagedNode, root: string): Promise<string[]> {
    const { name } = node.config;
    if (node.config.kind === 'local') throw new BiphaseError('usage', 'This computer cannot be removed.');
    const link = await node.use();
    if (link.hello.root !== root)
      throw new BiphaseError('refused', `The folder of ${name} is ${link.hello.root}, not ${root}.`, {
        next: 'Remove it again.',
      });
    const { rootId } = link.hello;
    const sharer = this.nodes.all().find((other) => other !== node && this.#rootIds.get(other) === rootId);
    if (sharer)
      throw new BiphaseError('refused', `${root} is also the folder of ${sharer.config.name}.`, {
        next: `Remove ${name} alone, or ${sharer.config.name} first.`,
      });
    const { left } = await link.call('removeRoot', { rootId });
    this.#catalog.only(rootId, new Set());
    return left.map(printable);
  }

  #agentListener(node: ManagedNode): AgentListener {
    return {
      run: (report) => this.#report(node, report),
      queue: ({ hold }) => this.#hold(node, hold),
      gone: ({ run }) => {
        if (this.#closed) return;
        this.#followers.get(node)?.forget(run);
        this.#queues.moves.gone(node.config.name, run);
        this.#catalog.gone(run, node.config.name);
        this.notebook.gone(run);
        this.#queues.look();
      },
      bytes: (data, binary) => this.#followers.get(node)?.bytes(data, binary),
    };
  }

  async #connected(node: ManagedNode, link: AgentLink): Promise<void> {
    const follower = new RunFollower(
      link,
      this.store,
      (run, file, committed) => this.#committed(run, file, committed),
      this.#log,
    );
    this.#followers.set(node, follower);
    void link.closed.then(() => {
      if (this.#followers.get(node) === follower) this.#forget(node);
    });
    this.#rootIds.set(node, link.hello.rootId);
    const { runs, hold } = await link.call('watch', {});
    this.#hold(node, hold);
    for (const report of runs) this.#report(node, report);
    this.#catalog.only(link.hello.rootId, new Set(runs.map((report) => report.run)));
    // It may have nothing to show, and room for what waits elsewhere or was being moved there.
    this.#queues.look();
  }

  /** The store was damaged: it gets again what is here, and what the connected nodes have; others follow when they connect. */
  #fillStore(): void {
    if (this.#closed) return;
    this.#log('cache.db was damaged: it is filled again from the nodes');
    this.#catalog.saveAll();
    for (const follower of this.#followers.values()) follower.again();
    void this.#imported.feedAll();
    for (const run of this.runIds()) this.#listener.runChanged(run);
  }

  #hold(node: ManagedNode, hold: QueueHold | null): void {
    if (node.hold === hold) return;
    node.hold = hold;
    if (this.#closed) return;
    this.#listener.nodesChanged();
    this.#queues.look();
  }

  #report(node: ManagedNode, report: RunReport): void {
    if (this.#closed) return;
    const before = this.#catalog.get(report.run)?.report.state;
    const { name } = node.config;
    const rootId = this.#rootIds.get(node) ?? '';
    this.#queues.moves.report(name, rootId, report);
    if (this.#isWithheld(node, report)) return;
    const speaks = this.#catalog.report(name, rootId, report);
    if (speaks) this.#followers.get(node)?.update(report);
    if (before === report.state && report.state !== 'queued') return;
    this.#listener.nodesChanged();
    this.#queues.look();
  }

  #committed(run: string, file: FollowedFile, committed: Committed): void {
    if (file === 'metrics.jsonl') this.#listener.committed(run, committed);
  }

  /** The node's agent is gone: what it showed is as of now, or goes on through another node with the same root. */
  #forget(node: ManagedNode): void {
    this.#followers.get(node)?.flush();
    this.#followers.delete(node);
    this.notebook.disconnected(node);
    this.#queues.moves.disconnected(node.config.name);
    for (const run of this.#catalog.disconnected(node.config.name)) {
      const other = this.nodes.all().find((candidate) => candidate.config.name === run.node);
      if (other) this.#followers.get(other)?.update(run.report);
    }
  }
}
