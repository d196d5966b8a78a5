import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { scaledMs } from '../../core/clock.ts';
import { BiphaseError, toBiphaseError } from '../../core/errors.ts';
import type { SlotWish } from '../../protocol/agentApi.ts';
import { type Exit, exitCodes, runFiles, type WrapperState } from '../../protocol/runDirectory.ts';
import { letOthersFirst } from '../backgroundPriority.ts';
import { hasCode, openToAppend, writeByRename } from '../files.ts';
import { NodeRoot } from '../nodeRoot.ts';
import type { Program } from '../ownBundle.ts';
import { ownIdentity, type ProcessIdentity, type ProcessTable } from '../processTable.ts';
import { QueueFolder } from '../queue/queueFolder.ts';
import { ensureRunner } from '../queue/runnerProcess.ts';
import { createRequest, hasRequest, withdrawRequests } from '../requests.ts';
import { claimSlot } from '../slots/claimSlot.ts';
import { secondLookMs, whyGiveUp } from '../slots/secondLook.ts';
import { endedHolder, inheritSetup, type OwnJob, segmentOfAttempt } from '../slurm/insideJob.ts';
import { readJobRecord } from '../slurm/jobRecord.ts';
import { releaseHeld } from '../slurm/releaseHeld.ts';
import { endAtLimit, nearsItsLimit } from '../slurm/timeLimit.ts';
import { ExitRecord } from './exitRecord.ts';
import { newestSegment } from './newestSegment.ts';
import { takeSegmentLock } from './segmentLock.ts';

/** Another wrapper started this segment or is about to. */
export const exitCodeAlready = 75;
/** No slot was free; exit.json says who holds them. */
export const exitCodeNoSlot = 76;

/** It costs the job's time. */
const releaseAttempts = 3;
const releaseRestMs = 20_000;

/**
 * The trainer's process exists, but does nothing until a line comes through descriptor 3: by then state.json names it.
 * Where the wrapper dies before, the line never comes and the process ends. The arguments are the real command.
 */
const gate = 'read -r go <&3 || exit 125; exec 3<&-; exec "$@"';

export interface WrapperOptions {
  runDirectory: string;
  segment: number;
  program: Program;
  table: ProcessTable;
  /** The trainer takes what other programs leave. */
  background: boolean;
  /** A slot of this machine is claimed first. */
  slot: SlotWish | undefined;
  /** The Slurm job that this process is. */
  job?: OwnJob | undefined;
}

/** Starts one segment's trainer, waits for it and records its end. Answers with the wrapper's own exit code. */
export async function runWrapper(options: WrapperOptions): Promise<number> {
  process.umask(0o077);
  const { job, runDirectory } = options;
  if (!job) return runSegment(options);
  const segment = segmentOfAttempt(runDirectory, options.segment, job);
  if (segment === null) return 0;
  inheritSetup(runDirectory, newestSegment(runDirectory), segment);
  return runSegment({ ...options, segment });
}

async function runSegment(options: WrapperOptions): Promise<number> {
  const { runDirectory, segment, table, job } = options;
  const mayTake = job ? { job: job.id, jobEnded: await endedHolder(options, job) } : {};
  if (!takeSegmentLock(runDirectory, segment, table, mayTake)) return exitCodeAlready;
  // Asked again under the lock: a holder that is dead by now may have started the segment.
  if (newestSegment(runDirectory) >= segment) return exitCodeAlready;
  let record: ExitRecord | undefined;
  try {
    record = new ExitRecord(runDirectory);
    // Who submitted a job has done so; what was asked for since is meant for this segment.
    if (segment > 0 && !(job && job.restarts === 0)) withdrawRequests(runDirectory, segment);
    const slot = await slotFor(options);
    if ('refusal' in slot) {
      await record.write({ ...end(segment), preempted: true, error: slot.refusal });
      return exitCodeNoSlot;
    }
    const { exit, atLimit } = await runTrainer(options, slot.gpu);
    if (exit.preempted && atLimit) await endAtLimit(options, record, exit);
    else await record.write(exit);
    if (exit.code === exitCodes.finished) await releaseWaiting(options);
    if (exit.preempted && !job) waitAgain(options);
    return 0;
  } catch (thrown) {
    const { message } = toBiphaseError(thrown);
    process.stderr.write(`${message}\n`);
    await record?.write({ ...end(segment), error: `The trainer could not be started: ${message}` });
    return 1;
  }
}

/** A run that came from the queue goes back there when the node takes its place. */
function waitAgain({ runDirectory, table, program }: WrapperOptions): void {
  const root = rootOf(runDirectory);
  const queue = new QueueFolder(root.queues, table.host);
  if (queue.change(path.basename(runDirectory), 'started', 'waiting')) ensureRunner(root, table, program);
}

/** Jobs that Slurm holds for this run may go. Where Slurm does not answer, the node's agent lets them go. */
async function releaseWaiting({ runDirectory, table }: WrapperOptions): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const troubles = await releaseHeld(rootOf(runDirectory), table);
    if (troubles.length === 0) return;
    if (attempt === releaseAttempts) {
      process.stderr.write(`${troubles.join('\n')}\n`);
      return;
    }
    await sleep(scaledMs(releaseRestMs));
  }
}

function end(segment: number): Exit {
  return { schema: 1, segment, code: null, signal: null, endedAt: Date.now() / 1000 };
}

/** The GPU of the slot that was claimed, null for none; or why there is no slot. */
async function slotFor({
  runDirectory,
  segment,
  table,
  slot,
}: WrapperOptions): Promise<{ gpu: string | null } | { refusal: string }> {
  if (!slot) return { gpu: null };
  const root = rootOf(runDirectory);
  try {
    const claim = { run: path.basename(runDirectory), segment };
    return { gpu: await claimSlot(slot, claim, { root, table, environment: process.env }) };
  } catch (thrown) {
    if (!(thrown instanceof BiphaseError)) throw thrown;
    return { refusal: thrown.message };
  }
}

function rootOf(runDirectory: string): NodeRoot {
  return new NodeRoot(path.dirname(path.dirname(runDirectory)));
}

async function runTrainer(
  options: WrapperOptions,
  gpu: string | null,
): Promise<{ exit: Exit; atLimit: boolean }> {
  const { runDirectory, segment, table, job } = options;
  const trainer = await startGated(options, gpu === null ? {} : { CUDA_VISIBLE_DEVICES: gpu });
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    trainer.on('exit', (code, signal) => resolve({ code, signal }));
  });
  const pid = trainer.pid!;
  if (options.background) letOthersFirst(pid);
  const state: WrapperState = {
    schema: 1,
    segment,
    host: table.host,
    bootId: table.bootId,
    wrapper: ownIdentity(table),
    trainer: { pid, startTime: table.startTime(pid) ?? '' },
    ...(job ? { jobId: job.id } : {}),
    bundle: options.program.hash,
    startedAt: Date.now() / 1000,
  };
  writeByRename(path.join(runDirectory, runFiles.state), `${JSON.stringify(state)}\n`);
  let limit: Promise<boolean> | undefined;
  const jobRecord = job && readJobRecord(runDirectory);
  const preempted = forwardSignals(runDirectory, trainer, () => {
    // Asked at once: a job that is being ended is soon forgotten.
    if (job && jobRecord) limit ??= nearsItsLimit(jobRecord, job);
  });
  openGate(trainer);
  const givenUp = gpu === null ? undefined : lookAgain(gpu, state.trainer, options, trainer);
  const { code, signal } = await ended;
  const error = givenUp?.();
  if (error !== undefined && code !== exitCodes.finished)
    return { exit: { ...end(segment), code, signal, preempted: true, error }, atLimit: false };
  const byNode = preempted() && (code === exitCodes.stopped || signal === 'SIGTERM');
  const exit = { ...end(segment), code, signal, ...(byNode ? { preempted: true } : {}) };
  return { exit, atLimit: (await limit) ?? false };
}

function startGated(
  { runDirectory, segment, program }: WrapperOptions,
  environment: Record<string, string>,
): Promise<ChildProcess> {
  const setup = path.join(runDirectory, runFiles.setup(segment));
  const command = [
    ...(fs.existsSync(setup) ? ['/bin/sh', setup] : []),
    process.execPath,
    program.main,
    'pretrain',
    '--wrapped',
    '--run-dir',
    runDirectory,
    ...(segment > 0 ? ['--resume'] : []),
  ];
  const output = openToAppend(path.join(runDirectory, runFiles.output));
  try {
    // A session and group of its own: it outlives the wrapper, and a kill reaches all of its group.
    const trainer = spawn('/bin/sh', ['-c', gate, 'sh', ...command], {
      cwd: os.homedir(),
      env: { ...process.env, ...environment },
      detached: true,
      stdio: ['ignore', output, output, 'pipe'],
    });
    return new Promise((resolve, reject) => {
      trainer.once('spawn', () => resolve(trainer));
      trainer.once('error', reject);
    });
  } finally {
    fs.closeSync(output);
  }
}

function openGate(trainer: ChildProcess): void {
  const pipe = trainer.stdio[3] as NodeJS.WritableStream;
  // The trainer may be dead by now; its exit says so.
  pipe.on('error', () => {});
  pipe.end('go\n');
}

/**
 * Stops the trainer where somebody else took its GPU in the same seconds and began first. Answers, at the end, with the
 * reason where that was so.
 */
function lookAgain(
  gpu: string,
  identity: ProcessIdentity,
  { runDirectory, table }: WrapperOptions,
  trainer: ChildProcess,
): () => string | undefined {
  let reason: string | undefined;
  const look = async (): Promise<void> => {
    const why = await whyGiveUp(gpu, identity, { root: rootOf(runDirectory), table });
    if (why === null || trainer.exitCode !== null || trainer.signalCode !== null) return;
    if (createRequest(runDirectory, runFiles.stopRequest, 'signal')) reason = why;
    trainer.kill('SIGTERM');
  };
  const timer = setTimeout(() => {
    // A look that fails decides nothing; output.log says why.
    look().catch((thrown: unknown) => process.stderr.write(`${toBiphaseError(thrown).message}\n`));
  }, scaledMs(secondLookMs));
  return () => {
    clearTimeout(timer);
    return reason;
  };
}

function killGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (thrown) {
    if (!hasCode(thrown, 'ESRCH')) throw thrown;
  }
}

/**
 * SIGTERM and SIGINT mean that the node wants its place back: a stop is asked for in the run's name, and the trainer is
 * told to look at once; after a request to kill they mean that. Answers whether that happened without anybody having asked for a stop before.
 */
function forwardSignals(runDirectory: string, trainer: ChildProcess, told: () => void): () => boolean {
  let preempted = false;
  const forward = (): void => {
    told();
    if (hasRequest(runDirectory, runFiles.killRequest)) {
      killGroup(trainer);
      return;
    }
    try {
      if (createRequest(runDirectory, runFiles.stopRequest, 'signal')) preempted = true;
    } catch (thrown) {
      if (!hasCode(thrown, 'ENOENT', 'ENOTDIR', 'ENOSPC', 'EDQUOT')) throw thrown;
    }
    trainer.kill('SIGTERM');
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, forward);
  process.on('SIGHUP', () => {});
  return () => preempted;
}
