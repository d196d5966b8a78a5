import fs from 'node:fs';
import path from 'node:path';
import { isActive } from '../../core/runState.ts';
import { checkpointFiles, runFiles } from '../../protocol/runDirectory.ts';
import { namesIn } from '../files.ts';
import type { NodeRoot } from '../nodeRoot.ts';
import type { ProcessTable } from '../processTable.ts';
import { completeCheckpoints, readRunReport } from '../runReport.ts';
import type { QueueFolder } from './queueFolder.ts';

/** A run that was lost so many times since its newest checkpoint is not started again by itself. */
const mostSegmentsWithoutProgress = 3;

type Outcome = 'at work' | 'back' | 'over';

/** Looks at the runs that the queue has started: those that lost their place wait again, those that ended are forgotten. */
export function reviewStarted(queue: QueueFolder, root: NodeRoot, table: ProcessTable): void {
  for (const run of queue.runsIn('started')) {
    const outcome = outcomeOf(run, root, table);
    if (outcome === 'back') queue.change(run, 'started', 'waiting');
    if (outcome === 'over') queue.remove(run, 'started');
  }
}

/** Jobs that a runner had taken when it died. Only for who holds the runner's lock. */
export function recoverTaken(queue: QueueFolder, root: NodeRoot, table: ProcessTable): void {
  for (const run of queue.runsIn('starting')) settleTaken(queue, run, root, table);
}

/** Gives a job that was taken, and of which it is not known whether it began, the status that its run has. */
export function settleTaken(queue: QueueFolder, run: string, root: NodeRoot, table: ProcessTable): void {
  const outcome = outcomeOf(run, root, table, queue.since(run, 'starting') / 1000);
  if (outcome === 'at work') queue.change(run, 'starting', 'started');
  if (outcome === 'back') queue.change(run, 'starting', 'waiting');
  if (outcome === 'over') queue.remove(run, 'starting');
}

/** `endsBefore`: an end before this time (unix seconds) is of a segment before the one that the job was to start. */
function outcomeOf(
  run: string,
  root: NodeRoot,
  table: ProcessTable,
  endsBefore = Number.NEGATIVE_INFINITY,
): Outcome {
  // As if it did not wait: what its processes and records say.
  const report = readRunReport(root, run, table, { queued: false });
  if (!report) return 'over';
  const { state, exit, wrapper } = report;
  if (!exit && !wrapper) return 'back';
  if (isActive(state)) return 'at work';
  if (state === 'finished') return 'over';
  if (state === 'preempted') return 'back';
  if (state === 'lost')
    return segmentsWithoutProgress(root, run) < mostSegmentsWithoutProgress ? 'back' : 'over';
  return exit !== null && exit.endedAt < endsBefore ? 'back' : 'over';
}

/** Segments that have begun to compute since the newest complete checkpoint. */
function segmentsWithoutProgress(root: NodeRoot, run: string): number {
  const directory = root.runDirectory(run);
  const step = completeCheckpoints(directory).at(-1);
  const saved =
    step === undefined ? 0 : modified(path.join(directory, runFiles.checkpoint(step), checkpointFiles.done));
  return namesIn(directory).filter(
    (name) => /^resolved-\d+\.json$/.test(name) && modified(path.join(directory, name)) > saved,
  ).length;
}

function modified(file: string): number {
  return fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
