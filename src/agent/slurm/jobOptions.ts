import { BiphaseError } from '../../core/errors.ts';
import { slurmSeconds } from '../../core/slurmTime.ts';
import type { SlurmOptions } from '../../protocol/slurm.ts';

/** Seconds before the end of a job at which it is told to save. */
const usualLead = 120;

export interface JobRequest {
  name: string;
  /** File that takes what the job prints, as `outputPattern` writes it. */
  output: string;
  options: SlurmOptions;
  /** Elements of a job array, and how many of them run at once. */
  array?: { count: number; atOnce?: number | undefined };
  /** It waits until somebody releases it. */
  held?: boolean;
}

/** Name of the job of one segment: nobody else's is called so. */
export function jobName(run: string, segment: number): string {
  return `biphase-${run}-${segment}`;
}

/** Name of the job array `id`, whose elements are runs. */
export function arrayName(id: string): string {
  return `biphase-array-${id}`;
}

export function isOurJobName(name: string): boolean {
  return name.startsWith('biphase-');
}

/** Options of sbatch: one argument each, so that no value is taken for another option. */
export function sbatchOptions({ name, output, options, array, held }: JobRequest): string[] {
  const given: [string, string | number | undefined][] = [
    ['partition', options.partition],
    ['account', options.account],
    ['qos', options.qos],
    ['time', options.time],
    ['gres', options.gres],
    ['mem', options.memory],
    ['cpus-per-task', options.cpus],
  ];
  return [
    '--parsable',
    `--job-name=${name}`,
    '--nodes=1',
    '--ntasks=1',
    '--export=ALL',
    '--requeue',
    '--open-mode=append',
    `--output=${output}`,
    `--signal=B:TERM@${signalLead(options.time)}`,
    ...(held ? ['--hold'] : []),
    ...(array ? [`--array=0-${array.count - 1}${array.atOnce === undefined ? '' : `%${array.atOnce}`}`] : []),
    ...given.flatMap(([option, value]) => (value === undefined ? [] : [`--${option}=${value}`])),
  ];
}

/**
 * A path as `--output` takes it: a % would begin a pattern.
 * @throws BiphaseError `usage` for a backslash: with one, nothing can be escaped
 */
export function outputPattern(file: string): string {
  if (file.includes('\\'))
    throw new BiphaseError('usage', `Slurm cannot write to ${file}: its name holds a backslash.`, {
      next: 'Set another root for this node.',
    });
  return file.replaceAll('%', '%%');
}

/** A short job would be told to end as soon as it begins: Slurm sends the signal up to a minute early. */
function signalLead(time: string | undefined): number {
  if (time === undefined) return usualLead;
  const limit = slurmSeconds(time);
  return limit === 0 ? usualLead : Math.max(1, Math.min(usualLead, Math.floor(limit / 4)));
}
