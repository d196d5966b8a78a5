import path from 'node:path';
import { type Exit, runFiles, type WrapperState } from '../../protocol/runDirectory.ts';
import { type SlurmRecord, slurmRecordSchema } from '../../protocol/slurm.ts';
import { readJson, writeByRename } from '../files.ts';

export function readJobRecord(runDirectory: string): SlurmRecord | null {
  return readJson(path.join(runDirectory, runFiles.slurm), slurmRecordSchema);
}

export function writeJobRecord(runDirectory: string, record: SlurmRecord): void {
  writeByRename(path.join(runDirectory, runFiles.slurm), `${JSON.stringify(record)}\n`);
}

/** The job of a run's newest segment. */
export interface CurrentJob {
  id: string | null;
  segment: number;
  record: SlurmRecord;
}

/**
 * Null where the newest segment was started without Slurm, or has ended for good. A job that Slurm starts again has a new
 * segment each time.
 */
export function currentJob(
  record: SlurmRecord | null,
  wrapper: WrapperState | null,
  exit: Exit | null,
): CurrentJob | null {
  if (!record) return null;
  if (exit && !exit.preempted && exit.segment >= Math.max(record.segment, wrapper?.segment ?? -1))
    return null;
  if (!wrapper || wrapper.segment < record.segment)
    return { id: record.jobId, segment: record.segment, record };
  return wrapper.jobId === undefined ? null : { id: wrapper.jobId, segment: wrapper.segment, record };
}
