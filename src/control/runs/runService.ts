import { isDeepStrictEqual } from 'node:util';
import { BiphaseError } from '../../core/errors.ts';
import { checkLaunch } from '../../core/launchCheck.ts';
import { parseRunFile } from '../../core/parseRunFile.ts';
import { resolveRunFile } from '../../core/resolveRunFile.ts';
import type { WithBytes } from '../../core/rpcPeer.ts';
import { isActive } from '../../core/runState.ts';
import type { LaunchCheck } from '../../protocol/controlApi.ts';
import type { EventLine, Spec } from '../../protocol/runDirectory.ts';
import type { ResolvedRunFile, RunFile } from '../../protocol/runFile.ts';
import type { AgentLink } from '../nodes/agentLink.ts';
import type { NodeManager } from '../nodes/nodeManager.ts';
import { slotWish, whyNoFreeGpu } from '../nodes/nodeSlots.ts';
import type { CacheStore } from '../store/cacheStore.ts';
import { whyNoData } from './dataOnNode.ts';
import { parentOfRun } from './parentOfRun.ts';
import type { CatalogRun, RunCatalog } from './runCatalog.ts';
import { resolvedFileOf } from './runSummary.ts';

const largestSlice = 8 << 20;
const probeWaitMs = 800;

/** What a person does with runs. */
export class RunService {
  readonly #nodes: NodeManager;
  readonly #catalog: RunCatalog;
  readonly #store: CacheStore;

  constructor(nodes: NodeManager, catalog: RunCatalog, store: CacheStore) {
    this.#nodes = nodes;
    this.#catalog = catalog;
    this.#store = store;
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
          whyNoData(file.data.source, node.config.name, node.link).catch(() => null),
          after(probeWaitMs, null),
        ])
      : null;
    const nameOfRun = (run: string): string | undefined => this.#catalog.get(run)?.report.spec?.name;
    return checkLaunch(file, {
      noData,
      noGpu: probe && whyNoFreeGpu(node.config, probe, nameOfRun),
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

  /** Starts a run; repeated with the same id it answers `already`. */
  async launch(written: unknown, nodeName: string, run: string): Promise<{ already: boolean }> {
    const file = parseRunFile(written);
    const { name } = this.#resolve(file);
    const { node, link } = await this.#nodes.use(nodeName);
    const known = this.#catalog.get(run)?.report.spec;
    const spec: Spec =
      known && isDeepStrictEqual(known.file, file)
        ? known
        : {
            schema: 1,
            id: run,
            name,
            kind: 'pretrain',
            createdAt: Date.now() / 1000,
            bundle: link.hello.bundle,
            file,
          };
    const { environment = {}, setup = [], slurm } = node.config;
    return link.call('launch', { spec, environment, setup, slot: slotWish(node.config), slurm });
  }

  async stop(run: string): Promise<void> {
    await (await this.#linkOf(run)).call('stop', { run });
  }

  async kill(run: string): Promise<{ signalled: boolean }> {
    return (await this.#linkOf(run)).call('kill', { run });
  }

  async resume(run: string): Promise<void> {
    const link = await this.#linkOf(run);
    const { config } = this.#nodes.get(this.#known(run).node);
    const { environment = {}, setup = [], slurm } = config;
    await link.call('resume', { run, environment, setup, slot: slotWish(config), slurm });
  }

  /** Removes the run from the store, and its directory where `onNode`. */
  async delete(run: string, onNode: boolean): Promise<void> {
    const known = this.#known(run);
    if (onNode && known.onNode) {
      await (await this.#linkOf(run)).call('delete', { run });
    } else if (known.onNode && isActive(known.report.state) && known.shownBy.size > 0)
      throw new BiphaseError('refused', `Run ${run} is ${known.report.state}.`, { next: 'Stop it first.' });
    this.#catalog.remove(run);
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
