import type { QueueWish } from '../../protocol/queue.ts';
import type { Spec } from '../../protocol/runDirectory.ts';
import type { AgentLink } from '../nodes/agentLink.ts';
import type { ManagedNode } from '../nodes/managedNode.ts';
import { batchSlotWish, slotWish } from '../nodes/nodeSlots.ts';

/**
 * Gives a run to a node's agent, with what the node's configuration says. `batch`: one of many, which take turns; `move`:
 * by which it comes from another node.
 */
export function sendLaunch(
  { config, probe }: ManagedNode,
  link: AgentLink,
  spec: Spec,
  queue: QueueWish,
  { batch = false, move }: { batch?: boolean; move?: string } = {},
): Promise<{ already: boolean; queued?: boolean | undefined }> {
  const { environment = {}, setup = [], slurm } = config;
  const slot = batch ? batchSlotWish(config, probe) : slotWish(config);
  return link.call('launch', { spec, environment, setup, slot, slurm, queue, move });
}
