import { setImmediate as nextTurn } from 'node:timers/promises';
import { scaledMs } from '../../core/clock.ts';
import { toBiphaseError } from '../../core/errors.ts';
import type { JobFacts } from '../../core/runState.ts';
import { askQueue, findJob, isHeld, phaseOf, type QueuedJob } from './jobQueue.ts';
import type { CurrentJob } from './jobRecord.ts';
import { whyLost, whyPending } from './jobSentence.ts';
import type { SlurmTools } from './slurmTools.ts';

/** Between the end of one question and the next: sites ask for restraint. */
const restMs = 5_000;
/** The exit record of a job that ended on another host may come so late over a network file system. */
const graceMs = 30_000;
/** Nothing comes any more into a directory that was quiet for so long, of a job that was over when it was asked for. */
const quietGraceSeconds = 120;

interface Asked {
  job: CurrentJob;
  /** When it was asked for first: an older answer says nothing about it. */
  since: number;
  seen: QueuedJob | 'gone' | undefined;
  /** When its end was seen first, and whether nothing else of it was ever seen. */
  endedAt: number | undefined;
  overAtOnce: boolean;
}

/**
 * What Slurm says of all jobs that reports ask for: one question for all of them, one at a time, and none while nobody
 * asks. Tells of the runs whose jobs changed.
 */
export class JobWatch {
  readonly #changed: (run: string) => void;
  readonly #asked = new Map<string, Asked>();
  #asking: Promise<void> | undefined;
  #restUntil = 0;
  #trouble: string | undefined;
  #closed = false;

  constructor(changed: (run: string) => void) {
    this.#changed = changed;
  }

  /** What is known now of a run's job; asks Slurm where that is old. `begun`: its wrapper has started. */
  facts(
    run: string,
    job: CurrentJob,
    { begun, quietSeconds }: { begun: boolean; quietSeconds: number },
  ): JobFacts {
    const asked = this.#remember(run, job);
    const settled =
      asked.endedAt !== undefined &&
      (performance.now() - asked.endedAt >= scaledMs(graceMs) ||
        (asked.overAtOnce && quietSeconds > quietGraceSeconds));
    if (!settled && performance.now() >= this.#restUntil) void this.#askOnce(job.record.tools);
    const facts = { segment: job.segment, settled };
    const { seen } = asked;
    if (seen === undefined)
      return { ...facts, seen: 'unknown', sentence: this.#trouble ?? 'Slurm is being asked for its job.' };
    const phase = seen === 'gone' ? 'ended' : phaseOf(seen);
    if (seen === 'gone' || phase === 'ended')
      return {
        ...facts,
        seen: 'ended',
        sentence: whyLost(job.id, seen === 'gone' ? undefined : seen.state, begun),
      };
    const held = isHeld(seen) ? { held: true } : {};
    if (this.#trouble !== undefined) return { ...facts, ...held, seen: phase, sentence: this.#trouble };
    return phase === 'pending'
      ? { ...facts, ...held, seen: phase, sentence: whyPending(seen) }
      : { ...facts, seen: phase };
  }

  /** Resolves when Slurm has answered a question for these runs' jobs that was asked from now on, or did not answer. */
  async look(jobs: ReadonlyMap<string, CurrentJob>): Promise<void> {
    for (const [run, job] of jobs) this.#remember(run, job);
    const [job] = jobs.values();
    await this.#asking;
    if (job) await this.#askOnce(job.record.tools);
  }

  /** Whether Slurm did not answer when it was asked last. */
  get silent(): boolean {
    return this.#trouble !== undefined;
  }

  /** Whether Slurm, when it was asked last, has answered that this job of a run is over. */
  isOver(run: string, job: CurrentJob): boolean {
    return this.#trouble === undefined && this.#remember(run, job).endedAt !== undefined;
  }

  /** Whether Slurm has said that the job of this number is over. */
  hasEnded(id: string): boolean {
    return [...this.#asked.values()].some((asked) => asked.job.id === id && asked.endedAt !== undefined);
  }

  close(): void {
    this.#closed = true;
  }

  #remember(run: string, job: CurrentJob): Asked {
    const before = this.#asked.get(run);
    if (before && before.job.id === job.id && before.job.record.jobName === job.record.jobName) {
      before.job = job;
      return before;
    }
    const since = performance.now();
    const asked: Asked = { job, since, seen: undefined, endedAt: undefined, overAtOnce: false };
    this.#asked.set(run, asked);
    // A job that was just submitted is asked for at once.
    this.#restUntil = 0;
    return asked;
  }

  #askOnce(tools: SlurmTools): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#asking ??= this.#ask(tools).finally(() => {
      this.#asking = undefined;
      const unanswered = [...this.#asked.values()].some(({ seen }) => seen === undefined);
      this.#restUntil = unanswered && this.#trouble === undefined ? 0 : performance.now() + scaledMs(restMs);
    });
    return this.#asking;
  }

  async #ask(tools: SlurmTools): Promise<void> {
    // Reports of many runs are read in one go: the answer is for all of them.
    await nextTurn();
    const at = performance.now();
    const trouble = this.#trouble;
    let jobs: QueuedJob[] | undefined;
    try {
      jobs = await askQueue(tools);
      this.#trouble = undefined;
    } catch (thrown) {
      // What was last seen stays: a controller that is down says nothing about jobs.
      this.#trouble = toBiphaseError(thrown).message;
    }
    if (this.#closed) return;
    for (const [run, asked] of this.#asked) {
      const before = describe(asked.seen);
      if (jobs && asked.since <= at) learn(asked, jobs);
      if (this.#trouble !== trouble || before !== describe(asked.seen)) this.#changed(run);
    }
  }
}

function learn(asked: Asked, jobs: readonly QueuedJob[]): void {
  const { id, record } = asked.job;
  const found = id === null ? findJob(jobs, record.jobName, record.task) : jobs.find((job) => job.id === id);
  const over = !found || phaseOf(found) === 'ended';
  if (over) asked.overAtOnce ||= asked.seen === undefined;
  else asked.overAtOnce = false;
  asked.endedAt = over ? (asked.endedAt ?? performance.now()) : undefined;
  asked.seen = found ?? 'gone';
}

function describe(seen: Asked['seen']): string {
  return typeof seen === 'object' ? `${seen.state} ${seen.reason} ${seen.node}` : String(seen);
}
