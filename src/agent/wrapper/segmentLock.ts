import fs from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { runFiles } from '../../protocol/runDirectory.ts';
import { hasCode } from '../files.ts';
import { lockHolder, type NumberedLock, releaseLock, takeLock } from '../numberedLock.ts';
import { livesHere, ownIdentity, type ProcessTable } from '../processTable.ts';

/** Whether a Slurm job is over, as far as is known. */
export type JobEnded = (job: string) => boolean;

/** A process in a Slurm job names the job: that it is over can be seen from other hosts. */
const holderInJobSchema = z.looseObject({ job: z.string() });

/** Who may start a segment of a run. */
function segmentLock(
  runDirectory: string,
  segment: number,
  table: ProcessTable,
  jobEnded: JobEnded,
): NumberedLock {
  return {
    folder: path.join(runDirectory, runFiles.locks),
    name: `segment-${segment}`,
    stillHolds: (holder) => {
      if (holder.host === table.host) return livesHere(table, holder, holder);
      // Another host of a shared home cannot be asked: it keeps what it holds.
      const job = jobOf(holder);
      return job === undefined || !jobEnded(job);
    },
  };
}

function jobOf(holder: unknown): string | undefined {
  return holderInJobSchema.safeParse(holder).data?.job;
}

/** Whether somebody who may still start this segment lives. */
export function segmentLockHeld(
  runDirectory: string,
  segment: number,
  table: ProcessTable,
  jobEnded: JobEnded = () => false,
): boolean {
  return lockHolder(segmentLock(runDirectory, segment, table, jobEnded)) !== null;
}

/** Whether an agent, or a wrapper outside Slurm, has the lock of a segment: it is being deleted or started there. */
export function isHeldByAgent(runDirectory: string, segment: number, table: ProcessTable): boolean {
  const holder = lockHolder(segmentLock(runDirectory, segment, table, () => false));
  return holder !== null && (holder === 'unnamed' || jobOf(holder) === undefined);
}

/** The job whose process on another host has the lock; undefined where there is none. */
export function foreignJobWithLock(
  runDirectory: string,
  segment: number,
  table: ProcessTable,
): string | undefined {
  const holder = lockHolder(segmentLock(runDirectory, segment, table, () => false));
  return holder === null || holder === 'unnamed' || holder.host === table.host ? undefined : jobOf(holder);
}

/** Segments whose lock somebody holds who lives. */
export function heldSegments(runDirectory: string, table: ProcessTable): number[] {
  const segments = new Set<number>();
  for (const name of lockNames(path.join(runDirectory, runFiles.locks))) {
    const match = /^segment-(\d{1,9})\.\d+\.json$/.exec(name);
    if (match) segments.add(Number(match[1]));
  }
  return [...segments].filter((segment) => segmentLockHeld(runDirectory, segment, table));
}

function lockNames(locks: string): string[] {
  try {
    return fs.readdirSync(locks);
  } catch (thrown) {
    if (hasCode(thrown, 'ENOENT', 'ENOTDIR')) return [];
    throw thrown;
  }
}

/** Who takes the lock: a process in the Slurm job `job`, which knows of other jobs whether they are over. */
export interface LockTaker {
  job?: string | undefined;
  jobEnded?: JobEnded;
}

/** Takes the lock for this process, or returns false because another one has it. */
export function takeSegmentLock(
  runDirectory: string,
  segment: number,
  table: ProcessTable,
  taker: LockTaker = {},
): boolean {
  return holdSegment(runDirectory, segment, table, taker) !== null;
}

/** Takes the lock for this process until the answer is called; null because another one has it. */
export function holdSegment(
  runDirectory: string,
  segment: number,
  table: ProcessTable,
  { job, jobEnded = () => false }: LockTaker = {},
): (() => void) | null {
  try {
    fs.mkdirSync(path.join(runDirectory, runFiles.locks), { mode: 0o700 });
  } catch (thrown) {
    if (!hasCode(thrown, 'EEXIST')) throw thrown;
  }
  const lock = segmentLock(runDirectory, segment, table, jobEnded);
  const { host, bootId } = table;
  const me = { ...ownIdentity(table), host, bootId, ...(job === undefined ? {} : { job }) };
  const number = takeLock(lock, me);
  return number === null ? null : () => releaseLock(lock, number, me);
}
