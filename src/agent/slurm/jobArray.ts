import fs from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { BiphaseError } from '../../core/errors.ts';
import { runFiles } from '../../protocol/runDirectory.ts';
import type { JobArray, SlurmOptions, SlurmRecord } from '../../protocol/slurm.ts';
import { createWhole } from '../files.ts';
import type { NodeRoot } from '../nodeRoot.ts';
import type { Program } from '../ownBundle.ts';
import type { ProcessTable } from '../processTable.ts';
import { newestSegment } from '../wrapper/newestSegment.ts';
import { ArrayFiles, readArray } from './arrayFiles.ts';
import { arrayName, sbatchOptions } from './jobOptions.ts';
import { askQueue } from './jobQueue.ts';
import { readJobRecord, writeJobRecord } from './jobRecord.ts';
import { findSlurm } from './slurmTools.ts';
import { whileSubmitting } from './submitLock.ts';
import { submit, writeScript } from './submitter.ts';

export interface ArrayWish {
  root: NodeRoot;
  /** Chosen by who asks: a repeated call means the same array. */
  array: string;
  /** Claimed runs; the number of each is its element. */
  runs: string[];
  /** How many run at once; as many as Slurm starts where it is left out. */
  atOnce?: number | undefined;
  program: Program;
  options: SlurmOptions;
  environment: NodeJS.ProcessEnv;
  table: ProcessTable;
}

/**
 * Submits runs as one job array, unless that was done before: true when this call did.
 * @throws BiphaseError `refused`, `unreachable`, `missing`
 */
export function submitArray(wish: ArrayWish): Promise<boolean> {
  const { root, array, runs, program, options, environment, table } = wish;
  const files = new ArrayFiles(root, array);
  const name = arrayName(array);
  return whileSubmitting({ folder: root.queues, name: `array-${array}` }, table, async (submitterFile) => {
    const list: JobArray = { schema: 1, runs };
    if (
      !createWhole(files.list, `${JSON.stringify(list)}\n`) &&
      !isDeepStrictEqual(readArray(files.list).runs, runs)
    )
      throw new BiphaseError('refused', `The array ${array} exists already with other runs.`);
    const directories = runs.map((run) => root.runDirectory(run));
    const tools = findSlurm(environment);
    const record = (task: number, jobId: string | null): SlurmRecord => ({
      ...{ schema: 1, jobId, segment: 0, jobName: name, task, submittedAt: Date.now() / 1000 },
      ...{ options, tools, checkpoint: -1, fruitless: 0 },
    });
    const recordAll = (job: string): void => {
      for (const [task, directory] of directories.entries())
        if ((readJobRecord(directory)?.jobId ?? null) === null)
          writeJobRecord(directory, record(task, `${job}_${task}`));
    };
    const known = directories
      .map((directory) => readJobRecord(directory)?.jobId?.split('_')[0])
      .find(Boolean);
    const there = known ?? (await askQueue(tools, { name }))[0]?.id.split('_')[0];
    if (there !== undefined) {
      recordAll(there);
      return false;
    }
    if (directories.some((directory) => newestSegment(directory) >= 0)) return false;
    for (const [task, directory] of directories.entries()) writeJobRecord(directory, record(task, null));
    files.linkOutputs(directories);
    writeScript(files.script);
    const output = files.outputPattern;
    const answer = submit({
      tools,
      options: sbatchOptions({ name, output, options, array: { count: runs.length, atOnce: wish.atOnce } }),
      script: files.script,
      command: [process.execPath, program.main, 'wrapper', '--array', files.list, '--segment', '0'],
      environment,
      submitterFile,
      table,
    });
    try {
      recordAll((await answer).jobId);
    } catch (thrown) {
      if (thrown instanceof BiphaseError && thrown.kind === 'refused') {
        for (const directory of directories) fs.rmSync(path.join(directory, runFiles.slurm), { force: true });
        files.remove(runs.length);
      }
      throw thrown;
    }
    return true;
  });
}

/** The run directory that is this process's element of the array listed in `file`. */
export function directoryOfElement(file: string, environment: NodeJS.ProcessEnv): string {
  const run = readArray(file).runs[Number(environment.SLURM_ARRAY_TASK_ID)];
  if (run === undefined)
    throw new BiphaseError(
      'usage',
      `${file} has no run for element ${environment.SLURM_ARRAY_TASK_ID ?? '?'}.`,
    );
  return path.join(path.dirname(path.dirname(path.resolve(file))), 'runs', run);
}
