import type { SlotWish } from '../../protocol/agentApi.ts';
import type { QueueWish } from '../../protocol/queue.ts';
import type { Job, QueueFolder } from './queueFolder.ts';

/** What a waiting run's trainer will get beside its spec. */
export interface Waiting {
  environment: Record<string, string>;
  setup: string[];
  slot?: SlotWish | undefined;
  background: boolean;
}

/** Whether a run goes through the queue: it needs a slot, waits for others, or the queue is held. */
export function mustQueue(queue: QueueFolder, wish: QueueWish, slot: SlotWish | undefined): boolean {
  return slot !== undefined || wish.after.length > 0 || queue.hold !== null;
}

/** The job of a run that waits from now on. */
export function newJob(run: string, wish: QueueWish, waiting: Waiting): Job {
  const { environment, setup, slot, background } = waiting;
  return {
    schema: 1,
    run,
    priority: wish.priority,
    after: wish.after.filter((other) => other !== run),
    nodes: wish.nodes,
    submittedAt: Date.now() / 1000,
    movingTo: null,
    slot: slot ?? null,
    environment,
    setup,
    background,
  };
}
