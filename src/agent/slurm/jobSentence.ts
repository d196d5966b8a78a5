import type { QueuedJob } from './jobQueue.ts';

/** Why jobs wait, in words; what Slurm names otherwise is shown as it is. */
const reasons: Record<string, string> = {
  None: 'its turn',
  Priority: 'jobs of higher priority to start',
  Resources: 'free resources',
  Dependency: 'another job',
  BeginTime: 'the time at which it may start again',
  JobHeldUser: 'its release; it is held (scontrol release)',
  JobHeldAdmin: 'its release; an administrator holds it',
  JobArrayTaskLimit: 'other runs of its array',
  Licenses: 'a licence',
  Reservation: 'its reservation to begin',
  PartitionDown: 'its partition, which is down',
  PartitionInactive: 'its partition, which takes no jobs now',
  PartitionTimeLimit: 'more time than its partition allows',
  PartitionNodeLimit: 'more than its partition has',
  ReqNodeNotAvail: 'nodes that are not available now',
  // "Nodes required for job are DOWN, DRAINED or reserved …"
  Nodes: 'nodes that are down, drained or reserved',
  QOSMaxJobsPerUserLimit: 'your other jobs; the limit of jobs at once is reached',
  QOSMaxCpuPerUserLimit: 'your other jobs; the limit of processors is reached',
  QOSMaxGRESPerUser: 'your other jobs; the limit of GPUs is reached',
  AssocMaxJobsLimit: "your account's other jobs",
};

/** One sentence on a job that waits. */
export function whyPending({ reason }: Pick<QueuedJob, 'reason'>): string {
  // Some reasons carry more: "ReqNodeNotAvail, UnavailableNodes:n[1-4]".
  const word = reason.split(/[,\s(]/)[0] ?? '';
  return `Slurm: waiting for ${reasons[word] ?? reason}.`;
}

/** One sentence on a job that is over and left no exit record. `state`: Slurm's word, undefined where it forgot the job. */
export function whyLost(id: string | null, state: string | undefined, begun: boolean): string {
  const job = id === null ? 'The Slurm job' : `Slurm job ${id}`;
  const how = state === undefined ? 'is gone' : `has ended (${state})`;
  return begun
    ? `${job} ${how} and left no exit record.`
    : `${job} ${how} before the run began. Resume it to submit it again.`;
}
