import type { Move } from '../../protocol/queue.ts';
import { isPlainFolder, type NodeRoot } from '../nodeRoot.ts';
import { putAside } from '../space/putAside.ts';
import { removeTree } from '../space/removeTree.ts';
import { newestSegment } from '../wrapper/newestSegment.ts';
import type { Job, QueueFolder } from './queueFolder.ts';

/** What versions without names of moves are taken to have written. */
const unnamed = '0'.repeat(16);

/**
 * Says that control takes a waiting run to another node: from then on it does not start here. `to` null: it stays, where
 * it was leaving by that move. False where it does not wait, leaves by another move, or has begun before: its checkpoints
 * are here.
 */
export function moveJob(
  queue: QueueFolder,
  root: NodeRoot,
  run: string,
  to: string | null,
  move: Move,
): boolean {
  if (to === null)
    return queue.rewrite(run, 'moving', 'waiting', (job) =>
      isBy(job, move.id) ? { ...job, movingTo: null, move: null } : null,
    );
  if (newestSegment(root.runDirectory(run)) >= 0) return false;
  const job = queue.read(run, 'moving');
  if (job) return isBy(job, move.id);
  return queue.rewrite(run, 'waiting', 'moving', (waiting) => ({ ...waiting, movingTo: to, move }));
}

/** Deletes a run that has arrived elsewhere. False where it does not leave by that move: it may be here still. */
export async function forgetMoved(
  queue: QueueFolder,
  root: NodeRoot,
  run: string,
  move: string,
): Promise<boolean> {
  const job = queue.read(run, 'moving');
  if (!job || !isBy(job, move)) return false;
  // Nothing of it was started here: it leaves its name first, so that nobody sees half a directory.
  const directory = root.runDirectory(run);
  const doomed = isPlainFolder(directory) ? putAside(directory, root.runs) : null;
  queue.remove(run, 'moving');
  if (doomed !== null) await removeTree(doomed);
  return true;
}

/** Ends what a process that died while it deleted a moved run has left in the queue. */
export function recoverMoved(queue: QueueFolder, root: NodeRoot): void {
  for (const run of queue.runsIn('moving'))
    if (!isPlainFolder(root.runDirectory(run))) queue.remove(run, 'moving');
}

function isBy(job: Job, move: string): boolean {
  return (job.move?.id ?? unnamed) === move;
}
