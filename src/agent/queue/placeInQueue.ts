import { printable } from '../../core/printable.ts';
import type { QueuePlace } from '../../protocol/queue.ts';
import type { NodeRoot } from '../nodeRoot.ts';
import { allQueues, type JobStatus, type QueueFolder } from './queueFolder.ts';

/** Where a run stands in a queue of its root, and why it has not begun, in one sentence where there is one. */
export interface PlaceInQueue {
  place: QueuePlace;
  reason: string | undefined;
  /** Milliseconds since 1970 at which the runner took it to start it; undefined while it waits. */
  takenAt: number | undefined;
}

/** Twice: a job that is rewritten, or taken and given back, goes from one to the next and back while it is looked for. */
const waitingStatuses: readonly JobStatus[] = [
  ...(['waiting', 'changing', 'moving', 'starting'] as const),
  ...(['waiting', 'changing', 'moving'] as const),
];

/** Null for a run that waits in no queue: it is at work, or has ended. */
export function placeInQueue(root: NodeRoot, run: string): PlaceInQueue | null {
  for (const queue of allQueues(root.queues)) {
    for (const status of waitingStatuses) {
      const job = queue.read(run, status);
      if (!job) continue;
      const { priority, submittedAt, after, nodes, movingTo, move } = job;
      const place = { priority, submittedAt, after, nodes, movingTo, ...(move ? { move } : {}) };
      const taken = status === 'starting';
      return {
        place,
        reason: taken ? undefined : whyWaiting(place, queue),
        takenAt: taken ? queue.since(run, status) : undefined,
      };
    }
  }
  return null;
}

/** What holds up a whole queue. */
export type QueueMood = Pick<QueueFolder, 'hold' | 'why'>;

export function whyWaiting({ after, movingTo }: QueuePlace, mood: QueueMood): string | undefined {
  if (movingTo !== null) return `It is being moved to ${printable(movingTo)}.`;
  if (mood.hold === 'paused') return 'The queue of this node is paused.';
  if (mood.hold === 'draining') return 'This node is being drained: it starts nothing.';
  if (after.length > 0)
    return `It starts when ${after.join(', ')} ${after.length > 1 ? 'have' : 'has'} finished.`;
  return mood.why ?? undefined;
}
