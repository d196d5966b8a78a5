import path from 'node:path';
import { isActive } from '../core/runState.ts';
import type { FollowedFile, RunReport } from '../protocol/agentApi.ts';
import type { NodeConfig, NodeSummary, RunSummary } from '../protocol/controlApi.ts';
import type { AgentLink, AgentListener } from './nodes/agentLink.ts';
import { type Bundle, openBundle } from './nodes/bundle.ts';
import type { ManagedNode } from './nodes/managedNode.ts';
import { NodeConfigs } from './nodes/nodeConfigs.ts';
import { type NodeKinds, NodeManager } from './nodes/nodeManager.ts';
import { watchForWake } from './nodes/wakeWatch.ts';
import { RunCatalog } from './runs/runCatalog.ts';
import { RunFollower } from './runs/runFollower.ts';
import { RunService } from './runs/runService.ts';
import { summarize } from './runs/runSummary.ts';
import { SeriesService } from './runs/seriesService.ts';
import { PromptDesk } from './server/promptDesk.ts';
import { CacheStore, type Committed } from './store/cacheStore.ts';

export interface ControlOptions {
  stateFolder: string;
  bundleFolder: string;
  kinds: NodeKinds;
  log: (line: string) => void;
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
  readonly #catalog: RunCatalog;
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
    this.#catalog = new RunCatalog(this.store, (run) => listener.runChanged(run));
    this.series = new SeriesService(this.store);
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
    this.runs = new RunService(this.nodes, this.#catalog, this.store);
    this.#endWakeWatch = watchForWake(() => {
      options.log('woke from a sleep');
      this.nodes.wake();
    });
  }

  /** Goes back to the nodes where runs are live, asking nobody. */
  start(): void {
    for (const node of this.nodes.all()) if (this.#catalog.activeOn(node.config.name).length > 0) node.want();
  }

  nodeSummaries(): NodeSummary[] {
    return this.nodes
      .all()
      .map((node) => this.nodes.summary(node, this.#catalog.activeOn(node.config.name).length));
  }

  runSummary(run: string): RunSummary | undefined {
    const known = this.#catalog.get(run);
    return known && summarize(known, this.store.overview(run));
  }

  runSummaries(): RunSummary[] {
    return this.#catalog.all().map((run) => summarize(run, this.store.overview(run.report.run)));
  }

  addNode(config: NodeConfig): void {
    const before = this.nodes.has(config.name) ? this.nodes.get(config.name) : undefined;
    this.nodes.add(config);
    if (before) this.#forget(before);
    this.#listener.nodesChanged();
  }

  removeNode(name: string): void {
    const node = this.nodes.get(name);
    this.nodes.remove(name);
    this.#forget(node);
    this.#listener.nodesChanged();
  }

  close(): void {
    this.#endWakeWatch();
    for (const node of this.nodes.all()) this.#forget(node);
    // What agents still say on their way out has no store any more.
    this.#closed = true;
    this.nodes.close();
    this.store.close();
  }

  #agentListener(node: ManagedNode): AgentListener {
    return {
      run: (report) => this.#report(node, report),
      gone: ({ run }) => {
        if (this.#closed) return;
        this.#followers.get(node)?.forget(run);
        this.#catalog.gone(run);
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
    const { runs } = await link.call('watch', {});
    for (const report of runs) this.#report(node, report);
    this.#catalog.only(link.hello.rootId, new Set(runs.map((report) => report.run)));
  }

  #report(node: ManagedNode, report: RunReport): void {
    if (this.#closed) return;
    const before = this.#catalog.get(report.run)?.report.state;
    const speaks = this.#catalog.report(node.config.name, this.#rootIds.get(node) ?? '', report);
    if (speaks) this.#followers.get(node)?.update(report);
    if (before === undefined || isActive(before) !== isActive(report.state)) this.#listener.nodesChanged();
  }

  #committed(run: string, file: FollowedFile, committed: Committed): void {
    if (file === 'metrics.jsonl') this.#listener.committed(run, committed);
  }

  /** The node's agent is gone: what it showed is as of now, or goes on through another node with the same root. */
  #forget(node: ManagedNode): void {
    this.#followers.delete(node);
    for (const run of this.#catalog.disconnected(node.config.name)) {
      const other = this.nodes.all().find((candidate) => candidate.config.name === run.node);
      if (other) this.#followers.get(other)?.update(run.report);
    }
  }
}
