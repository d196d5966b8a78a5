import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { BiphaseError } from '../../core/errors.ts';
import { makeFolder } from '../../core/makeFolder.ts';
import { slotWishSchema } from '../../protocol/agentApi.ts';
import { type QueueHold, queueHoldSchema, queuePlaceSchema } from '../../protocol/queue.ts';
import { isRunId, runIdSchema } from '../../protocol/runDirectory.ts';
import { createWhole, hasCode, modifiedAt, namesIn, readJson, writeBeside, writeByRename } from '../files.ts';

/**
 * Where a job stands. Its file is `<run>.<status>.json`; every change is one rename, which one process can make.
 * `waiting`: for a slot. `starting`: the runner has taken it. `started`: its run is at work; it goes back where its place
 * is lost. `changing`: somebody rewrites it. `moving`: control takes it to another node. `withdrawn`: a person stopped it.
 */
export const jobStatuses = ['waiting', 'starting', 'started', 'changing', 'moving', 'withdrawn'] as const;
export type JobStatus = (typeof jobStatuses)[number];

/** A run that starts by itself when a slot is free. Kept from others (0600): values of the environment may be secret. */
export const jobSchema = z.looseObject({
  schema: z.number(),
  run: runIdSchema,
  ...queuePlaceSchema.shape,
  slot: slotWishSchema.nullable(),
  environment: z.record(z.string(), z.string()),
  setup: z.array(z.string()),
  /** Its trainer takes what other programs leave. */
  background: z.boolean(),
});
export type Job = z.infer<typeof jobSchema>;

const holdSchema = z.looseObject({ hold: queueHoldSchema });
const whySchema = z.looseObject({ sentence: z.string() });

/** The queue of one host under a root: hosts that share the root have a folder each, and only look into each other's. */
export class QueueFolder {
  readonly path: string;

  constructor(queues: string, host: string) {
    this.path = path.join(queues, `host-${encodeURIComponent(host)}`);
  }

  prepare(): void {
    makeFolder(this.path);
  }

  /**
   * Puts a job into the queue; false where the run is in it already.
   * @throws BiphaseError `refused` where something that is no file has its place
   */
  add(job: Job): boolean {
    this.prepare();
    if (this.statusOf(job.run) !== null) return false;
    const file = this.#file(job.run, 'waiting');
    if (createWhole(file, `${JSON.stringify(job)}\n`)) return true;
    if (isObstacle(file)) throw notOfTheQueue(file);
    return false;
  }

  /** Writes down a job that enters the queue once its ticket is redeemed. Answers with the ticket, which nobody had before. */
  writeTicket(job: Job): string {
    this.prepare();
    const ticket = randomBytes(8).toString('hex');
    createWhole(this.#ticket(job.run, ticket), `${JSON.stringify(job)}\n`);
    return ticket;
  }

  /**
   * Puts the job of a ticket, which another host of the root may have written, into this queue: one rename, which one
   * process can make once. False where it was made before.
   * @throws BiphaseError `refused` where something that is no file has its place
   */
  redeem(run: string, ticket: string, from: QueueFolder = this): boolean {
    const file = this.#file(run, 'waiting');
    if (isObstacle(file)) throw notOfTheQueue(file);
    return renamed(from.#ticket(run, ticket), file);
  }

  /** Whoever did it can be sure that nobody redeems the ticket. False where it was redeemed, or is none. */
  burn(run: string, ticket: string): boolean {
    try {
      fs.unlinkSync(this.#ticket(run, ticket));
      return true;
    } catch (thrown) {
      if (hasCode(thrown, 'ENOENT')) return false;
      throw thrown;
    }
  }

  /** Tickets that no run has: a process died before it claimed its run. `isOf`: whether a run has a ticket. */
  cleanTickets(restMs: number, isOf: (run: string, ticket: string) => boolean, now = Date.now()): void {
    for (const name of namesIn(this.path)) {
      const [, run, ticket] = /^(.+)\.([0-9a-f]{16})\.ticket\.json$/.exec(name) ?? [];
      if (run === undefined || ticket === undefined || !isRunId(run) || isOf(run, ticket)) continue;
      if (now - modifiedAt(path.join(this.path, name)) >= restMs) this.burn(run, ticket);
    }
  }

  /** Runs in a status, in no order. Folders and links are nobody's jobs. */
  runsIn(status: JobStatus): string[] {
    const end = `.${status}.json`;
    return namesIn(this.path).flatMap((name) => {
      const run = name.endsWith(end) ? name.slice(0, -end.length) : '';
      return isRunId(run) && isFile(path.join(this.path, name)) ? [run] : [];
    });
  }

  /** All jobs, in no order. A job that is rewritten gets another mark. */
  list(): { run: string; status: JobStatus; mark: string }[] {
    return namesIn(this.path).flatMap((name) => {
      const [run = '', status, ...more] = name.split('.');
      const known = jobStatuses.find((each) => each === status);
      if (!known || more.join('.') !== 'json' || !isRunId(run)) return [];
      const mark = this.markOf(run, known);
      return mark === null ? [] : [{ run, status: known, mark }];
    });
  }

  /** Another one after each rewrite; null where the job is not in that status. */
  markOf(run: string, status: JobStatus): string | null {
    const found = fs.lstatSync(this.#file(run, status), { throwIfNoEntry: false });
    return found?.isFile() ? `${found.ino} ${found.mtimeMs}` : null;
  }

  /** Null where it is not in that status, or its file is damaged. */
  read(run: string, status: JobStatus): Job | null {
    const job = readJson(this.#file(run, status), jobSchema);
    return job?.run === run ? job : null;
  }

  statusOf(run: string): JobStatus | null {
    return jobStatuses.find((status) => isFile(this.#file(run, status))) ?? null;
  }

  /** Milliseconds since 1970 at which the job came into its status. */
  since(run: string, status: JobStatus): number {
    return fs.statSync(this.#file(run, status), { throwIfNoEntry: false })?.ctimeMs ?? 0;
  }

  /** False where somebody else was quicker: the job is not in `from` any more. */
  change(run: string, from: JobStatus, to: JobStatus): boolean {
    return renamed(this.#file(run, from), this.#file(run, to));
  }

  remove(run: string, status: JobStatus): void {
    const file = this.#file(run, status);
    if (isFile(file)) fs.rmSync(file, { force: true });
  }

  /**
   * Rewrites a job and gives it another status, or the same. False where it is not in `from`, is damaged, or `change` says
   * null. All that can take long is done before it is taken: nobody may hold what somebody else has given up waiting for.
   */
  rewrite(
    run: string,
    from: 'waiting' | 'moving',
    to: 'waiting' | 'moving',
    change: (job: Job) => Job | null,
  ): boolean {
    const taken = this.#file(run, 'changing');
    for (let job = this.read(run, from); job; job = this.read(run, from)) {
      const wanted = change(job);
      if (!wanted) return false;
      const changed = writeBeside(taken, `${JSON.stringify(wanted)}\n`);
      try {
        if (!this.change(run, from, 'changing')) return false;
        if (isDeepStrictEqual(this.read(run, 'changing'), job)) {
          fs.renameSync(changed, taken);
          return this.change(run, 'changing', to);
        }
        // Somebody else has rewritten it since it was read.
        if (!this.change(run, 'changing', from)) return false;
      } finally {
        fs.rmSync(changed, { force: true });
      }
    }
    return false;
  }

  /** What somebody left half done who has died since: older than `restMs`. */
  recoverChanges(restMs: number, now = Date.now()): void {
    for (const run of this.runsIn('changing')) {
      if (now - this.since(run, 'changing') < restMs) continue;
      const moving = this.read(run, 'changing')?.movingTo ?? null;
      this.change(run, 'changing', moving === null ? 'waiting' : 'moving');
    }
  }

  get hold(): QueueHold | null {
    return readJson(path.join(this.path, 'hold.json'), holdSchema)?.hold ?? null;
  }

  setHold(hold: QueueHold | null): void {
    const file = path.join(this.path, 'hold.json');
    if (hold === null) {
      fs.rmSync(file, { force: true });
      return;
    }
    this.prepare();
    writeByRename(file, `${JSON.stringify({ schema: 1, hold })}\n`);
  }

  /** Why the first job that could start did not; null where nothing hinders it. Written by the runner. */
  get why(): string | null {
    return readJson(path.join(this.path, 'why.json'), whySchema)?.sentence ?? null;
  }

  /** A disk that takes no sentence does not keep runs from starting. */
  setWhy(sentence: string | null): void {
    const file = path.join(this.path, 'why.json');
    try {
      if (sentence === null) fs.rmSync(file, { force: true });
      else if (sentence !== this.why) writeByRename(file, `${JSON.stringify({ schema: 1, sentence })}\n`);
    } catch (thrown) {
      if (!hasCode(thrown, 'ENOSPC', 'EDQUOT')) throw thrown;
    }
  }

  #file(run: string, status: JobStatus): string {
    if (!isRunId(run)) throw new BiphaseError('refused', `"${run}" is not a run id.`);
    return path.join(this.path, `${run}.${status}.json`);
  }

  #ticket(run: string, ticket: string): string {
    if (!isRunId(run) || !/^[0-9a-f]{16}$/.test(ticket))
      throw new BiphaseError('refused', `"${ticket}" is not a ticket of "${run}".`);
    return path.join(this.path, `${run}.${ticket}.ticket.json`);
  }
}

/** The queues of all hosts that share a root. */
export function allQueues(queues: string): QueueFolder[] {
  return namesIn(queues).flatMap((name) => {
    const host = name.startsWith('host-') ? decoded(name.slice('host-'.length)) : null;
    return host === null ? [] : [new QueueFolder(queues, host)];
  });
}

/** The queue that holds a run: this host's, else another's of the root. This host's where none does. */
export function queueWith(queues: string, run: string, own: QueueFolder): QueueFolder {
  if (own.statusOf(run) !== null) return own;
  return allQueues(queues).find((queue) => queue.statusOf(run) !== null) ?? own;
}

/** False where there is nothing to rename: somebody else was quicker. */
function renamed(from: string, to: string): boolean {
  try {
    fs.renameSync(from, to);
    return true;
  } catch (thrown) {
    if (hasCode(thrown, 'ENOENT')) return false;
    throw thrown;
  }
}

function notOfTheQueue(file: string): BiphaseError {
  return new BiphaseError('refused', `${file} is no file of the queue.`, { next: 'Move it away.' });
}

/** Asked once: a job may come there in between. */
function isObstacle(place: string): boolean {
  return fs.lstatSync(place, { throwIfNoEntry: false })?.isFile() === false;
}

function isFile(place: string): boolean {
  return fs.lstatSync(place, { throwIfNoEntry: false })?.isFile() ?? false;
}

function decoded(name: string): string | null {
  try {
    return decodeURIComponent(name);
  } catch {
    return null;
  }
}
