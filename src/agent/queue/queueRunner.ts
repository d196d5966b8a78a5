import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { scaledMs } from '../../core/clock.ts';
import { BiphaseError, toBiphaseError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { startsBefore } from '../../core/scheduling.ts';
import { runFiles } from '../../protocol/runDirectory.ts';
import { hasFinished } from '../hasFinished.ts';
import { Launcher } from '../launcher.ts';
import { isPlainFolder, type NodeRoot } from '../nodeRoot.ts';
import type { Program } from '../ownBundle.ts';
import type { ProcessTable } from '../processTable.ts';
import { isStopped } from '../requests.ts';
import { JobWatch } from '../slurm/jobWatch.ts';
import { newestSegment } from '../wrapper/newestSegment.ts';
import { recordUnbegun } from '../wrapper/unbegunSegment.ts';
import { recoverTaken, reviewStarted, settleTaken } from './jobReview.ts';
import { type Job, QueueFolder } from './queueFolder.ts';
import { RunnerLock } from './runnerLock.ts';
import { hasWaiting } from './runnerProcess.ts';
import { recoverWithdrawn, withdrawJob } from './withdrawal.ts';

/** Who leaves a GPU gives no sign: slots are asked for this often. */
const lookMs = 3000;
/** The runner's own changes wake it too: after a look in which nothing began it rests for so long in any case. */
const restMs = 100;
/** So often in a row the queue may not be readable; a full disk is waited for, however long. */
const mostFailures = 20;
/** A rewrite takes milliseconds; one that is older was left by a process that died. */
const changeRestMs = 10_000;

/** Starts the waiting runs of this host's queue in free slots, in order, and ends when none waits. */
export class QueueRunner {
  readonly #root: NodeRoot;
  readonly #table: ProcessTable;
  readonly #own: Program;
  readonly #queue: QueueFolder;
  readonly #jobs: JobWatch;
  readonly #log: (line: string) => void;
  /** Waiting jobs as they were read: most do not change from look to look. */
  readonly #known = new Map<string, { mark: string; job: Job }>();

  constructor(root: NodeRoot, table: ProcessTable, own: Program, log: (line: string) => void) {
    this.#root = root;
    this.#table = table;
    this.#own = own;
    this.#queue = new QueueFolder(root.queues, table.host);
    // What lies in this queue is no job of Slurm's; its reports are read once.
    this.#jobs = new JobWatch(() => {});
    this.#log = log;
  }

  /** Does nothing where another process is at it. */
  async run(): Promise<void> {
    this.#queue.prepare();
    const lock = new RunnerLock(this.#queue, this.#table);
    do {
      const giveBack = lock.take();
      if (!giveBack) return;
      try {
        await this.#serve();
      } finally {
        giveBack();
      }
      // Who added a job a moment ago saw this runner alive.
    } while (hasWaiting(this.#queue));
  }

  /** Goes on after what fails: runs wait for it, perhaps with nobody there to start another one. */
  async #serve(): Promise<void> {
    using news = new News(this.#queue.path);
    let recovered = false;
    let failures = 0;
    for (;;) {
      try {
        if (!recovered) this.#recover();
        recovered = true;
        if (await this.#look(news)) return;
        failures = 0;
      } catch (thrown) {
        recovered = false;
        const { kind, message } = toBiphaseError(thrown);
        if (failures === 0) this.#log(`The queue is looked at again: ${printable(message)}`);
        failures = kind === 'full' ? 1 : failures + 1;
        if (failures > mostFailures) throw thrown;
        await sleep(scaledMs(lookMs));
      }
    }
  }

  /** What processes that died left half done. */
  #recover(): void {
    recoverTaken(this.#queue, this.#root, this.#table);
    recoverWithdrawn(this.#queue, this.#root, this.#table, (sentence) => this.#log(sentence));
  }

  /** One look at what waits, and a rest where nothing began. True where nothing waits. */
  async #look(news: News): Promise<boolean> {
    const queue = this.#queue;
    queue.recoverChanges(scaledMs(changeRestMs));
    reviewStarted(queue, this.#root, this.#table, (sentence) => this.#log(sentence));
    const waiting = queue.hold === null ? this.#waiting() : [];
    const changing = queue.hold === null && queue.runsIn('changing').length > 0;
    if (waiting.length === 0 && !changing) {
      queue.setWhy(null);
      return true;
    }
    news.follow(queue.runsIn('started').map((run) => this.#root.runDirectory(run)));
    if (await this.#startWhatFits(waiting)) return false;
    await sleep(scaledMs(restMs));
    await news.wait(scaledMs(lookMs));
    return false;
  }

  #waiting(): Job[] {
    const runs = this.#queue.runsIn('waiting');
    const here = new Set(runs);
    for (const run of this.#known.keys()) if (!here.has(run)) this.#known.delete(run);
    const jobs = runs.flatMap((run) => {
      const job = this.#read(run);
      if (!job) this.#giveUp(run);
      return job ? [job] : [];
    });
    return jobs.sort(startsBefore);
  }

  /** Null where it is damaged, or may not be read: that must not keep the others from starting. */
  #read(run: string): Job | null {
    try {
      const mark = this.#queue.markOf(run, 'waiting');
      const known = this.#known.get(run);
      if (known && known.mark === mark) return known.job;
      const job = this.#queue.read(run, 'waiting');
      // By the mark that was there before it was read: one that has changed since is read again.
      if (job && mark !== null) this.#known.set(run, { mark, job });
      return job;
    } catch {
      return null;
    }
  }

  /** What it would have been given is not known: its run says so, and can be resumed. */
  #giveUp(run: string): void {
    if (!this.#queue.change(run, 'waiting', 'starting')) return;
    const directory = this.#root.runDirectory(run);
    try {
      if (isPlainFolder(directory))
        recordUnbegun(directory, this.#table, { error: 'Its place in the queue was damaged.' });
    } catch (thrown) {
      this.#log(
        `${run}, whose place was damaged, cannot say so: ${printable(toBiphaseError(thrown).message)}`,
      );
    }
    this.#queue.remove(run, 'starting');
  }

  /** One after the other, so that each sees the slots that those before it took. True where something began. */
  async #startWhatFits(waiting: readonly Job[]): Promise<boolean> {
    const finished = new Map<string, boolean>();
    const refused = new Set<string>();
    let why: string | null = null;
    let begun = false;
    for (const job of waiting) {
      if (this.#queue.hold !== null) break;
      if (!job.after.every((run) => this.#hasFinished(run, finished))) continue;
      const wish = JSON.stringify(job.slot);
      if (refused.has(wish)) continue;
      const refusal = await this.#start(job);
      if (refusal === null) begun = true;
      else {
        // What is wrong with one run keeps no other from its slot.
        if (isPassing(refusal)) refused.add(wish);
        why ??= refusal.message;
      }
    }
    this.#queue.setWhy(why);
    return begun;
  }

  /** Null where it is no longer waiting; else why it waits on. */
  async #start(job: Job): Promise<BiphaseError | null> {
    try {
      return await this.#tryStart(job);
    } catch (thrown) {
      // Its folder, or the queue's, cannot be read or written now.
      this.#queue.change(job.run, 'starting', 'waiting');
      return toBiphaseError(thrown);
    }
  }

  async #tryStart({ run, slot, environment, setup, background }: Job): Promise<BiphaseError | null> {
    const queue = this.#queue;
    const directory = this.#root.runDirectory(run);
    const before = newestSegment(directory);
    if (isStopped(directory, before + 1)) {
      // Asked while it was being started, by a runner that died.
      withdrawJob(queue, this.#root, this.#table, run);
      return null;
    }
    const launcher = new Launcher(this.#root, this.#table, this.#own, background, this.#jobs);
    const surroundings = { environment, setup, slot: slot ?? undefined };
    const refusal = await launcher.checkSlot(surroundings).catch((thrown: unknown) => toBiphaseError(thrown));
    // Before it is taken: each change of the queue wakes whoever looks at it.
    if (refusal && isPassing(refusal)) return refusal;
    if (!queue.change(run, 'waiting', 'starting')) return null;
    if (!isPlainFolder(directory)) {
      queue.remove(run, 'starting');
      return null;
    }
    try {
      if (refusal) throw refusal;
      if (await launcher.startQueued(run, surroundings)) {
        queue.change(run, 'starting', 'started');
        this.#log(`${run} was started.`);
        return null;
      }
    } catch (thrown) {
      const error = toBiphaseError(thrown);
      if (isPassing(error)) {
        queue.change(run, 'starting', 'waiting');
        if (!isStopped(directory, before + 1)) return error;
        withdrawJob(queue, this.#root, this.#table, run);
        return null;
      }
      this.#log(`${run} could not be started: ${printable(error.message)}`);
      if (newestSegment(directory) === before)
        recordUnbegun(directory, this.#table, { error: error.message });
    }
    settleTaken(queue, run, this.#root, this.#table, before);
    if (queue.statusOf(run) !== 'waiting') return null;
    return new BiphaseError('refused', 'It is being started by another process.');
  }

  /** A run of another root is not known here: control says when it has finished. */
  #hasFinished(run: string, known: Map<string, boolean>): boolean {
    const answer = known.get(run) ?? hasFinished(this.#root, run, this.#table);
    known.set(run, answer);
    return answer;
  }
}

/** The same start may go well later. */
function isPassing({ kind }: BiphaseError): boolean {
  return kind === 'full' || kind === 'unreachable';
}

/** Wakes the runner when the queue changes or a run that it follows ends. */
class News {
  readonly #queueWatcher: fs.FSWatcher | undefined;
  readonly #runs = new Map<string, fs.FSWatcher | undefined>();
  #fresh = false;
  #wake: (() => void) | undefined;

  constructor(queueFolder: string) {
    this.#queueWatcher = this.#watch(
      queueFolder,
      (name) => name.endsWith('.waiting.json') || name === 'hold.json',
    );
  }

  follow(directories: readonly string[]): void {
    for (const [directory, watcher] of this.#runs) {
      if (directories.includes(directory)) continue;
      watcher?.close();
      this.#runs.delete(directory);
    }
    for (const directory of directories)
      if (!this.#runs.has(directory))
        this.#runs.set(
          directory,
          this.#watch(directory, (name) => name === runFiles.exit),
        );
  }

  /** Until there is news, at the longest for so many milliseconds. */
  async wait(ms: number): Promise<void> {
    if (!this.#fresh)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    this.#fresh = false;
    this.#wake = undefined;
  }

  [Symbol.dispose](): void {
    this.#queueWatcher?.close();
    this.follow([]);
  }

  /** Undefined where the system has no such events, and looking must do. */
  #watch(folder: string, matters: (name: string) => boolean): fs.FSWatcher | undefined {
    try {
      const watcher = fs.watch(folder, (_event, name) => {
        if (name !== null && !matters(path.basename(name))) return;
        this.#fresh = true;
        this.#wake?.();
      });
      watcher.on('error', () => watcher.close());
      return watcher;
    } catch {
      return undefined;
    }
  }
}
