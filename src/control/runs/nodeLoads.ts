import type { DonorLoad, MovableJob } from '../../core/scheduling.ts';
import type { ManagedNode } from '../nodes/managedNode.ts';
import { batchSlotWish } from '../nodes/nodeSlots.ts';
import type { RunCatalog } from './runCatalog.ts';

/** How much more of a batch a cluster gets than one node with one slot: nobody here knows its size. */
const slurmSlots = 32;

/** What roots did not take. */
export interface Refusals {
  rests(rootId: string): boolean;
  hasRefused(rootId: string, run: string): boolean;
}

/** What the scheduler knows of nodes, from what they have shown. */
export function nodeLoads(
  nodes: readonly { node: ManagedNode }[],
  catalog: RunCatalog,
  refusals?: Refusals,
): DonorLoad[] {
  const counts = catalog.countActive();
  let movable: Map<string, MovableJob[]> | undefined;
  return nodes.map(({ node }) => {
    const { name } = node.config;
    const rootId = node.link?.hello.rootId;
    const { busy, waiting } = counts.get(name) ?? { busy: 0, waiting: 0 };
    return {
      name,
      rootId,
      slots: node.config.slurm ? slurmSlots : (batchSlotWish(node.config, node.probe).count ?? 1),
      busy,
      waiting,
      accepts: node.link?.open === true && node.hold === null,
      rests: rootId !== undefined && (refusals?.rests(rootId) ?? false),
      refuses: (run) => rootId !== undefined && (refusals?.hasRefused(rootId, run) ?? false),
      movable: () => {
        movable ??= movableJobs(catalog);
        return movable.get(name) ?? [];
      },
    };
  });
}

/** Waiting runs that may run on more than one node, have not begun and wait for nothing but a slot, by node. */
function movableJobs(catalog: RunCatalog): Map<string, MovableJob[]> {
  const byNode = new Map<string, MovableJob[]>();
  for (const { node, onNode, shownBy, report } of catalog.all()) {
    const { queue, wrapper, exit, run, spec } = report;
    if (!onNode || !queue || queue.nodes.length < 2 || queue.after.length > 0 || queue.movingTo !== null)
      continue;
    // Its checkpoints are where it began; and nobody can be asked on a node that is not connected.
    if (wrapper || exit || !shownBy.has(node)) continue;
    // Its corpus was copied to this node.
    if (spec?.staged) continue;
    const jobs = byNode.get(node) ?? [];
    byNode.set(node, jobs);
    jobs.push({ run, priority: queue.priority, submittedAt: queue.submittedAt, nodes: queue.nodes });
  }
  return byNode;
}
