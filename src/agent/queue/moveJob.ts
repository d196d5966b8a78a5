import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { NodeRoot } from '../nodeRoot.ts';
import { newestSegment } from '../wrapper/newestSegment.ts';
import type { QueueFolder } from './queueFolder.ts';

/**
 * Says that control takes a waiting run to another node: from then on it does not start here. Null: it stays. False where
 * it does not wait, or has begun before: its checkpoints are here.
 */
export function moveJob(queue: QueueFolder, root: NodeRoot, run: string, to: string | null): boolean {
  const rewrite = (from: 'waiting' | 'moving'): boolean =>
    queue.rewrite(run, from, to === null ? 'waiting' : 'moving', (job) => ({ ...job, movingTo: to }));
  if (to !== null && newestSegment(root.runDirectory(run)) >= 0) return false;
  return rewrite('waiting') || rewrite('moving');
}

/** Forgets a run that has arrived elsewhere. False where it was not moving. */
export function forgetMoved(queue: QueueFolder, root: NodeRoot, run: string): boolean {
  if (queue.statusOf(run) !== 'moving') return false;
  // Nothing of it was started here: it leaves its name first, so that nobody sees half a directory.
  const doomed = path.join(root.runs, `.deleted-${run}-${randomBytes(4).toString('hex')}`);
  fs.renameSync(root.existingRunDirectory(run), doomed);
  queue.remove(run, 'moving');
  fs.rmSync(doomed, { recursive: true, force: true });
  return true;
}
