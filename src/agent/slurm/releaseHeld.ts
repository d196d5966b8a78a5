import { toBiphaseError } from '../../core/errors.ts';
import { hasFinished } from '../hasFinished.ts';
import { isPlainFolder, type NodeRoot } from '../nodeRoot.ts';
import type { ProcessTable } from '../processTable.ts';
import { newestSegment } from '../wrapper/newestSegment.ts';
import { HeldRuns } from './heldRuns.ts';
import { askQueue, findJob, phaseOf, type QueuedJob } from './jobQueue.ts';
import { readJobRecord } from './jobRecord.ts';
import { runSlurm, type SlurmTools } from './slurmTools.ts';

/**
 * Lets the jobs go that wait for runs which have all finished. Twice does no harm. Answers with a sentence for each that
 * could not be let go: it is tried again.
 */
export async function releaseHeld(root: NodeRoot, table: ProcessTable): Promise<string[]> {
  const held = new HeldRuns(root);
  const finished = new Map<string, boolean>();
  const isOver = (run: string): boolean => {
    const known = finished.get(run) ?? hasFinished(root, run, table);
    finished.set(run, known);
    return known;
  };
  const troubles: string[] = [];
  let jobs: Promise<QueuedJob[]> | undefined;
  for (const run of held.list())
    try {
      if (!isReady(held, root, run, isOver)) continue;
      const { tools, jobName } = readJobRecord(root.runDirectory(run))!;
      jobs ??= askQueue(tools);
      await release(held, run, findJob(await jobs, jobName), tools);
    } catch (thrown) {
      troubles.push(`${run} waits for nothing any more and is still held: ${toBiphaseError(thrown).message}`);
    }
  return troubles;
}

/** Whether it has a job that may go. What began, ended or was deleted in spite of it is forgotten. */
function isReady(held: HeldRuns, root: NodeRoot, run: string, isOver: (run: string) => boolean): boolean {
  const directory = root.runDirectory(run);
  const record = isPlainFolder(directory) ? readJobRecord(directory) : undefined;
  if (record === undefined || (record && newestSegment(directory) >= record.segment)) {
    held.forget(run);
    return false;
  }
  // Who submits it looks again afterwards.
  if (!record) return false;
  held.strike(run, (held.waitsFor(run) ?? []).filter(isOver));
  return held.waitsFor(run)?.length === 0;
}

/** A job that is not there is just being submitted, or was cancelled by hand: its run's next job is not held. */
async function release(
  held: HeldRuns,
  run: string,
  job: QueuedJob | undefined,
  tools: SlurmTools,
): Promise<void> {
  if (!job) return;
  if (phaseOf(job) === 'pending') await runSlurm(tools, 'scontrol', ['release', job.id]);
  held.forget(run);
}
