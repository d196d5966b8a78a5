import fs from 'node:fs';
import path from 'node:path';
import { exitCodes, exitSchema, runFiles, wrapperStateSchema } from '../../protocol/runDirectory.ts';
import { readJson, writeByRename } from '../files.ts';
import type { ProcessTable } from '../processTable.ts';
import { hasRequest, requestedBy } from '../requests.ts';
import { newestSegment } from '../wrapper/newestSegment.ts';
import { foreignJobWithLock, type JobEnded } from '../wrapper/segmentLock.ts';
import { isOurJobName } from './jobOptions.ts';
import { askQueue, phaseOf } from './jobQueue.ts';
import { readJobRecord } from './jobRecord.ts';

/** The Slurm job that this process is in. */
export interface OwnJob {
  id: string;
  /** How often Slurm has started it again. */
  restarts: number;
}

/** Undefined outside a job that Biphase submitted: an agent may live in somebody's interactive job. */
export function ownJob(environment: NodeJS.ProcessEnv): OwnJob | undefined {
  const { SLURM_JOB_ID, SLURM_JOB_NAME, SLURM_ARRAY_JOB_ID, SLURM_ARRAY_TASK_ID, SLURM_RESTART_COUNT } =
    environment;
  if (SLURM_JOB_ID === undefined || SLURM_JOB_NAME === undefined || !isOurJobName(SLURM_JOB_NAME))
    return undefined;
  const inArray = SLURM_ARRAY_JOB_ID !== undefined && SLURM_ARRAY_TASK_ID !== undefined;
  return {
    id: inArray ? `${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}` : SLURM_JOB_ID,
    restarts: Number(SLURM_RESTART_COUNT) || 0,
  };
}

/**
 * The segment that this attempt of a job trains: the one that it was submitted for, and where Slurm has started the job
 * again the one after the newest. Null where there is nothing to do: the run has ended, or belongs to another job.
 */
export function segmentOfAttempt(runDirectory: string, submitted: number, job: OwnJob): number | null {
  const record = readJobRecord(runDirectory);
  if (record && record.segment > submitted) return null;
  const newest = newestSegment(runDirectory);
  if (job.restarts === 0 || newest < submitted) return submitted;
  const state = readJson(path.join(runDirectory, runFiles.state), wrapperStateSchema);
  if (state && state.segment === newest && state.jobId !== job.id) return null;
  const exit = readJson(path.join(runDirectory, runFiles.exit), exitSchema);
  if (exit && exit.segment === newest) {
    const over = exit.code === exitCodes.finished || (exit.code === exitCodes.stopped && !exit.preempted);
    return over || hasRequest(runDirectory, runFiles.killRequest) ? null : newest + 1;
  }
  if (hasRequest(runDirectory, runFiles.killRequest)) return null;
  // It was asked to stop, and its node failed before it did.
  if (requestedBy(runDirectory, runFiles.stopRequest) === 'person') {
    const stopped = {
      schema: 1,
      segment: newest,
      code: exitCodes.stopped,
      signal: null,
      endedAt: Date.now() / 1000,
    };
    writeByRename(path.join(runDirectory, runFiles.exit), `${JSON.stringify(stopped)}\n`);
    return null;
  }
  return newest + 1;
}

/** The node's setup lines hold for the next segment too. */
export function inheritSetup(runDirectory: string, from: number, to: number): void {
  const file = path.join(runDirectory, runFiles.setup(from));
  if (from !== to && fs.existsSync(file))
    writeByRename(path.join(runDirectory, runFiles.setup(to)), fs.readFileSync(file, 'utf8'));
}

/**
 * Whose hold on the lock of a segment is over: an attempt of this very job, since only one is alive; of the job that has
 * the lock on another host Slurm is asked.
 */
export async function endedHolder(
  { runDirectory, segment, table }: { runDirectory: string; segment: number; table: ProcessTable },
  own: OwnJob,
): Promise<JobEnded> {
  const holder = foreignJobWithLock(runDirectory, segment, table);
  const record = readJobRecord(runDirectory);
  if (holder === undefined || holder === own.id || !record) return (job) => job === own.id;
  const jobs = await askQueue(record.tools).catch(() => null);
  const live = jobs?.some((job) => job.id === holder && phaseOf(job) !== 'ended') ?? true;
  return (job) => job === own.id || (job === holder && !live);
}
