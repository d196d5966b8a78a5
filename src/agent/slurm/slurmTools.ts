import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import type { SlurmRecord } from '../../protocol/slurm.ts';

export type SlurmTools = SlurmRecord['tools'];

/** Where sites put Slurm when a shell that is not interactive does not have it on its PATH. */
const usualFolders = ['/usr/bin', '/usr/local/bin', '/opt/slurm/bin', '/usr/local/slurm/bin'];

const longestAnswer = 64 << 20;

/** Slurm's programs as a run's environment finds them. Throws `missing`. */
export function findSlurm(environment: NodeJS.ProcessEnv): SlurmTools {
  const searched = (environment.PATH ?? '').split(':').filter((folder) => path.isAbsolute(folder));
  const folder = [...searched, ...usualFolders].find((place) => fs.existsSync(path.join(place, 'sbatch')));
  if (folder === undefined)
    throw new BiphaseError('missing', 'There is no sbatch on this node.', {
      next: "Add Slurm's folder to PATH in the node's environment, or take slurm out of its configuration.",
    });
  const configuration = environment.SLURM_CONF;
  return { folder, ...(configuration === undefined ? {} : { configuration }) };
}

/** What a program of Slurm printed. Throws `unreachable` where it does not answer in `patienceMs`, or says no. */
export function runSlurm(
  tools: SlurmTools,
  program: 'squeue' | 'scancel' | 'scontrol',
  args: readonly string[],
  patienceMs = 20_000,
): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      path.join(tools.folder, program),
      args,
      {
        env: slurmEnvironment(tools),
        timeout: patienceMs,
        killSignal: 'SIGKILL',
        maxBuffer: longestAnswer,
      },
      (error, stdout, stderr) => {
        if (!error) return resolve(stdout);
        const why = error.killed ? 'it did not answer in time' : lastLine(stderr || error.message);
        reject(
          new BiphaseError('unreachable', `Slurm cannot be asked (${program}): ${why}.`, {
            next: 'Try again when its controller answers.',
            cause: error,
          }),
        );
      },
    );
  });
}

/** Variables of this process, less those that describe the job it runs in, and less what changes how squeue prints. */
export function slurmEnvironment({ configuration }: SlurmTools): NodeJS.ProcessEnv {
  const environment = withoutJob(process.env);
  return configuration === undefined ? environment : { ...environment, SLURM_CONF: configuration };
}

/** What a job inherits must not say that it is another job, nor make sbatch wait or submit more than it is asked for. */
export function withoutJob(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(environment).filter(
    ([name]) =>
      name === 'SLURM_CONF' ||
      !/^(SLURM_|SLURMD_|SQUEUE_|SCANCEL_|SBATCH_WAIT$|SBATCH_ARRAY_INX$)/.test(name),
  );
  return Object.fromEntries(kept);
}

export function lastLine(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return (lines.at(-1) ?? 'no reason given').trim().replace(/\.$/, '');
}
