import fs from 'node:fs';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import { isActive } from '../../core/runState.ts';
import type { RunReport } from '../../protocol/agentApi.ts';
import { runFiles } from '../../protocol/runDirectory.ts';
import { hasCode } from '../files.ts';
import { isPlainFolder, type NodeRoot } from '../nodeRoot.ts';
import type { ProcessTable } from '../processTable.ts';
import type { JobWatch } from '../slurm/jobWatch.ts';
import { isSubmitting } from '../slurm/submitLock.ts';
import { newestSegment } from '../wrapper/newestSegment.ts';
import { heldSegments, holdSegment } from '../wrapper/segmentLock.ts';
import { liveReport, mayHaveJob } from './liveReport.ts';

/**
 * Does work on a run that has ended while nobody can start its next segment. The work is synchronous: nobody sees the
 * run as one that is starting. It may take the directory away.
 * @throws BiphaseError `refused` where the run is active or is being started, `missing` where there is none
 */
export function withHeldRun<T>(
  root: NodeRoot,
  run: string,
  table: ProcessTable,
  work: (directory: string, report: RunReport) => T,
  jobs?: JobWatch,
): T {
  const directory = root.existingRunDirectory(run);
  const locks = path.join(directory, runFiles.locks);
  if (fs.existsSync(locks) && !isPlainFolder(locks))
    throw new BiphaseError('refused', `${locks} is not a folder of the run.`, { next: 'Move it away.' });
  const report = liveReport(root, run, table, jobs);
  if (!report) throw new BiphaseError('missing', `There is no run ${run} on this node.`);
  if (isActive(report.state))
    throw inUse(
      run,
      report.state === 'queued' && jobs?.silent
        ? 'may still wait in Slurm, which does not answer'
        : `is ${report.state}`,
    );
  const segment = newestSegment(directory) + 1;
  // A damaged state.json hides a trainer that lives; its wrapper's lock does not.
  if (heldSegments(directory, table).some((held) => held >= segment)) throw inUse(run, 'is being started');
  const release = hold(directory, run, segment, table);
  try {
    // Asked again under the lock: somebody may have started the segment in between.
    if (newestSegment(directory) >= segment) throw inUse(run, 'was just started');
    // Who submits looks at the lock of the segment after it has its own: one of the two sees the other.
    if (isSubmitting(directory, segment, table)) throw inUse(run, 'is being submitted to Slurm');
    if (mayHaveJob(directory, run, jobs)) throw inUse(run, 'was just submitted to Slurm');
    return work(directory, report);
  } finally {
    if (isPlainFolder(directory)) release?.();
  }
}

/** Undefined on a full disk, on which nobody else can take the lock either: then nothing starts while space is freed. */
function hold(
  directory: string,
  run: string,
  segment: number,
  table: ProcessTable,
): (() => void) | undefined {
  try {
    const release = holdSegment(directory, segment, table);
    if (release) return release;
  } catch (thrown) {
    if (hasCode(thrown, 'ENOSPC', 'EDQUOT')) return undefined;
    throw thrown;
  }
  throw inUse(run, 'is being started');
}

function inUse(run: string, how: string): BiphaseError {
  return new BiphaseError('refused', `Run ${run} ${how}; nothing of it is deleted.`, {
    next: 'Stop it first.',
  });
}
