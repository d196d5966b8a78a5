import path from 'node:path';
import { toBiphaseError } from '../../core/errors.ts';
import { isActive } from '../../core/runState.ts';
import { checkpointFiles, type Exit, runFiles } from '../../protocol/runDirectory.ts';
import { modifiedAt, namesIn } from '../files.ts';
import type { NodeRoot } from '../nodeRoot.ts';
import type { ProcessTable } from '../processTable.ts';
import { completeCheckpoints, readRunReport } from '../runReport.ts';
import { segmentLockHeld } from '../wrapper/segmentLock.ts';
import type { QueueFolder } from './queueFolder.ts';

/** A run that was lost so many times since its newest checkpoint is not started again by itself. */
const mostSegmentsWithoutProgress = 3;

type Outcome = 'at work' | 'back' | 'over';

/** Whether an end that is on record is of a segment before the one that a job was to start. */
type IsOld = (exit: Exit, directory: string) => boolean;

/**
 * Looks at the runs that the queue has started: those that lost their place wait again, those that ended are forgotten. One
 * that cannot be looked at stays as it is; `trouble` is told why.
 */
export function reviewStarted(
  queue: QueueFolder,
  root: NodeRoot,
  table: ProcessTable,
  trouble: (sentence: string) => void,
): void {
  for (const run of queue.runsIn('started'))
    try {
      settle(
        queue,
        run,
        'started',
        outcomeOf(run, root, table, () => false),
      );
    } catch (thrown) {
      trouble(`${run} cannot be looked at: ${toBiphaseError(thrown).message}`);
    }
}

/**
 * Jobs that a runner had taken when it died. One that cannot be looked at waits: its start says why. Only for who holds the
 * runner's lock.
 */
export function recoverTaken(queue: QueueFolder, root: NodeRoot, table: ProcessTable): void {
  for (const run of queue.runsIn('starting')) {
    const taken = queue.since(run, 'starting');
    // Both by the clock of the file system, which may be another machine's.
    const isOld: IsOld = (_, directory) => modifiedAt(path.join(directory, runFiles.exit)) < taken;
    try {
      settle(queue, run, 'starting', outcomeOf(run, root, table, isOld));
    } catch {
      settle(queue, run, 'starting', 'back');
    }
  }
}

/**
 * Gives a job that was taken, and of which it is not known whether it began, the status that its run has. `before`: the
 * run's newest segment when it was taken.
 */
export function settleTaken(
  queue: QueueFolder,
  run: string,
  root: NodeRoot,
  table: ProcessTable,
  before: number,
): void {
  settle(
    queue,
    run,
    'starting',
    outcomeOf(run, root, table, (exit) => exit.segment <= before),
  );
}

function settle(queue: QueueFolder, run: string, status: 'started' | 'starting', outcome: Outcome): void {
  if (outcome === 'at work' && status === 'starting') queue.change(run, status, 'started');
  if (outcome === 'back') queue.change(run, status, 'waiting');
  if (outcome === 'over') queue.remove(run, status);
}

function outcomeOf(run: string, root: NodeRoot, table: ProcessTable, isOld: IsOld): Outcome {
  // As if it did not wait: what its processes and records say.
  const report = readRunReport(root, run, table, { queued: false });
  if (!report) return 'over';
  const { state, exit, wrapper } = report;
  const directory = root.runDirectory(run);
  // A claim that is young looks like a start; whoever starts its first segment holds the lock.
  if (!exit && !wrapper) return segmentLockHeld(directory, 0, table) ? 'at work' : 'back';
  if (isActive(state)) return 'at work';
  if (state === 'finished') return 'over';
  if (state === 'preempted') return 'back';
  if (state === 'lost')
    return segmentsWithoutProgress(root, run) < mostSegmentsWithoutProgress ? 'back' : 'over';
  return exit !== null && isOld(exit, directory) ? 'back' : 'over';
}

/** Segments that have begun to compute since the newest complete checkpoint. */
function segmentsWithoutProgress(root: NodeRoot, run: string): number {
  const directory = root.runDirectory(run);
  const step = completeCheckpoints(directory).at(-1);
  const saved =
    step === undefined
      ? 0
      : modifiedAt(path.join(directory, runFiles.checkpoint(step), checkpointFiles.done));
  return namesIn(directory).filter(
    (name) => /^resolved-\d+\.json$/.test(name) && modifiedAt(path.join(directory, name)) > saved,
  ).length;
}
