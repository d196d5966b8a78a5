import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { scaledMs } from '../core/clock.ts';
import { BiphaseError } from '../core/errors.ts';
import { refuseNewer } from '../core/newerSchema.ts';
import { isActive } from '../core/runState.ts';
import type { SlotWish } from '../protocol/agentApi.ts';
import type { QueueWish } from '../protocol/queue.ts';
import { exitCodes, exitSchema, runFiles, type Spec, wrapperStateSchema } from '../protocol/runDirectory.ts';
import type { SlurmOptions } from '../protocol/slurm.ts';
import { claimRun, ticketOf } from './claimRun.ts';
import { ownDetachment } from './detachment.ts';
import { openToAppend, readJson, writeByRename } from './files.ts';
import type { NodeRoot } from './nodeRoot.ts';
import { findProgram, needProgram, type Program } from './ownBundle.ts';
import type { ProcessTable } from './processTable.ts';
import { mustQueue, newJob } from './queue/enqueue.ts';
import { enterQueue } from './queue/enterQueue.ts';
import { allQueues, jobStatuses, QueueFolder } from './queue/queueFolder.ts';
import { readLastOutput, readRunReport } from './runReport.ts';
import { checkSlot } from './slots/claimSlot.ts';
import { slotVariable } from './slots/slotVariable.ts';
import { jobOfRun } from './slurm/endJob.ts';
import { submitArray } from './slurm/jobArray.ts';
import { readJobRecord } from './slurm/jobRecord.ts';
import type { JobWatch } from './slurm/jobWatch.ts';
import { findSlurm } from './slurm/slurmTools.ts';
import { submitAfter } from './slurm/submitAfter.ts';
import { putAside } from './space/putAside.ts';
import { removeTree } from './space/removeTree.ts';
import { newestSegment } from './wrapper/newestSegment.ts';
import { segmentLockHeld } from './wrapper/segmentLock.ts';
import { exitCodeAlready, exitCodeNoSlot } from './wrapper/wrapper.ts';

const startPatienceMs = 60_000;
const pollMs = 10;

/** What the trainer gets beside its spec. None is stored: values of the environment may be secret. */
export interface Surroundings {
  environment: Record<string, string>;
  /** Lines for sh, as the person wrote them for this node. */
  setup: string[];
  slot?: SlotWish | undefined;
  /** Slurm starts the run, and gives it what it needs. */
  slurm?: SlurmOptions | undefined;
}

export interface Launched {
  already: boolean;
  /** It waits for its slot. */
  queued?: true;
}

export interface Resumed {
  segment: number;
  queued?: true;
}

/** Starts runs on this machine so that they outlive whoever asked. */
export class Launcher {
  readonly #root: NodeRoot;
  readonly #table: ProcessTable;
  readonly #own: Program;
  readonly #background: boolean;
  readonly #jobs: JobWatch;
  readonly #queue: QueueFolder;
  /** Starts in progress by run and segment: a second call joins the first. */
  readonly #starting = new Map<string, Promise<boolean>>();

  /** `background`: runs take what other programs leave. */
  constructor(root: NodeRoot, table: ProcessTable, own: Program, background: boolean, jobs: JobWatch) {
    this.#jobs = jobs;
    this.#root = root;
    this.#table = table;
    this.#own = own;
    this.#background = background;
    this.#queue = new QueueFolder(root.queues, table.host);
  }

  /**
   * Starts a new run, or answers that it was started before. Completes a launch that a crash cut short. With a place in
   * the queue wished for, a run that needs one waits for its slot, as one does that comes by a move.
   */
  async launch(spec: Spec, surroundings: Surroundings, wish?: QueueWish, move?: string): Promise<Launched> {
    checkEnvironment(surroundings.environment);
    const program = needProgram(this.#root, spec.bundle, this.#own);
    this.#root.prepare();
    const directory = this.#root.runDirectory(spec.id);
    const { slurm } = surroundings;
    if (move !== undefined && (slurm || !wish))
      throw new BiphaseError('refused', `Run ${spec.id} can be moved into a queue of Biphase only.`);
    if (slurm) findSlurm({ ...process.env, ...surroundings.environment });
    if (!slurm && wish && (move !== undefined || mustQueue(this.#queue, wish, surroundings.slot))) {
      const waiting = { ...surroundings, background: this.#background };
      const entered = enterQueue(spec, { root: this.#root, queue: this.#queue, wish, waiting, move });
      if (newestSegment(directory) >= 0) return { already: true };
      return { already: !entered, queued: true };
    }
    const begun = (): boolean =>
      newestSegment(directory) >= 0 || segmentLockHeld(directory, 0, this.#table) || isSubmitted(directory);
    if (!begun())
      await this.checkSlot(surroundings).catch((refusal: unknown) => {
        // The slot may be held by this very run, which another call has just started.
        if (!begun()) throw refusal;
      });
    claimRun(directory, spec);
    if (newestSegment(directory) >= 0 || isSubmitted(directory)) return { already: true };
    try {
      return { already: !(await this.#start(spec.id, directory, 0, program, surroundings, wish?.after)) };
    } catch (thrown) {
      // What Slurm does not take leaves nothing behind either.
      if (surroundings.slurm && thrown instanceof BiphaseError && thrown.kind === 'refused' && !begun())
        await removeTree(putAside(directory, this.#root.runs));
      throw thrown;
    }
  }

  /** Submits new runs as one array of Slurm jobs, or answers that it was submitted before. */
  async launchArray(
    { array, specs, atOnce }: { array: string; specs: Spec[]; atOnce?: number | undefined },
    { environment, setup, slurm }: Surroundings & { slurm: SlurmOptions },
  ): Promise<{ already: boolean }> {
    checkEnvironment(environment);
    const inherited = { ...process.env, ...environment };
    findSlurm(inherited);
    const bundle = specs[0]!.bundle;
    if (specs.some((spec) => spec.bundle !== bundle))
      throw new BiphaseError('usage', 'The runs of an array need one bundle.');
    const program = needProgram(this.#root, bundle, this.#own);
    this.#root.prepare();
    const runs = specs.map(({ id }) => id);
    for (const spec of specs) {
      const directory = this.#root.runDirectory(spec.id);
      claimRun(directory, spec);
      writeSetup(directory, 0, setup);
    }
    const wish = { root: this.#root, array, runs, atOnce, program, options: slurm, table: this.#table };
    return { already: !(await submitArray({ ...wish, environment: inherited })) };
  }

  /** Starts the next segment of a run that has ended, with the bundle it began with where that is still here. */
  async resume(run: string, surroundings: Surroundings, wish?: QueueWish): Promise<Resumed> {
    checkEnvironment(surroundings.environment);
    const directory = this.#root.existingRunDirectory(run);
    const job = jobOfRun(directory);
    if (job) await this.#jobs.look(new Map([[run, job]]));
    const report = readRunReport(this.#root, run, this.#table, { jobs: this.#jobs });
    if (!report?.spec) throw new BiphaseError('damaged', `Run ${run} has no readable ${runFiles.spec}.`);
    refuseNewer(report.spec);
    const interrupted = report.state === 'starting' && !report.wrapper && !report.exit;
    if (isActive(report.state) && !(interrupted && !segmentLockHeld(directory, 0, this.#table)))
      throw new BiphaseError(
        'refused',
        `${report.spec.name} is ${report.state}; only a run that has ended resumes.`,
      );
    if (report.state === 'finished')
      throw new BiphaseError(
        'refused',
        `${report.spec.name} has finished; there is nothing left to resume.`,
        {
          next: `To go on from its last step, write "from: {checkpoint: ${run}@${report.checkpoints.at(-1) ?? 'STEP'}}" in a run file and start it with Launch from File.`,
        },
      );
    const segment = newestSegment(directory) + 1;
    if (!surroundings.slurm && wish && mustQueue(this.#queue, wish, surroundings.slot)) {
      // Of a segment that has ended, where nobody has looked since; or damaged, or nobody would see it wait.
      const ticket = ticketOf(directory);
      for (const queue of allQueues(this.#root.queues)) {
        // Of a launch that was cut off, which would bring it in once more.
        if (ticket !== null) queue.burn(run, ticket.name);
        for (const status of jobStatuses) queue.remove(run, status);
      }
      this.#queue.add(newJob(run, wish, { ...surroundings, background: this.#background }));
      return { segment, queued: true };
    }
    const program = findProgram(this.#root, report.spec.bundle, this.#own) ?? this.#own;
    await this.checkSlot(surroundings);
    await this.#start(run, directory, segment, program, surroundings, wish?.after);
    return { segment };
  }

  /**
   * Starts the next segment of a run that has been taken from the queue. False where there is nothing to start: it is at
   * work, or has finished. The wrapper claims the slot.
   */
  async startQueued(run: string, surroundings: Surroundings): Promise<boolean> {
    const directory = this.#root.existingRunDirectory(run);
    const report = readRunReport(this.#root, run, this.#table, { queued: true });
    if (!report?.spec) throw new BiphaseError('damaged', `Run ${run} has no readable ${runFiles.spec}.`);
    refuseNewer(report.spec);
    if (report.state !== 'queued' || report.exit?.code === exitCodes.finished) return false;
    const segment = newestSegment(directory) + 1;
    const { bundle } = report.spec;
    const program =
      segment === 0
        ? needProgram(this.#root, bundle, this.#own)
        : (findProgram(this.#root, bundle, this.#own) ?? this.#own);
    await this.#start(run, directory, segment, program, surroundings);
    return true;
  }

  /**
   * Before anything is written: most launches that find no slot leave nothing behind.
   * @throws BiphaseError `full` where none is free
   */
  async checkSlot({ slot, slurm, environment }: Surroundings): Promise<void> {
    if (!slot || slurm) return;
    const trainers = { ...process.env, ...environment };
    await checkSlot(slot, { root: this.#root, table: this.#table, environment: trainers });
  }

  #start(
    run: string,
    directory: string,
    segment: number,
    program: Program,
    surroundings: Surroundings,
    after: readonly string[] = [],
  ): Promise<boolean> {
    const key = `${run}/${segment}`;
    const running = this.#starting.get(key);
    if (running) return running.then(() => false);
    const { slurm } = surroundings;
    const begin = slurm
      ? this.#submit(run, directory, segment, program, { ...surroundings, slurm, after })
      : this.#startWrapper(directory, segment, program, surroundings);
    const start = begin.finally(() => this.#starting.delete(key));
    this.#starting.set(key, start);
    return start;
  }

  #submit(
    run: string,
    runDirectory: string,
    segment: number,
    program: Program,
    { environment, setup, slurm, after }: Surroundings & { slurm: SlurmOptions; after: readonly string[] },
  ): Promise<boolean> {
    writeSetup(runDirectory, segment, setup);
    return submitAfter(after, this.#root, {
      ...{ run, runDirectory, segment, program, options: slurm, table: this.#table },
      environment: { ...process.env, ...environment },
    });
  }

  /** Answers when state.json names the segment: true when the wrapper started here is the one in it. */
  async #startWrapper(
    directory: string,
    segment: number,
    program: Program,
    { environment, setup, slot }: Surroundings,
  ): Promise<boolean> {
    // A wrapper that cannot write here could not say so.
    fs.accessSync(directory, fs.constants.W_OK | fs.constants.X_OK);
    writeSetup(directory, segment, setup);
    const outputFile = path.join(directory, runFiles.output);
    const output = openToAppend(outputFile);
    const outputStart = fs.fstatSync(output).size;
    const [command, ...words] = [...ownDetachment(), process.execPath];
    const wrapper = spawn(
      command!,
      [
        ...words,
        program.main,
        'wrapper',
        '--run-dir',
        directory,
        '--segment',
        String(segment),
        ...(this.#background ? ['--background'] : []),
      ],
      {
        cwd: os.homedir(),
        env: { ...process.env, ...environment, ...slotVariable(slot) },
        detached: true,
        stdio: ['ignore', output, output],
      },
    );
    fs.closeSync(output);
    let ended: { code: number | null; error?: Error } | undefined;
    wrapper.on('error', (error) => {
      ended = { code: null, error };
    });
    wrapper.on('exit', (code) => {
      ended ??= { code };
    });
    wrapper.unref();
    const deadline = performance.now() + scaledMs(startPatienceMs);
    for (;;) {
      const ending = ended;
      if (ending?.code === exitCodeNoSlot) throw noSlot(directory);
      const state = readJson(path.join(directory, runFiles.state), wrapperStateSchema);
      if (state && state.segment >= segment) return state.wrapper.pid === wrapper.pid;
      // The wrapper recorded an end without a beginning: how it ends itself says why.
      if (ending && newestSegment(directory) >= segment) return false;
      const elsewhere = ending?.code === exitCodeAlready;
      if (ending && !elsewhere) {
        const reason = ending.error?.message ?? readLastOutput(outputFile, outputStart);
        throw new BiphaseError('internal', `The run could not be started: ${reason ?? 'no reason given.'}`);
      }
      if (
        elsewhere &&
        !segmentLockHeld(directory, segment, this.#table) &&
        newestSegment(directory) < segment
      )
        throw new BiphaseError('internal', 'The run was being started by another process, which died.', {
          next: 'Try again.',
        });
      if (performance.now() > deadline)
        throw new BiphaseError('unreachable', 'The run did not start in time; it may still do so.', {
          next: 'Look at its state before you try again.',
        });
      await sleep(pollMs);
    }
  }
}

function writeSetup(directory: string, segment: number, setup: readonly string[]): void {
  const file = path.join(directory, runFiles.setup(segment));
  if (setup.length > 0) writeByRename(file, `${setup.join('\n')}\nexec "$@"\n`);
}

/** Whether Slurm has taken the first segment. */
function isSubmitted(directory: string): boolean {
  return (readJobRecord(directory)?.jobId ?? null) !== null;
}

/** Somebody was quicker: the wrapper recorded who. The run can be resumed when a slot is free. */
function noSlot(directory: string): BiphaseError {
  const exit = readJson(path.join(directory, runFiles.exit), exitSchema);
  return new BiphaseError('full', exit?.error ?? 'No slot is free.', { next: 'Resume the run later.' });
}

function checkEnvironment(environment: Record<string, string>): void {
  for (const [name, value] of Object.entries(environment)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || value.includes('\0'))
      throw new BiphaseError('usage', `"${name}" cannot be an environment variable.`, {
        next: "Correct the node's environment.",
      });
  }
}
