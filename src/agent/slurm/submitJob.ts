import fs from 'node:fs';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import { runFiles } from '../../protocol/runDirectory.ts';
import type { SlurmOptions, SlurmRecord } from '../../protocol/slurm.ts';
import type { Program } from '../ownBundle.ts';
import type { ProcessTable } from '../processTable.ts';
import { withdrawRequests } from '../requests.ts';
import { completeCheckpoints } from '../runReport.ts';
import { newestSegment } from '../wrapper/newestSegment.ts';
import { isHeldByAgent } from '../wrapper/segmentLock.ts';
import { jobName, outputPattern, sbatchOptions } from './jobOptions.ts';
import { askQueue, findJob, phaseOf } from './jobQueue.ts';
import { readJobRecord, writeJobRecord } from './jobRecord.ts';
import { findSlurm } from './slurmTools.ts';
import { submitPlace, whileSubmitting } from './submitLock.ts';
import { submit, writeScript } from './submitter.ts';

export interface JobWish {
  run: string;
  runDirectory: string;
  segment: number;
  program: Program;
  options: SlurmOptions;
  /** What the job inherits; nothing of it is stored. */
  environment: NodeJS.ProcessEnv;
  /** Jobs in a row before it that came to no new checkpoint. */
  fruitless?: number;
  /** Slurm holds it: `HeldRuns` says until when. */
  held?: boolean;
  table: ProcessTable;
}

/**
 * Submits the job of a segment, unless that was done before: true when this call did. A job whose number was not
 * recorded is found by its name, which nobody else's has.
 * @throws BiphaseError `refused`, `unreachable`, `missing`
 */
export function submitJob(wish: JobWish): Promise<boolean> {
  const { run, runDirectory, segment, program, options, environment, table } = wish;
  const name = jobName(run, segment);
  return whileSubmitting(submitPlace(runDirectory, segment), table, async (submitterFile) => {
    if (newestSegment(runDirectory) >= segment) return false;
    if (isHeldByAgent(runDirectory, segment, table))
      throw new BiphaseError('refused', `Run ${run} is being started or deleted by another process.`, {
        next: 'Look at its state before you try again.',
      });
    const tools = findSlurm(environment);
    const before = readJobRecord(runDirectory);
    // The record of the same segment may be that of a job that ended before it began, or of an array.
    const same = before?.segment === segment ? before : null;
    const nameBefore = same?.jobName ?? name;
    const there = findJob(await askQueue(tools, { name: nameBefore }), nameBefore, same?.task);
    if (there && phaseOf(there) !== 'ended') {
      if (same) writeJobRecord(runDirectory, { ...same, jobId: there.id });
      return false;
    }
    const record: SlurmRecord = {
      schema: 1,
      jobId: null,
      segment,
      jobName: name,
      submittedAt: Date.now() / 1000,
      options,
      tools,
      checkpoint: completeCheckpoints(runDirectory).at(-1) ?? -1,
      fruitless: wish.fruitless ?? 0,
    };
    withdrawRequests(runDirectory, segment);
    writeJobRecord(runDirectory, record);
    const scriptFile = path.join(runDirectory, runFiles.slurmScript);
    writeScript(scriptFile);
    const answer = submit({
      tools,
      options: sbatchOptions({
        name,
        output: outputPattern(path.join(runDirectory, runFiles.output)),
        options,
        held: wish.held ?? false,
      }),
      script: scriptFile,
      command: [
        process.execPath,
        program.main,
        'wrapper',
        '--run-dir',
        runDirectory,
        '--segment',
        String(segment),
      ],
      environment,
      submitterFile,
      table,
    });
    try {
      writeJobRecord(runDirectory, { ...record, ...(await answer) });
    } catch (thrown) {
      if (thrown instanceof BiphaseError && thrown.kind === 'refused') restoreRecord(runDirectory, before);
      throw thrown;
    }
    return true;
  });
}

/** There is no such job, so the run is what it was before. */
function restoreRecord(runDirectory: string, before: SlurmRecord | null): void {
  if (before) writeJobRecord(runDirectory, before);
  else fs.rmSync(path.join(runDirectory, runFiles.slurm), { force: true });
}
