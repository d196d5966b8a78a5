import { printable } from '../../core/printable.ts';
import type { RunState } from '../../protocol/runDirectory.ts';
import type { QueuedJob } from './jobQueue.ts';

/** Why jobs wait, in words; what Slurm names otherwise is shown as it is. */
const reasons: Record<string, string> = {
  None: 'its turn',
  Priority: 'jobs of higher priority to start',
  Resources: 'free resources',
  Dependency: 'another job',
  DependencyNeverSatisfied:
    'a job that has ended otherwise, so it never starts; stop the run and launch it again',
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

/** A run that another one waits for, with what is known of it here. */
export interface Parent {
  run: string;
  name?: string | undefined;
  state?: RunState | undefined;
}

/** How a run ended that did not reach its end. */
const unfinished: Partial<Record<RunState, string>> = {
  stopped: 'was stopped',
  failed: 'has failed',
  preempted: 'lost its place',
  lost: 'was lost',
};

/** One sentence on a job that is held until other runs have finished. */
export function whyHeld(parents: readonly Parent[]): string {
  const called = ({ run, name }: Parent): string =>
    name === undefined ? run : `${printable(name)} (${run})`;
  const over = parents.find(({ state }) => state !== undefined && unfinished[state] !== undefined);
  if (over)
    return `It waits for ${called(over)}, which ${unfinished[over.state!]}: resume that run, or stop this one.`;
  return `It waits for ${parents.map(called).join(', ')} to finish; Slurm holds its job until then.`;
}

/** One sentence on a job that is over and left no exit record. `state`: Slurm's word, undefined where it forgot the job. */
export function whyLost(id: string | null, state: string | undefined, begun: boolean): string {
  const job = id === null ? 'The Slurm job' : `Slurm job ${id}`;
  const how = state === undefined ? 'is gone' : `has ended (${state})`;
  return begun
    ? `${job} ${how} and left no exit record.`
    : `${job} ${how} before the run began. Resume it to submit it again.`;
}
