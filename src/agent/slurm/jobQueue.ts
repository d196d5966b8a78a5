import { runSlurm, type SlurmTools } from './slurmTools.ts';

/** One job, or element of an array, as squeue shows it. */
export interface QueuedJob {
  id: string;
  /** Slurm's word, such as PENDING. */
  state: string;
  reason: string;
  node: string;
  /** `D-H:M:S` and shorter forms, or a word. */
  timeLeft: string;
  name: string;
}

export type JobPhase = 'pending' | 'running' | 'ended';

const format = '%i|%T|%r|%N|%L|%j';

const pending = new Set([
  'PENDING',
  'REQUEUED',
  'REQUEUE_FED',
  'REQUEUE_HOLD',
  'SPECIAL_EXIT',
  'RESV_DEL_HOLD',
]);
const running = new Set([
  'RUNNING',
  'CONFIGURING',
  'COMPLETING',
  'SUSPENDED',
  'STOPPED',
  'SIGNALING',
  'STAGE_OUT',
  'RESIZING',
]);

/** Where a job is. Any other word is an end: COMPLETED, CANCELLED, TIMEOUT, NODE_FAIL … */
export function phaseOf({ state }: Pick<QueuedJob, 'state'>): JobPhase {
  return pending.has(state) ? 'pending' : running.has(state) ? 'running' : 'ended';
}

/** Whether a job waits for its user to release it. */
export function isHeld({ state, reason }: Pick<QueuedJob, 'state' | 'reason'>): boolean {
  return phaseOf({ state }) === 'pending' && reason.startsWith('JobHeldUser');
}

/**
 * Jobs of this user, or those of one name or number; also those that ended a short while ago. Throws `unreachable`, also
 * where Slurm has forgotten the number.
 */
export async function askQueue(
  tools: SlurmTools,
  { name, id }: { name?: string; id?: string } = {},
): Promise<QueuedJob[]> {
  const which = [
    ...(name === undefined ? [] : [`--name=${name}`]),
    ...(id === undefined ? [] : [`--jobs=${id}`]),
  ];
  const user = `--user=${process.getuid?.() ?? ''}`;
  return parseQueue(
    await runSlurm(tools, 'squeue', [
      '--noheader',
      // Also those in hidden partitions.
      '--all',
      '--array',
      '--states=all',
      user,
      `--format=${format}`,
      ...which,
    ]),
  );
}

/** Lines of squeue; a job's name comes last, since it may hold anything. */
export function parseQueue(text: string): QueuedJob[] {
  return text.split('\n').flatMap((line) => {
    const [id, state, reason, node, timeLeft, ...name] = line.split('|');
    if (!id || state === undefined || name.length === 0) return [];
    return [
      {
        id,
        state,
        reason: reason ?? '',
        node: node ?? '',
        timeLeft: timeLeft ?? '',
        name: name.join('|').trim(),
      },
    ];
  });
}

/** The job of that name, or the element `task` of the array of that name, that waits or runs; else one that has ended. */
export function findJob(jobs: readonly QueuedJob[], name: string, task?: number): QueuedJob | undefined {
  const found = jobs.filter(
    (job) => job.name === name && (task === undefined || job.id.endsWith(`_${task}`)),
  );
  return found.find((job) => phaseOf(job) !== 'ended') ?? found[0];
}
