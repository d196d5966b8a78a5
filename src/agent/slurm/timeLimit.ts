import path from 'node:path';
import { toBiphaseError } from '../../core/errors.ts';
import { slurmSeconds } from '../../core/slurmTime.ts';
import type { Exit } from '../../protocol/runDirectory.ts';
import type { SlurmRecord } from '../../protocol/slurm.ts';
import type { Program } from '../ownBundle.ts';
import type { ProcessTable } from '../processTable.ts';
import { completeCheckpoints } from '../runReport.ts';
import type { ExitRecord } from '../wrapper/exitRecord.ts';
import { inheritSetup, type OwnJob } from './insideJob.ts';
import { askQueue } from './jobQueue.ts';
import { readJobRecord } from './jobRecord.ts';
import { submitJob } from './submitJob.ts';

/** Slurm tells a job two minutes before its time limit, and up to a minute earlier. */
const nearEndSeconds = 240;
/** So many jobs in a row may reach their limit without a new checkpoint. */
const fruitlessJobs = 3;

/**
 * Whether SIGTERM came because the job's time limit is near. A job that is cancelled or started again is COMPLETING by
 * then. False where Slurm does not answer: then a person decides. What it says otherwise goes to output.log.
 */
export async function nearsItsLimit({ tools }: SlurmRecord, job: OwnJob): Promise<boolean> {
  let why: string;
  try {
    const own = (await askQueue(tools, { id: job.id })).find(({ id }) => id === job.id);
    if (own?.state === 'RUNNING' && isNearEnd(own.timeLeft)) return true;
    why = own ? `it is ${own.state} with ${own.timeLeft} left` : 'Slurm does not know it';
  } catch (thrown) {
    why = toBiphaseError(thrown).message;
  }
  process.stderr.write(`The job was told to end, and not for its time limit: ${why}.\n`);
  return false;
}

function isNearEnd(timeLeft: string): boolean {
  return /^[\d:-]+$/.test(timeLeft) && slurmSeconds(timeLeft) <= nearEndSeconds;
}

export interface LimitedSegment {
  runDirectory: string;
  segment: number;
  program: Program;
  table: ProcessTable;
}

/** Records the end of a segment whose job's time was up, and submits the job that goes on from the checkpoint. */
export async function endAtLimit(
  { runDirectory, segment, program, table }: LimitedSegment,
  record: Pick<ExitRecord, 'write'>,
  exit: Exit,
): Promise<void> {
  const job = readJobRecord(runDirectory);
  const newest = completeCheckpoints(runDirectory).at(-1) ?? -1;
  const fruitless = !job || newest > job.checkpoint ? 0 : job.fruitless + 1;
  if (!job || fruitless >= fruitlessJobs) {
    await record.write({ ...exit, ...(job ? { error: whyNoMore } : {}) });
    return;
  }
  await record.write(exit);
  inheritSetup(runDirectory, segment, segment + 1);
  try {
    await submitJob({
      ...{ run: path.basename(runDirectory), runDirectory, segment: segment + 1 },
      ...{ program, options: job.options, environment: process.env, fruitless, table },
    });
  } catch (thrown) {
    const { message } = toBiphaseError(thrown);
    const error = `Its job's time was up, and no other could be submitted. ${message}`;
    await record.write({ ...exit, error });
  }
}

const whyNoMore =
  `${fruitlessJobs} jobs in a row reached their time limit without a new checkpoint, so no other was submitted. ` +
  "Give them more time in the node's configuration, then resume the run.";
