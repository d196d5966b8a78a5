import type { SlurmOptions } from '../protocol/slurm.ts';
import { formatDuration } from './numberFormat.ts';
import { slurmSeconds } from './slurmTime.ts';

/** What a run asks of Slurm, in one sentence. */
export function slurmSentence({ partition, account, qos, time, gres, memory, cpus }: SlurmOptions): string {
  const limit = time === undefined ? 0 : slurmSeconds(time);
  const parts = [
    partition === undefined ? undefined : `partition ${partition}`,
    account === undefined ? undefined : `account ${account}`,
    qos === undefined ? undefined : `QOS ${qos}`,
    limit === 0 ? undefined : `${formatDuration(limit)} a job`,
    gres,
    cpus === undefined ? undefined : `${cpus} ${cpus === 1 ? 'processor' : 'processors'}`,
    memory === undefined ? undefined : `${memory} of memory`,
  ].filter((part) => part !== undefined);
  return `Slurm starts it: ${parts.length === 0 ? "the site's defaults" : parts.join(', ')}.`;
}
