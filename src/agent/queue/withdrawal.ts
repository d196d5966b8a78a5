import { toBiphaseError } from '../../core/errors.ts';
import { exitCodes } from '../../protocol/runDirectory.ts';
import { isPlainFolder, type NodeRoot } from '../nodeRoot.ts';
import type { ProcessTable } from '../processTable.ts';
import { stopRun } from '../runActions.ts';
import { recordUnbegun } from '../wrapper/unbegunSegment.ts';
import type { QueueFolder } from './queueFolder.ts';

/** Takes a waiting run out of the queue: from then on it is stopped, and can be resumed. False where it does not wait. */
export function withdrawJob(queue: QueueFolder, root: NodeRoot, table: ProcessTable, run: string): boolean {
  if (!queue.change(run, 'waiting', 'withdrawn') && !queue.change(run, 'moving', 'withdrawn')) return false;
  finishWithdrawal(queue, root, table, run);
  return true;
}

/** What a process that died left half withdrawn. `trouble` is told of what is left for a later time. */
export function recoverWithdrawn(
  queue: QueueFolder,
  root: NodeRoot,
  table: ProcessTable,
  trouble: (sentence: string) => void,
): void {
  for (const run of queue.runsIn('withdrawn'))
    try {
      finishWithdrawal(queue, root, table, run);
    } catch (thrown) {
      trouble(`${run} is not taken out of the queue yet: ${toBiphaseError(thrown).message}`);
    }
}

function finishWithdrawal(queue: QueueFolder, root: NodeRoot, table: ProcessTable, run: string): void {
  const directory = root.runDirectory(run);
  // Twice does no harm: it is stopped then too. Where it begins after all, it is stopped as one that is at work.
  if (isPlainFolder(directory) && !recordUnbegun(directory, table, { code: exitCodes.stopped }))
    stopRun(root, run, table);
  queue.remove(run, 'withdrawn');
}
