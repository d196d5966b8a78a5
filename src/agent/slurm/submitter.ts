import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { scaledMs } from '../../core/clock.ts';
import { BiphaseError } from '../../core/errors.ts';
import { writeByRename } from '../files.ts';
import type { ProcessTable } from '../processTable.ts';
import { lastLine, type SlurmTools, withoutJob } from './slurmTools.ts';

/** An sbatch that was started, as others see that it still lives. */
export const submitterSchema = z.looseObject({
  pid: z.number().int(),
  startTime: z.string(),
  host: z.string(),
  bootId: z.string(),
});

const answerMs = 60_000;

/** sbatch begins when its process is named in a file: whoever takes over from this process waits for its end. */
const gate = 'read -r go <&3 || exit 125; exec 3<&-; exec "$@"';

/** Slurm starts a copy of this: the wrapper itself, so that signals reach it. */
const script = '#!/bin/sh\nexec "$@"\n';

/** Writes the script that `submitScript` names. */
export function writeScript(file: string): void {
  writeByRename(file, script);
  fs.chmodSync(file, 0o700);
}

export interface Submission {
  tools: SlurmTools;
  options: readonly string[];
  script: string;
  /** Program and arguments that the script becomes. */
  command: readonly string[];
  /** What the job inherits. */
  environment: NodeJS.ProcessEnv;
  /** Takes the identity of the sbatch that was started. */
  submitterFile: string;
  table: ProcessTable;
}

/**
 * Starts sbatch; answers with the job's number, and its cluster where sbatch names one.
 * @throws BiphaseError `refused` with Slurm's reason; `unreachable` where no answer came: the job may be there
 */
export async function submit(submission: Submission): Promise<{ jobId: string; cluster?: string }> {
  const { tools, options, command, environment, submitterFile, table } = submission;
  const sbatch = [path.join(tools.folder, 'sbatch'), ...options, submission.script, ...command];
  const child = spawn('/bin/sh', ['-c', gate, 'sh', ...sbatch], {
    cwd: os.homedir(),
    env: withoutJob(environment),
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  const printed = { out: '', err: '' };
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (printed.out += text));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (printed.err += text));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code));
  });
  const late = setTimeout(() => child.kill('SIGKILL'), scaledMs(answerMs));
  try {
    if (child.pid !== undefined) {
      const identity = { pid: child.pid, startTime: table.startTime(child.pid) ?? '' };
      const { host, bootId } = table;
      writeByRename(submitterFile, `${JSON.stringify({ ...identity, host, bootId })}\n`);
      const pipe = child.stdio[3] as NodeJS.WritableStream;
      pipe.on('error', () => {});
      pipe.end('go\n');
    }
    const code = await ended;
    const answer = /^(\d+)(?:;(\S+))?$/m.exec(printed.out);
    if (answer) return { jobId: answer[1]!, ...(answer[2] === undefined ? {} : { cluster: answer[2] }) };
    if (code === null || /(timed out|Unable to contact|Connection refused|communication)/i.test(printed.err))
      throw new BiphaseError('unreachable', `Slurm did not answer: ${lastLine(printed.err)}.`, {
        next: 'Try again when its controller answers; a job that came through is found then.',
      });
    throw new BiphaseError('refused', `Slurm did not take the job: ${reasonOf(printed.err)}.`, {
      next: "Correct slurm in the node's configuration.",
    });
  } finally {
    clearTimeout(late);
    fs.rmSync(submitterFile, { force: true });
  }
}

function reasonOf(errors: string): string {
  return lastLine(errors).replace(/^sbatch: (error: )?(Batch job submission failed: )?/, '');
}
