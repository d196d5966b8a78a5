import { printable } from '../../core/printable.ts';
import type { AgentMethods } from '../../protocol/agentApi.ts';
import type { ResultOf } from '../../protocol/contract.ts';
import type { RunSummary } from '../../protocol/controlApi.ts';
import type { DiskUse, SpaceItem } from '../../protocol/diskSpace.ts';
import type { NodeManager } from './nodeManager.ts';

type Size = NonNullable<RunSummary['disk']>;

/** What takes space on nodes, asked of their agents and made fit to print; sizes of runs are remembered until something of them goes. */
export class SpaceOnNodes {
  readonly #nodes: NodeManager;
  readonly #changed: (run: string) => void;
  readonly #sizes = new Map<string, Size>();

  /** `changed`: another size is known of the run, or none any more. */
  constructor(nodes: NodeManager, changed: (run: string) => void) {
    this.#nodes = nodes;
    this.#changed = changed;
  }

  sizeOf(run: string): Size | undefined {
    return this.#sizes.get(run);
  }

  async measure(name: string, ask: string): Promise<DiskUse> {
    const { link } = await this.#nodes.use(name);
    const use = await link.call('diskUse', { ask });
    const at = Date.now() / 1000;
    for (const { run, bytes, checkpointBytes } of use.runs) {
      this.#sizes.set(run, { bytes, checkpointBytes, at });
      this.#changed(run);
    }
    return {
      ...use,
      runs: use.runs.map((run) => ({ ...run, name: printable(run.name) })),
      nodeBuilds: use.nodeBuilds.map((build) => ({ ...build, name: printable(build.name) })),
    };
  }

  /** Ends a measurement; a connection that is gone has nothing to end. */
  async interrupt(name: string, ask: string): Promise<void> {
    if (this.#nodes.has(name)) await this.#nodes.get(name).link?.call('interrupt', { ask });
  }

  async free(name: string, items: SpaceItem[]): Promise<ResultOf<AgentMethods, 'freeSpace'>> {
    const { link } = await this.#nodes.use(name);
    const answer = await link.call('freeSpace', { items });
    for (const item of items) {
      if (!('run' in item) || !this.#sizes.delete(item.run)) continue;
      this.#changed(item.run);
    }
    const results = answer.results.map((freed) => ({
      ...freed,
      problem: freed.problem === null ? null : printable(freed.problem),
    }));
    return { results };
  }
}
