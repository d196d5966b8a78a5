import type { DonorLoad, MovableJob } from '../../core/scheduling.ts';
import type { RunReport } from '../../protocol/agentApi.ts';
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
      movable: () => movableJobs(catalog, name),
    };
  });
}

/** Waiting runs of a node that may run on more than one, have not begun and wait for nothing but a slot. */
function movableJobs(catalog: RunCatalog, node: string): MovableJob[] {
  const jobs: MovableJob[] = [];
  // Nobody can be asked on a node that is not connected.
  for (const { report, shownBy } of catalog.waitingOn(node))
    if (shownBy.has(node) && isMovable(report)) jobs.push(report);
  return jobs;
}

function isMovable(report: RunReport): report is RunReport & MovableJob {
  const { queue, wrapper, exit, spec } = report;
  if (!queue || queue.nodes.length < 2 || queue.after.length > 0 || queue.movingTo !== null) return false;
  // Its checkpoints are where it began, and a corpus was copied to its node.
  return !wrapper && !exit && !spec?.staged;
}
