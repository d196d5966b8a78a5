import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { toBiphaseError } from '../core/errors.ts';
import { type Handlers, RpcPeer } from '../core/rpcPeer.ts';
import { isActive } from '../core/runState.ts';
import {
  type AgentEvents,
  type AgentMethods,
  agentEvents,
  agentMethods,
  agentProtocolVersion,
  type FollowedFile,
  followedFiles,
  type RunReport,
} from '../protocol/agentApi.ts';
import { bundleUseMs, cleanBundles, markBundleUsed } from './bundleCleaning.ts';
import { listCheckpoint } from './checkpointFileList.ts';
import { ticketOf } from './claimRun.ts';
import { FileFollower } from './fileFollower.ts';
import { listFolder } from './folderList.ts';
import { Launcher } from './launcher.ts';
import type { NodeRoot } from './nodeRoot.ts';
import type { Outbox } from './outbox.ts';
import type { Program } from './ownBundle.ts';
import { probeNode } from './probe/probe.ts';
import type { ProcessTable } from './processTable.ts';
import { changeJob } from './queue/changeJob.ts';
import { refuseArrival } from './queue/enterQueue.ts';
import { reviewStarted } from './queue/jobReview.ts';
import { forgetMoved, moveJob, recoverMoved } from './queue/moveJob.ts';
import { MoveMarks } from './queue/moveMarks.ts';
import { QueueFolder, queueWith } from './queue/queueFolder.ts';
import { ensureRunner } from './queue/runnerProcess.ts';
import { withdrawJob } from './queue/withdrawal.ts';
import { deleteRun, killRun, stopRun, stopStarting } from './runActions.ts';
import { readSlice } from './runFileSlice.ts';
import { RunWatcher, type RunWatcherEvents } from './runWatcher.ts';
import { cleanArrays } from './slurm/arrayFiles.ts';
import { jobOfRun, killJob, withdrawJob as withdrawSlurmJob } from './slurm/endJob.ts';
import { HeldReleaser } from './slurm/heldReleaser.ts';
import { HeldRuns } from './slurm/heldRuns.ts';
import type { CurrentJob } from './slurm/jobRecord.ts';
import { JobWatch } from './slurm/jobWatch.ts';
import { cleanStages } from './space/cleanStages.ts';
import { finishDeletions } from './space/putAside.ts';
import { SpaceService } from './space/spaceService.ts';
import { unpackedPacks, unpackFiles } from './unpackFiles.ts';
import { isStoppedUnbegun } from './wrapper/unbegunSegment.ts';

/** Milliseconds that a followed file rests after what was sent of it. */
const followRestMs = 40;
/** A launch writes its ticket and claims its run within milliseconds. */
const ticketRestMs = 24 * 3_600_000;

type NoMethods = Record<never, never>;
type AgentPeer = RpcPeer<AgentMethods, NoMethods, AgentEvents, NoMethods>;

/** One control's view of this node: answers its calls, reports runs, forwards the files it follows. */
export class AgentService {
  readonly peer: AgentPeer;
  readonly #root: NodeRoot;
  readonly #table: ProcessTable;
  readonly #own: Program;
  readonly #outbox: Outbox;
  readonly #jobs: JobWatch;
  readonly #queue: QueueFolder;
  readonly #held: HeldRuns;
  readonly #releaser: HeldReleaser;
  readonly #launcher: Launcher;
  readonly #watcher: RunWatcher;
  readonly #space: SpaceService;
  readonly #leave: () => void;
  readonly #followers = new Map<string, FileFollower>();
  #bundleUse: NodeJS.Timeout | undefined;
  #open = 0;
  #idle: (() => void) | undefined;

  constructor(
    root: NodeRoot,
    table: ProcessTable,
    own: Program,
    { outbox, background, leave }: { outbox: Outbox; background: boolean; leave: () => void },
  ) {
    this.#root = root;
    this.#table = table;
    this.#own = own;
    this.#outbox = outbox;
    this.#queue = new QueueFolder(root.queues, table.host);
    this.#jobs = new JobWatch((run) => this.#watcher.refresh(run));
    this.#held = new HeldRuns(root);
    this.#releaser = new HeldReleaser(
      root,
      table,
      (sentence) => void process.stderr.write(`Slurm: ${sentence}\n`),
    );
    this.#leave = leave;
    this.#space = new SpaceService(root, table, own.hash, this.#jobs, (run) => this.#watcher.refresh(run));
    this.#launcher = new Launcher(root, table, own, background, this.#jobs);
    const events: RunWatcherEvents = {
      report: (report) => {
        this.peer.emit('run', report);
        if (!isActive(report.state)) this.#reviewQueue();
        if (report.state === 'finished') this.#releaser.look();
      },
      queue: (hold) => this.peer.emit('queue', { hold }),
      gone: (run) => this.#forget(run),
      changed: (run, file) => this.#look(run, file),
    };
    this.#watcher = new RunWatcher(root, table, events, this.#jobs);
    this.peer = new RpcPeer(
      { served: agentMethods, called: {}, sent: agentEvents, received: {} },
      this.#counted(this.#handlers()),
      (bytes) => outbox.send(bytes),
    );
  }

  /** Resolves when every call that came in has been answered. */
  async settled(): Promise<void> {
    while (this.#open > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
      // The answer itself is sent a few microtasks after its handler.
      await nextTurn();
    }
  }

  /** Stops watching and following; runs go on. */
  close(): void {
    this.#watcher.close();
    this.#jobs.close();
    this.#releaser.close();
    this.#space.close();
    clearInterval(this.#bundleUse);
    for (const follower of this.#followers.values()) follower.close();
    this.#followers.clear();
  }

  #handlers(): Handlers<AgentMethods> {
    const root = this.#root;
    const table = this.#table;
    return {
      hello: async () => {
        root.prepare();
        return {
          protocol: agentProtocolVersion,
          bundle: this.#own.hash,
          host: table.host,
          bootId: table.bootId,
          rootId: root.id(),
          root: root.path,
          platform: process.platform,
          arch: process.arch,
          nodeVersion: process.versions.node,
          now: Date.now() / 1000,
        };
      },
      probe: () => probeNode(root, table),
      watch: async () => {
        root.prepare();
        this.#reviewQueue();
        const runs = this.#watcher.start();
        this.#tidy(runs);
        this.#releaser.look();
        return { runs, hold: this.#queue.hold };
      },
      follow: async ({ run, file, offset, identity }) => {
        this.#follow(run, file, { offset, identity });
        return {};
      },
      unfollow: async ({ run, file }) => {
        this.#unfollow(`${run}/${file}`);
        return {};
      },
      launch: async ({ spec, queue, move, ...surroundings }) => {
        const answer = await this.#launcher.launch(spec, surroundings, queue, move);
        if (answer.queued) this.#wakeQueue();
        this.#watcher.refresh(spec.id);
        return answer;
      },
      launchArray: async ({ array, specs, atOnce, ...surroundings }) => {
        const answer = await this.#launcher.launchArray({ array, specs, atOnce }, surroundings);
        for (const { id } of specs) this.#watcher.refresh(id);
        return answer;
      },
      resume: async ({ run, queue, ...surroundings }) => {
        const answer = await this.#launcher.resume(run, surroundings, queue);
        if (answer.queued) this.#wakeQueue();
        this.#watcher.refresh(run);
        return answer;
      },
      stop: async ({ run }) => {
        if (!withdrawJob(this.#queueWith(run), root, table, run)) {
          stopRun(root, run, table);
          await this.#withJob(run, (directory, job) => withdrawSlurmJob(directory, job, table));
        }
        this.#watcher.refresh(run);
        return {};
      },
      kill: async ({ run }) => {
        const withdrawn = withdrawJob(this.#queueWith(run), root, table, run);
        const signalled =
          !withdrawn &&
          ((await this.#withJob(run, (directory, job) => killJob(directory, job, table))) ??
            killRun(root, run, table));
        // Nothing of it computes yet: it ends before it does.
        if (!withdrawn && !signalled) stopStarting(root, run, table);
        this.#watcher.refresh(run);
        return { signalled };
      },
      changeQueued: async ({ run, priority, finished }) => {
        if (priority === undefined && this.#held.waitsFor(run)) {
          this.#held.strike(run, finished);
          this.#releaser.look();
        } else changeJob(this.#queueWith(run), run, { priority, finished });
        this.#wakeQueue();
        this.#watcher.refresh(run);
        return {};
      },
      moveQueued: async ({ run, to, move }) => {
        const moving = moveJob(this.#queueWith(run), root, run, to, move);
        this.#wakeQueue();
        this.#watcher.refresh(run);
        return { moving };
      },
      forgetMoved: async ({ run, move }) => {
        const forgotten = await forgetMoved(this.#queueWith(run), root, run, move);
        this.#watcher.refresh(run);
        return { stopped: !forgotten && isStoppedUnbegun(root.runDirectory(run)) };
      },
      refuseMove: async ({ run, move }) => {
        const arrived = await refuseArrival(root, this.#queue, table, run, move);
        this.#watcher.refresh(run);
        return { arrived };
      },
      settleMove: async ({ run, move }) => {
        new MoveMarks(root.queues).settle(run, move);
        return {};
      },
      holdQueue: async ({ hold }) => {
        this.#queue.setHold(hold);
        this.#wakeQueue();
        this.#watcher.refreshQueued();
        return {};
      },
      read: async ({ run, file, offset, length }) => {
        const { size, bytes } = readSlice(root.existingRunDirectory(run), file, offset, length);
        return { withBytes: { value: { size }, binary: bytes } };
      },
      checkpoint: async ({ run, step }) => ({
        files: await listCheckpoint(root.existingRunDirectory(run), step),
      }),
      unpacked: async ({ parts }) => ({ packs: unpackedPacks(root, parts) }),
      unpack: async (request) => {
        await unpackFiles(root, request);
        return {};
      },
      delete: async ({ run }) => {
        await this.#withJob(run, (_directory, job) => this.#jobs.look(new Map([[run, job]])));
        await deleteRun(root, run, table, this.#jobs);
        this.#watcher.refresh(run);
        return {};
      },
      diskUse: ({ ask }) => this.#space.diskUse(ask),
      interrupt: async ({ ask }) => {
        this.#space.interrupt(ask);
        return {};
      },
      freeSpace: async ({ items }) => ({ results: await this.#space.free(items) }),
      removeRoot: async ({ rootId }) => {
        const left = await this.#space.removeRoot(rootId);
        // The answer goes first.
        setImmediate(this.#leave);
        return { left };
      },
      list: ({ path: folder }) => listFolder(folder),
    };
  }

  /** Undefined where the run is no Slurm job. */
  async #withJob<T>(
    run: string,
    act: (directory: string, job: CurrentJob) => Promise<T>,
  ): Promise<T | undefined> {
    const directory = this.#root.existingRunDirectory(run);
    const job = jobOfRun(directory);
    return job ? act(directory, job) : undefined;
  }

  /** Hosts that share the root show each other's runs: what is asked of one reaches it in whichever queue it is. */
  #queueWith(run: string): QueueFolder {
    return queueWith(this.#root.queues, run, this.#queue);
  }

  /** A run of the queue may have ended, or lost its place. Where that cannot be seen, runs are served all the same. */
  #reviewQueue(): void {
    const complain = (sentence: string): void => void process.stderr.write(`The queue: ${sentence}\n`);
    try {
      recoverMoved(this.#queue, this.#root);
      reviewStarted(this.#queue, this.#root, this.#table, complain);
      this.#wakeQueue();
    } catch (thrown) {
      complain(toBiphaseError(thrown).message);
    }
  }

  #wakeQueue(): void {
    ensureRunner(this.#root, this.#table, this.#own);
  }

  /** Nobody waits for it, and nothing depends on it. */
  #tidy(runs: RunReport[]): void {
    const { hash } = this.#own;
    const complain = (thrown: unknown): void => void process.stderr.write(`Tidying up: ${String(thrown)}\n`);
    const use = async (): Promise<void> => markBundleUsed(this.#root, hash);
    clearInterval(this.#bundleUse);
    this.#bundleUse = setInterval(() => use().catch(complain), bundleUseMs).unref();
    use()
      .then(() => cleanBundles(this.#root, runs, hash))
      .then(() => cleanArrays(this.#root, runs))
      .then(() => finishDeletions(this.#root))
      .then(() => cleanStages(this.#root))
      .then(() => this.#tidyQueue())
      .catch(complain);
  }

  #tidyQueue(): void {
    new MoveMarks(this.#root.queues).clean();
    this.#queue.cleanTickets(
      ticketRestMs,
      (run, ticket) => ticketOf(this.#root.runDirectory(run))?.name === ticket,
    );
  }

  #follow(run: string, file: FollowedFile, start: { offset: number; identity: string | null }): void {
    const directory = this.#root.existingRunDirectory(run);
    // Changes are noticed by the watcher.
    this.#watcher.start();
    const key = `${run}/${file}`;
    this.#unfollow(key);
    const follower = new FileFollower(
      path.join(directory, file),
      start,
      ({ offset, identity, reset, bytes }) =>
        this.peer.emit('bytes', { run, file, offset, identity, reset }, bytes),
      () => this.#outbox.ready(),
      followRestMs,
    );
    this.#followers.set(key, follower);
    this.#lookAt(follower);
  }

  #unfollow(key: string): void {
    this.#followers.get(key)?.close();
    this.#followers.delete(key);
  }

  #look(run: string, file: string | null): void {
    for (const followed of followedFiles) {
      const follower = this.#followers.get(`${run}/${followed}`);
      if (follower && (file === null || file === followed)) this.#lookAt(follower);
    }
  }

  #lookAt(follower: FileFollower): void {
    // An unreadable file is looked at again with the next change; the run's report tells of the rest.
    follower.look().catch((thrown: unknown) => process.stderr.write(`${String(thrown)}\n`));
  }

  #forget(run: string): void {
    for (const file of followedFiles) this.#unfollow(`${run}/${file}`);
    this.peer.emit('gone', { run });
  }

  /** Counts open calls, so that the agent can end after the last answer; a root that goes away serves none. */
  #counted(handlers: Handlers<AgentMethods>): Handlers<AgentMethods> {
    const counted = Object.entries(handlers).map(([name, handler]) => {
      const serve = handler as (params: unknown, binary: Uint8Array | undefined) => Promise<unknown>;
      return [
        name,
        async (params: unknown, binary: Uint8Array | undefined) => {
          this.#space.refuseRemoved();
          this.#open++;
          try {
            return await serve(params, binary);
          } finally {
            this.#open--;
            if (this.#open === 0) this.#idle?.();
          }
        },
      ];
    });
    return Object.fromEntries(counted) as Handlers<AgentMethods>;
  }
}
