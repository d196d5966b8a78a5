import { BiphaseError } from '../../core/errors.ts';
import type { QueueFolder } from './queueFolder.ts';

/**
 * Gives a waiting run another priority, and strikes runs that it need not wait for any more.
 * @throws BiphaseError `refused` where it does not wait
 */
export function changeJob(
  queue: QueueFolder,
  run: string,
  change: { priority?: number | undefined; finished: readonly string[] },
): void {
  const changed = queue.rewrite(run, 'waiting', 'waiting', (job) => ({
    ...job,
    priority: change.priority ?? job.priority,
    after: job.after.filter((other) => !change.finished.includes(other)),
  }));
  if (!changed) throw new BiphaseError('refused', `Run ${run} does not wait in the queue any more.`);
}
