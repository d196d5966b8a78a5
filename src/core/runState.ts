import {
  type EventLine,
  type Exit,
  exitCodes,
  type Progress,
  type RunState,
  type WrapperState,
} from '../protocol/runDirectory.ts';

/** What a node can see of one run: its files, and whether the processes named in them live there. */
export interface RunFacts {
  wrapper: WrapperState | null;
  exit: Exit | null;
  progress: Progress | null;
  lastEvent: EventLine | null;
  /** Last line of output.log that says something. */
  lastOutput: string | null;
  stopRequested: boolean;
  killRequested: boolean;
  /** The run waits in a queue for its next segment. */
  queued: boolean;
  /** A wrapper holds the lock of the segment after the newest one in state.json or exit.json. */
  startingNext: boolean;
  /** Seconds since anything in the directory was created or renamed. */
  quietSeconds: number;
  /** The machine that looks. */
  host: string;
  bootId: string;
  /** Only asked when host and boot id are the ones in state.json. */
  wrapperAlive: boolean;
  trainerAlive: boolean;
  /** The Slurm job of the newest segment, where it has one: then processes are not asked. */
  job?: JobFacts | undefined;
}

/** What is known of the job that runs a segment, or waits to do so. */
export interface JobFacts {
  segment: number;
  /** `unknown`: Slurm was not asked yet, or does not answer. */
  seen: 'unknown' | 'pending' | 'running' | 'ended';
  /** What there is to say: why it waits, how it ended, that Slurm does not answer. */
  sentence?: string | undefined;
  /** It waits for somebody to release it. */
  held?: boolean;
  /** It ended so long ago that files of a network file system would be here. */
  settled: boolean;
}

export interface DerivedState {
  state: RunState;
  reason?: string;
}

/** A claimed directory in which nothing was started counts as being started for so long. */
export const startingGraceSeconds = 60;

/** States in which a trainer may still be at work. */
export function isActive(state: RunState): boolean {
  return state === 'queued' || state === 'starting' || state === 'running' || state === 'stopping';
}

/** State of a run from what its node shows. Pure; the order of the questions is the definition. */
export function deriveRunState(facts: RunFacts): DerivedState {
  const { wrapper, exit } = facts;
  const ofItsJob = facts.job && jobState(facts, facts.job);
  if (ofItsJob) return ofItsJob;
  if (facts.startingNext) return { state: 'starting' };
  // An exit record of an earlier segment says nothing about the one that runs now.
  if (exit && (!wrapper || exit.segment >= wrapper.segment))
    return facts.queued ? { state: 'queued' } : ended(exit, facts);
  if (!wrapper) return unstarted(facts);
  if (wrapper.host !== facts.host) {
    return {
      ...active(facts, wrapper),
      reason: `It was started on ${wrapper.host}; ${facts.host} cannot see whether it still runs.`,
    };
  }
  if (wrapper.bootId !== facts.bootId) {
    if (facts.queued) return { state: 'queued' };
    return (
      finishedAlone(facts, wrapper) ?? {
        state: 'lost',
        reason: `${wrapper.host} was restarted while the run was active.`,
      }
    );
  }
  if (facts.trainerAlive) {
    const state = active(facts, wrapper);
    if (facts.wrapperAlive) return state;
    return { ...state, reason: 'Its wrapper is gone; the trainer goes on alone.' };
  }
  if (facts.wrapperAlive) {
    return { ...active(facts, wrapper), reason: 'The trainer has ended; its exit is being recorded.' };
  }
  if (facts.queued) return { state: 'queued' };
  if (facts.killRequested) return { state: 'stopped', reason: 'It was killed on request.' };
  return (
    finishedAlone(facts, wrapper) ?? {
      state: 'lost',
      reason: 'Its processes are gone and left no exit record.',
    }
  );
}

/** State of a run whose newest segment is a Slurm job; undefined where the files alone say it. */
function jobState(facts: RunFacts, job: JobFacts): DerivedState | undefined {
  const { wrapper, exit } = facts;
  const begun = wrapper !== null && wrapper.segment >= job.segment;
  const exited = exit !== null && exit.segment >= Math.max(job.segment, wrapper?.segment ?? -1);
  const said = job.sentence === undefined ? {} : { reason: job.sentence };
  // An exit is that of an earlier attempt where Slurm starts the job again.
  if (job.seen === 'pending' && (!exited || exit.preempted))
    return { state: facts.stopRequested && !begun ? 'stopping' : 'queued', ...said };
  if (facts.startingNext) return undefined;
  // Until the job is over it may submit the next one, or be started again.
  if (exited) {
    if (exit.preempted && job.seen === 'running') return { state: 'stopping', ...said };
    // Slurm may have it in its queue again.
    return exit.preempted && job.seen === 'unknown' ? { state: 'queued', ...said } : undefined;
  }
  const asked = facts.stopRequested || facts.killRequested;
  if (job.seen === 'ended') {
    if (facts.killRequested) return { state: 'stopped', reason: 'It was killed on request.' };
    const alone = begun ? finishedAlone(facts, wrapper) : undefined;
    if (alone) return alone;
    if (job.settled) return begun || !asked ? { state: 'lost', ...said } : { state: 'stopped' };
  }
  if (begun) return { ...active(facts, wrapper), ...said };
  if (asked) return { state: 'stopping', ...said };
  return { state: job.seen === 'unknown' ? 'queued' : 'starting', ...said };
}

function active(facts: RunFacts, wrapper: WrapperState): DerivedState {
  if (facts.stopRequested || facts.killRequested) return { state: 'stopping' };
  const begun = facts.progress !== null && facts.progress.segment >= wrapper.segment;
  return { state: begun ? 'running' : 'starting' };
}

/** A trainer that outlived its wrapper tells of its end in progress.json and its last event alone. */
function finishedAlone(facts: RunFacts, wrapper: WrapperState): DerivedState | undefined {
  const { progress, lastEvent } = facts;
  if (lastEvent?.type === 'error' && lastEvent.segment === wrapper.segment && lastEvent.message)
    return { state: 'failed', reason: lastEvent.message };
  if (progress?.segment !== wrapper.segment) return undefined;
  if (progress.doing === 'done')
    return { state: 'finished', reason: 'It reached its last step after its wrapper was gone.' };
  if (progress.doing === 'stopped')
    return { state: 'stopped', reason: 'It stopped after its wrapper was gone.' };
  return undefined;
}

function unstarted(facts: RunFacts): DerivedState {
  if (facts.queued) return { state: 'queued' };
  if (facts.quietSeconds < startingGraceSeconds) return { state: 'starting' };
  return { state: 'lost', reason: 'It was claimed but never started. Launch or resume it again.' };
}

function ended(exit: Exit, facts: RunFacts): DerivedState {
  if (exit.error !== undefined) return { state: exit.preempted ? 'preempted' : 'failed', reason: exit.error };
  if (exit.code === exitCodes.finished) return { state: 'finished' };
  // SIGTERM can arrive before the trainer has learned to take it as a request.
  const stoppedEarly = exit.signal === 'SIGTERM' && (facts.stopRequested || exit.preempted === true);
  if (exit.code === exitCodes.stopped || stoppedEarly) {
    return exit.preempted
      ? { state: 'preempted', reason: 'The node asked it to end.' }
      : { state: 'stopped' };
  }
  if (exit.signal !== null) {
    if (facts.killRequested) return { state: 'stopped', reason: 'It was killed on request.' };
    return { state: 'failed', reason: `The trainer was ended by ${exit.signal}.` };
  }
  return { state: 'failed', reason: failureSentence(exit, facts) };
}

function failureSentence(exit: Exit, facts: RunFacts): string {
  const { lastEvent } = facts;
  if (lastEvent?.type === 'error' && lastEvent.segment === exit.segment && lastEvent.message)
    return lastEvent.message;
  return facts.lastOutput ?? `The trainer ended with code ${exit.code}.`;
}
