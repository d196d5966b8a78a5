import type { Probe } from '../../protocol/agentApi.ts';
import type { NodeConfig } from '../../protocol/controlApi.ts';
import type { QueueHold } from '../../protocol/queue.ts';
import { slotWish, whyNoFreeGpu } from '../nodes/nodeSlots.ts';

/** What is known of a node's queue before a run is launched there. */
export interface QueueOutlook {
  config: NodeConfig;
  hold: QueueHold | null;
  busy: number;
  waiting: number;
  /** Null while the node is not connected. */
  probe: Pick<Probe, 'gpus'> | null;
  nameOfRun: (run: string) => string | undefined;
}

/** One sentence where a run that is launched now would wait; null where it starts at once. */
export function whyItWaits({ config, hold, busy, waiting, probe, nameOfRun }: QueueOutlook): string | null {
  const { name, slots } = config;
  if (config.slurm) return null;
  if (hold !== null)
    return `The queue of ${name} is ${hold === 'paused' ? 'paused' : 'being drained'}: the run waits there until it goes on.`;
  if (!slotWish(config)) return null;
  if (waiting > 0)
    return `The run waits in the queue of ${name}, behind ${waiting === 1 ? 'one run' : `${waiting} runs`}.`;
  if (slots !== undefined && busy >= slots)
    return `The run waits in the queue of ${name}: ${slots === 1 ? 'its one slot is' : `all ${slots} slots are`} taken.`;
  const noGpu = probe && whyNoFreeGpu(config, probe, nameOfRun);
  return noGpu ? `${noGpu} The run waits in the queue until one is.` : null;
}
