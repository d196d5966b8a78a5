import { exitCodes } from '../../protocol/runDirectory.ts';
import { isPlainFolder, type NodeRoot } from '../nodeRoot.ts';
import type { ProcessTable } from '../processTable.ts';
import { recordUnbegun } from '../wrapper/unbegunSegment.ts';
import type { QueueFolder } from './queueFolder.ts';

/** Takes a waiting run out of the queue: from then on it is stopped, and can be resumed. False where it does not wait. */
export function withdrawJob(queue: QueueFolder, root: NodeRoot, table: ProcessTable, run: string): boolean {
  if (!queue.change(run, 'waiting', 'withdrawn') && !queue.change(run, 'moving', 'withdrawn')) return false;
  finishWithdrawal(queue, root, table, run);
  return true;
}

/** What a process that died left half withdrawn. */
export function recoverWithdrawn(queue: QueueFolder, root: NodeRoot, table: ProcessTable): void {
  for (const run of queue.runsIn('withdrawn')) finishWithdrawal(queue, root, table, run);
}

function finishWithdrawal(queue: QueueFolder, root: NodeRoot, table: ProcessTable, run: string): void {
  const directory = root.runDirectory(run);
  // Twice does no harm: it is stopped then too.
  if (isPlainFolder(directory)) recordUnbegun(directory, table, { code: exitCodes.stopped });
  queue.remove(run, 'withdrawn');
}
