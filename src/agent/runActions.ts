import path from 'node:path';
import { BiphaseError } from '../core/errors.ts';
import { runFiles, wrapperStateSchema } from '../protocol/runDirectory.ts';
import { hasCode, readJson } from './files.ts';
import type { NodeRoot } from './nodeRoot.ts';
import { livesHere, type ProcessTable } from './processTable.ts';
import { createRequest, stopComing } from './requests.ts';
import { readRunReport } from './runReport.ts';
import type { JobWatch } from './slurm/jobWatch.ts';
import { removeTree } from './space/removeTree.ts';
import { takeRun } from './space/takeRun.ts';
import { newestSegment } from './wrapper/newestSegment.ts';
import { segmentLockHeld } from './wrapper/segmentLock.ts';

/** Asks the trainer to save and end, also one that is just being started; it looks every half second. */
export function stopRun(root: NodeRoot, run: string, table: ProcessTable): void {
  if (!stopStarting(root, run, table))
    createRequest(root.existingRunDirectory(run), runFiles.stopRequest, 'person');
}

/** Asks a stop of a segment that somebody is starting. False where nobody is. */
export function stopStarting(root: NodeRoot, run: string, table: ProcessTable): boolean {
  const directory = root.existingRunDirectory(run);
  const segment = newestSegment(directory) + 1;
  const comes =
    segmentLockHeld(directory, segment, table) || readRunReport(root, run, table)?.state === 'queued';
  if (comes) stopComing(directory, segment);
  return comes;
}

/**
 * Ends the trainer's process group at once. Only after proof that the process is this run's (host, boot, number and
 * start time): false when it is gone, whoever has its number now. Throws `refused` for a run of another host.
 */
export function killRun(
  root: NodeRoot,
  run: string,
  table: ProcessTable,
  signal: (target: number, name: 'SIGKILL') => void = process.kill,
): boolean {
  const directory = root.existingRunDirectory(run);
  const wrapper = readJson(path.join(directory, runFiles.state), wrapperStateSchema);
  if (!wrapper) return false;
  if (wrapper.host !== table.host)
    throw new BiphaseError('refused', `Run ${run} belongs to ${wrapper.host}; ${table.host} cannot end it.`);
  if (wrapper.trainer.pid <= 1 || !livesHere(table, wrapper, wrapper.trainer)) return false;
  createRequest(directory, runFiles.killRequest, 'person');
  // A run in the foreground need not lead a group: then there is none of its number, and it is ended alone.
  for (const target of [-wrapper.trainer.pid, wrapper.trainer.pid]) {
    if (!livesHere(table, wrapper, wrapper.trainer)) return false;
    try {
      signal(target, 'SIGKILL');
      return true;
    } catch (thrown) {
      if (!hasCode(thrown, 'ESRCH')) throw thrown;
    }
  }
  return false;
}

/** Removes a run that has ended. First it leaves `runs/` by rename, so that nobody sees or starts half a directory. */
export async function deleteRun(
  root: NodeRoot,
  run: string,
  table: ProcessTable,
  jobs?: JobWatch,
): Promise<void> {
  await removeTree(await takeRun(root, run, table, jobs));
}
