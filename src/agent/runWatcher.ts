import fs from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { scaledMs } from '../core/clock.ts';
import { toBiphaseError } from '../core/errors.ts';
import { whyOnlyShown } from '../core/newerSchema.ts';
import { isActive } from '../core/runState.ts';
import type { RunReport } from '../protocol/agentApi.ts';
import type { QueueHold } from '../protocol/queue.ts';
import { runFiles } from '../protocol/runDirectory.ts';
import { hasCode } from './files.ts';
import type { NodeRoot } from './nodeRoot.ts';
import type { ProcessTable } from './processTable.ts';
import { QueueFolder } from './queue/queueFolder.ts';
import { QueueListing } from './queue/queueListing.ts';
import { readRunReport } from './runReport.ts';
import type { JobWatch } from './slurm/jobWatch.ts';

/** Network file systems and dying processes raise no event: everything active is looked at this often. */
const pollMs = 400;
/** Events of one write come in a burst; a report is read once after it. */
const settleMs = 15;

export interface RunWatcherEvents {
  report: (report: RunReport) => void;
  gone: (run: string) => void;
  /** The queue was held, or goes on. */
  queue: (hold: QueueHold | null) => void;
  /** A file directly in the run's directory changed, or null: look at all of them. */
  changed: (run: string, file: string | null) => void;
}

interface Watched {
  report: RunReport | null;
  watcher: fs.FSWatcher | undefined;
  /** The directory's own time when an ended run was last read: a rename in it changes it. */
  directoryTime: number;
  settling: NodeJS.Timeout | undefined;
  /** Why it could not be read the last time; told once. */
  trouble: string | undefined;
}

/** Keeps the reports of all runs under a root up to date, from file system events and by looking. */
export class RunWatcher {
  readonly #root: NodeRoot;
  readonly #table: ProcessTable;
  readonly #events: RunWatcherEvents;
  readonly #jobs: JobWatch | undefined;
  readonly #runs = new Map<string, Watched>();
  #rootWatcher: fs.FSWatcher | undefined;
  readonly #queue: QueueFolder;
  readonly #listing: QueueListing;
  #timer: NodeJS.Timeout | undefined;
  /** Of the queue's folder, and what it said of runs then. */
  #queueTime = 0;
  #hold: QueueHold | null;
  #closed = false;

  constructor(root: NodeRoot, table: ProcessTable, events: RunWatcherEvents, jobs?: JobWatch) {
    this.#jobs = jobs;
    this.#root = root;
    this.#table = table;
    this.#events = events;
    this.#queue = new QueueFolder(root.queues, table.host);
    this.#listing = new QueueListing(root.queues);
    this.#hold = this.#queue.hold;
  }

  /** Reports of all runs now; events from then on. Calling it again only answers. */
  start(): RunReport[] {
    if (!this.#timer) {
      this.#rootWatcher = watchFolder(this.#root.runs, () => this.#scan());
      this.#scan(false);
      this.#timer = setInterval(() => this.#poll(), scaledMs(pollMs));
    }
    return [...this.#runs.values()].flatMap(({ report }) => (report ? [report] : []));
  }

  /** Reads one run's report now and tells when it changed. */
  refresh(run: string): void {
    const watched = this.#runs.get(run);
    if (!watched) {
      if (this.#timer) this.#scan();
      return;
    }
    const report = this.#read(run, watched);
    if (report === null) this.#drop(run, watched);
    if (!report) return;
    if (isDeepStrictEqual(report, watched.report)) return;
    watched.report = report;
    this.#events.report(report);
  }

  /** Reads all that wait in a queue: what holds one holds the others too. */
  refreshQueued(): void {
    const { hold } = this.#queue;
    if (hold !== this.#hold) {
      this.#hold = hold;
      this.#events.queue(hold);
    }
    const changed = this.#listing.look();
    for (const [run, { report }] of this.#runs)
      if (changed.has(run)) this.refresh(run);
      else if (report?.state === 'queued') this.#refreshReason(run, report);
  }

  /** Of a run whose job is as it was: only what holds up its queue may be another. */
  #refreshReason(run: string, report: RunReport): void {
    const said = report.queue && this.#listing.reasonOf(run, report.queue);
    if (!said) {
      this.refresh(run);
      return;
    }
    const { reason: before, ...rest } = report;
    const reason = said.sentence ?? whyOnlyShown(report.spec);
    const watched = this.#runs.get(run);
    if (reason === before || !watched) return;
    watched.report = reason === undefined ? rest : { ...rest, reason };
    this.#events.report(watched.report);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#rootWatcher?.close();
    for (const watched of this.#runs.values()) {
      watched.watcher?.close();
      clearTimeout(watched.settling);
    }
    this.#runs.clear();
  }

  #scan(tell = true): void {
    if (this.#closed) return;
    const ids = this.#runIds();
    if (!ids) return;
    for (const [run, watched] of this.#runs) if (!ids.has(run)) this.#drop(run, watched);
    for (const run of ids) if (!this.#runs.has(run)) this.#add(run, tell);
  }

  /** Undefined while the folder of runs cannot be read: nothing is known to be gone. */
  #runIds(): Set<string> | undefined {
    try {
      return new Set(this.#root.runIds());
    } catch {
      return undefined;
    }
  }

  #add(run: string, tell: boolean): void {
    const directory = this.#root.runDirectory(run);
    // Watched before it is read, so that no change falls between.
    const watched: Watched = {
      watcher: watchFolder(directory, (file) => this.#touched(run, file)),
      report: null,
      directoryTime: directoryTime(directory),
      settling: undefined,
      trouble: undefined,
    };
    this.#runs.set(run, watched);
    const report = this.#read(run, watched);
    if (report === null) this.#drop(run, watched);
    if (!report) return;
    watched.report = report;
    if (tell) {
      this.#events.report(watched.report);
      this.#events.changed(run, null);
    }
  }

  /**
   * Null where the directory is gone; undefined where it is there and cannot be read: then what was last seen stays,
   * and the other runs are served as before.
   */
  #read(run: string, watched: Watched): RunReport | null | undefined {
    try {
      const report = readRunReport(this.#root, run, this.#table, { jobs: this.#jobs });
      watched.trouble = undefined;
      return report;
    } catch (thrown) {
      const { message } = toBiphaseError(thrown);
      if (message !== watched.trouble) process.stderr.write(`Run ${run} cannot be read: ${message}\n`);
      watched.trouble = message;
      return undefined;
    }
  }

  #drop(run: string, watched: Watched): void {
    watched.watcher?.close();
    clearTimeout(watched.settling);
    this.#runs.delete(run);
    this.#events.gone(run);
  }

  #touched(run: string, file: string | null): void {
    if (this.#closed) return;
    this.#events.changed(run, file);
    // Its lines go to those who follow it, and nothing of it is in a report.
    if (file === runFiles.metrics) return;
    const watched = this.#runs.get(run);
    if (!watched || watched.settling) return;
    watched.settling = setTimeout(() => {
      watched.settling = undefined;
      if (!this.#closed) this.refresh(run);
    }, settleMs);
  }

  #poll(): void {
    this.#scan();
    const queueTime = directoryTime(this.#queue.path);
    if (queueTime !== this.#queueTime) {
      this.#queueTime = queueTime;
      this.refreshQueued();
    }
    for (const [run, watched] of this.#runs) {
      const time = directoryTime(this.#root.runDirectory(run));
      const { report } = watched;
      // What waits in a queue of the node changes with the queue's folder; what waits in Slurm's, without any file.
      const rests = report && (report.queue || !isActive(report.state));
      if (rests && time === watched.directoryTime) continue;
      watched.directoryTime = time;
      this.#events.changed(run, null);
      this.refresh(run);
    }
  }
}

function directoryTime(directory: string): number {
  try {
    return fs.statSync(directory, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  } catch {
    return 0;
  }
}

/** Events of a folder's direct entries; undefined where the system has none to give, and looking must do. */
function watchFolder(folder: string, changed: (file: string | null) => void): fs.FSWatcher | undefined {
  try {
    const watcher = fs.watch(folder, { persistent: false }, (_event, name) => changed(name));
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch (thrown) {
    if (hasCode(thrown, 'ENOENT', 'ENOSPC', 'EMFILE', 'ENOTDIR', 'EPERM', 'ENOSYS', 'EACCES', 'ELOOP'))
      return undefined;
    throw thrown;
  }
}
