import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { exitCodes, exitSchema, runFiles, wrapperStateSchema } from '../../protocol/runDirectory.ts';
import { readJson, writeByRename } from '../files.ts';
import type { ProcessTable } from '../processTable.ts';
import { createRequest } from '../requests.ts';
import { newestSegment } from '../wrapper/newestSegment.ts';
import { holdSegment } from '../wrapper/segmentLock.ts';
import { askQueue, findJob, phaseOf, type QueuedJob } from './jobQueue.ts';
import { type CurrentJob, currentJob, readJobRecord } from './jobRecord.ts';
import { runSlurm } from './slurmTools.ts';

const looks = 20;
const lookMs = 300;

/** The job of a run's newest segment; null where it has none, or that has ended for good. */
export function jobOfRun(runDirectory: string): CurrentJob | null {
  const wrapper = readJson(path.join(runDirectory, runFiles.state), wrapperStateSchema);
  const exit = readJson(path.join(runDirectory, runFiles.exit), exitSchema);
  return currentJob(readJobRecord(runDirectory), wrapper, exit);
}

/**
 * Takes a job that waits out of Slurm's queue, and records that the run was stopped. Where it has begun it is left alone:
 * its trainer sees the request. Throws `unreachable` where Slurm does not answer.
 */
export async function withdrawJob(
  runDirectory: string,
  job: CurrentJob,
  table: ProcessTable,
): Promise<boolean> {
  const newest = newestSegment(runDirectory);
  let waited = newest < job.segment;
  for (let look = 0; look < looks; look++) {
    const found = await proven(job);
    const phase = found ? phaseOf(found) : 'ended';
    if (phase === 'running') return false;
    if (phase === 'ended') return waited && recordStop(runDirectory, newest, job.segment, table);
    waited = true;
    if (found) await cancel(job, found, ['--state=PENDING']);
    await sleep(lookMs);
  }
  return false;
}

/**
 * Ends a job at once: Slurm tells the wrapper, which sees the request and kills, and kills itself what is left. False where Slurm has none that runs under this
 * name and number.
 */
export async function killJob(runDirectory: string, job: CurrentJob, table: ProcessTable): Promise<boolean> {
  const found = await proven(job);
  if (!found || phaseOf(found) === 'ended') return false;
  createRequest(runDirectory, runFiles.killRequest, 'person');
  if (phaseOf(found) === 'pending') return withdrawJob(runDirectory, job, table);
  await cancel(job, found, ['--signal=KILL']);
  return true;
}

/** The job, where Slurm says that this number has this name: numbers begin anew when a cluster is set up again. */
async function proven({ id, record }: CurrentJob): Promise<QueuedJob | undefined> {
  const jobs = await askQueue(record.tools, { name: record.jobName });
  return id === null ? findJob(jobs, record.jobName, record.task) : jobs.find((job) => job.id === id);
}

/**
 * scancel compares the name once more, and says nothing of a number that it does not know. Of an array whose elements
 * wait it would cancel all that match: there the number must do.
 */
async function cancel({ record }: CurrentJob, { id }: QueuedJob, options: readonly string[]): Promise<void> {
  const filters = record.task === undefined ? [...options, `--name=${record.jobName}`] : [];
  await runSlurm(record.tools, 'scancel', [...filters, id]);
}

/** Nothing began since `newest`, and nothing will: only who has the next segment may say so. */
function recordStop(runDirectory: string, newest: number, submitted: number, table: ProcessTable): boolean {
  const segment = Math.max(newest + 1, submitted);
  const release = holdSegment(runDirectory, segment, table);
  if (!release) return false;
  try {
    if (newestSegment(runDirectory) !== newest) return false;
    const end = { schema: 1, segment, code: exitCodes.stopped, signal: null, endedAt: Date.now() / 1000 };
    writeByRename(path.join(runDirectory, runFiles.exit), `${JSON.stringify(end)}\n`);
    return true;
  } finally {
    release();
  }
}
