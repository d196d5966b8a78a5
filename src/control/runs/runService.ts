import { isDeepStrictEqual } from 'node:util';
import { BiphaseError } from '../../core/errors.ts';
import { checkLaunch } from '../../core/launchCheck.ts';
import { parseRunFile } from '../../core/parseRunFile.ts';
import { resolveRunFile } from '../../core/resolveRunFile.ts';
import type { WithBytes } from '../../core/rpcPeer.ts';
import { isActive } from '../../core/runState.ts';
import { placeJobs } from '../../core/scheduling.ts';
import type { LaunchCheck, TransferProgress } from '../../protocol/controlApi.ts';
import type { QueueHold } from '../../protocol/queue.ts';
import type { EventLine, Spec } from '../../protocol/runDirectory.ts';
import type { ResolvedRunFile, RunFile } from '../../protocol/runFile.ts';
import type { AgentLink } from '../nodes/agentLink.ts';
import type { ManagedNode } from '../nodes/managedNode.ts';
import type { NodeManager } from '../nodes/nodeManager.ts';
import { slotWish } from '../nodes/nodeSlots.ts';
import type { CacheStore } from '../store/cacheStore.ts';
import type { Staging } from '../transfers/staging.ts';
import { whyNoCheckpoint } from './checkpointOnNode.ts';
import { whyNoData } from './dataOnNode.ts';
import { nodeLoads } from './nodeLoads.ts';
import { parentOfRun } from './parentOfRun.ts';
import { whyItWaits } from './queueForecast.ts';
import type { CatalogRun, RunCatalog } from './runCatalog.ts';
import { resolvedFileOf } from './runSummary.ts';
import { type BatchRun, type FailedLaunch, sendBatch } from './sendBatch.ts';
import { sendLaunch } from './sendLaunch.ts';
import { refuseHold, refusePriority } from './slurmQueue.ts';

const largestSlice = 8 << 20;
const probeWaitMs = 800;

/** What a person does with runs. */
export class RunService {
  readonly #nodes: NodeManager;
  readonly #catalog: RunCatalog;
  readonly #store: CacheStore;
  readonly #staging: Staging;

  constructor(nodes: NodeManager, catalog: RunCatalog, store: CacheStore, staging: Staging) {
    this.#nodes = nodes;
    this.#catalog = catalog;
    this.#store = store;
    this.#staging = staging;
  }

  /** Answers within a second: what the node does not tell by then is null. */
  async check(written: unknown, nodeName: string): Promise<LaunchCheck> {
    const file = this.#resolve(parseRunFile(written));
    const node = this.#nodes.get(nodeName);
    if (!node.link?.open) node.want();
    const probe = await Promise.race([
      node.freshProbe().catch(() => node.probe),
      after(probeWaitMs, node.probe),
    ]);
    const noData = node.link?.open
      ? await Promise.race([
          this.#whatIsMissing(file, node.config.name, node.link).catch(() => null),
          after(probeWaitMs, null),
        ])
      : null;
    const nameOfRun = (run: string): string | undefined => this.#catalog.get(run)?.report.spec?.name;
    const counts = this.#catalog.countActive().get(node.config.name) ?? { busy: 0, waiting: 0 };
    return checkLaunch(file, {
      noData,
      waits: whyItWaits({ config: node.config, hold: node.hold, ...counts, probe, nameOfRun }),
      node: node.config.name,
      setup: node.config.setup ?? [],
      probe,
      slurm: node.config.slurm,
      ...(probe || node.message === undefined
        ? {}
        : { trouble: [node.message, ...(node.next === undefined ? [] : [node.next])].join(' ') }),
      lastRun: this.#launchedLast(),
      tokensPerSecond: this.#measuredSpeed(node.config.name, file),
    });
  }

  /**
   * Starts a run, or lets it wait in the node's queue; repeated with the same id it answers `already`. Data of this machine
   * are copied to the node first.
   */
  async launch(
    written: unknown,
    nodeName: string,
    run: string,
    { priority = 0, after }: { priority?: number | undefined; after?: string[] | undefined },
    listener: (progress: TransferProgress) => void,
  ): Promise<{ already: boolean; queued?: boolean | undefined }> {
    const file = parseRunFile(written);
    const wish = { priority, after: after ?? this.#parentAtWork(file), nodes: [] };
    const node = this.#nodes.get(nodeName);
    refusePriority([node.config], priority);
    const spec = await this.#preparedSpec(run, file, node, listener);
    return sendLaunch(node, await node.use(), spec, wish);
  }

  /** Puts runs into the queues of nodes, each into one. Answers with those that could not be launched. */
  async launchBatch(
    runs: readonly { run: string; file?: unknown }[],
    nodeNames: readonly string[],
    priority: number,
    listener: (progress: TransferProgress) => void,
  ): Promise<{ failed: FailedLaunch[] }> {
    refusePriority(
      nodeNames.map((name) => this.#nodes.get(name).config),
      priority,
    );
    const nodes = await Promise.all(
      nodeNames.map(async (name) => {
        const { node } = await this.#nodes.use(name);
        await node.freshProbe();
        return { node };
      }),
    );
    const names = nodes.map(({ node }) => node.config.name);
    // A batch that is sent again leaves each run where it is.
    const placed = placeJobs(runs.length, nodeLoads(nodes, this.#catalog)).map((name, index) => {
      const known = this.#catalog.get(runs[index]!.run);
      return known?.onNode ? known.node : name;
    });
    const answers = nodes.map(({ node }) => {
      const own = runs.filter((_, index) => placed[index] === node.config.name);
      const prepare = async ({ run, file: written }: { run: string; file?: unknown }): Promise<BatchRun> => {
        const file = parseRunFile(written);
        const wish = { priority, after: this.#parentAtWork(file), nodes: names };
        return { spec: await this.#preparedSpec(run, file, node, listener), wish };
      };
      return sendBatch(node, own, prepare);
    });
    return { failed: (await Promise.all(answers)).flat() };
  }

  async holdQueue(nodeName: string, hold: QueueHold | null): Promise<void> {
    if (hold !== null) refuseHold(this.#nodes.get(nodeName).config);
    await (await this.#nodes.use(nodeName)).link.call('holdQueue', { hold });
  }

  async setPriority(run: string, priority: number): Promise<void> {
    const { node, report } = this.#known(run);
    if (!report.queue && this.#nodes.has(node)) refusePriority([this.#nodes.get(node).config], priority);
    await (await this.#linkOf(run)).call('changeQueued', { run, priority, finished: [] });
  }

  async stop(run: string): Promise<void> {
    await (await this.#linkOf(run)).call('stop', { run });
  }

  async kill(run: string): Promise<{ signalled: boolean }> {
    return (await this.#linkOf(run)).call('kill', { run });
  }

  /** A new segment. Data that were copied to the node and are gone from there are copied again. */
  async resume(run: string, listener: (progress: TransferProgress) => void): Promise<void> {
    const known = this.#known(run);
    const { node } = await this.#nodes.use(known.node);
    const staged = known.report.spec?.staged;
    if (staged) await this.#staging.restore(staged, node, run, listener);
    const link = await node.use();
    const { config } = node;
    const { environment = {}, setup = [], slurm } = config;
    const queue = { priority: 0, after: [], nodes: [] };
    await link.call('resume', { run, environment, setup, slot: slotWish(config), slurm, queue });
  }

  /** Removes the run from the store, and its directory where `onNode`. */
  async delete(run: string, onNode: boolean): Promise<void> {
    if (onNode && this.#known(run).onNode) await (await this.#linkOf(run)).call('delete', { run });
    else this.mustBeOver(run);
    this.#catalog.remove(run);
  }

  /** Throws `missing` where there is no such run, `refused` where it may be at work. */
  mustBeOver(run: string): void {
    const { node, onNode, shownBy, report } = this.#known(run);
    if (!onNode || !isActive(report.state)) return;
    if (shownBy.size > 0)
      throw new BiphaseError('refused', `Run ${run} is ${report.state}.`, { next: 'Stop it first.' });
    if (this.#nodes.has(node))
      throw new BiphaseError('refused', `Run ${run} was ${report.state} when ${node} was last seen.`, {
        next: `Reconnect ${node}, or remove it.`,
      });
  }

  async readFile(
    run: string,
    file: string,
    offset: number,
    length: number,
  ): Promise<WithBytes<{ size: number }>> {
    const link = await this.#linkOf(run);
    return link.callWithBytes('read', { run, file, offset, length: Math.min(length, largestSlice) });
  }

  file(run: string): unknown {
    const { spec } = this.#known(run).report;
    if (!spec) throw new BiphaseError('damaged', `Run ${run} has no readable spec.json.`);
    return spec.file;
  }

  events(run: string): EventLine[] {
    this.#known(run);
    return this.#store.events(run);
  }

  /** A run's spec, once its data are on the node; the one it has where it was launched before. */
  async #preparedSpec(
    run: string,
    file: RunFile,
    node: ManagedNode,
    listener: (progress: TransferProgress) => void,
  ): Promise<Spec> {
    const { name } = this.#resolve(file);
    const begun = (): Spec | undefined => {
      const known = this.#catalog.get(run)?.report.spec;
      return known && isDeepStrictEqual(known.file, file) ? known : undefined;
    };
    const staged = begun() ? undefined : await this.#staging.stage(file.data.source, node, run, listener);
    const link = await node.use();
    // Looked up again: a control that has just started learns of the run from its node.
    return (
      begun() ?? {
        schema: 1,
        id: run,
        name,
        kind: 'pretrain',
        createdAt: Date.now() / 1000,
        bundle: link.hello.bundle,
        file,
        ...(staged ? { staged } : {}),
      }
    );
  }

  /** The run whose checkpoint `from` names, where that is still to be written: it is waited for. */
  #parentAtWork({ from }: RunFile): string[] {
    const [, run = '', step] = /^([^/@]+)@(\d+)$/.exec(from?.checkpoint ?? '') ?? [];
    const report = this.#catalog.get(run)?.report;
    const comes = report && isActive(report.state) && !report.checkpoints.includes(Number(step));
    return comes ? [run] : [];
  }

  async #whatIsMissing(file: ResolvedRunFile, node: string, link: AgentLink): Promise<string | null> {
    const noData = await whyNoData(file.data.source, node, link);
    return noData ?? (file.from && (await whyNoCheckpoint(file.from.checkpoint, node, link)));
  }

  /** With the name that its parent, where it is known, gives it. */
  #resolve(file: RunFile): ResolvedRunFile {
    const parent = file.from
      ? parentOfRun(file.from.checkpoint, (run) => {
          const spec = this.#catalog.get(run)?.report.spec ?? null;
          const resolved = resolvedFileOf(spec);
          return spec && resolved ? { name: spec.name, file: resolved } : undefined;
        })
      : null;
    return resolveRunFile(file, parent ? { parent } : {});
  }

  async #linkOf(run: string): Promise<AgentLink> {
    return (await this.#nodes.use(this.#known(run).node)).link;
  }

  #known(run: string): CatalogRun {
    const known = this.#catalog.get(run);
    if (!known) throw new BiphaseError('missing', `There is no run ${run}.`);
    return known;
  }

  /** The newest run whose file this version can read. */
  #launchedLast(): { name: string; file: ResolvedRunFile } | null {
    const readable = this.#catalog.all().flatMap(({ report: { spec } }) => {
      const file = resolvedFileOf(spec);
      return spec && file ? [{ name: spec.name, file, createdAt: spec.createdAt }] : [];
    });
    return readable.reduce<(typeof readable)[number] | null>(
      (last, run) => (last && last.createdAt >= run.createdAt ? last : run),
      null,
    );
  }

  /** Of the newest run with the same model and block length on that node. */
  #measuredSpeed(node: string, file: ResolvedRunFile): number | null {
    let newest: CatalogRun | undefined;
    for (const run of this.#catalog.all()) {
      if (run.node !== node || !run.report.progress?.tokensPerSecond) continue;
      const other = resolvedFileOf(run.report.spec);
      if (!other || !isDeepStrictEqual(other.model, file.model)) continue;
      if (other.data.packing.length !== file.data.packing.length) continue;
      if (!newest || run.seenAt > newest.seenAt) newest = run;
    }
    return newest?.report.progress?.tokensPerSecond ?? null;
  }
}

function after<T>(ms: number, value: T): Promise<T> {
  return new Promise((resolve) => setTimeout(resolve, ms, value).unref());
}
