import fs from 'node:fs';
import path from 'node:path';
import { whyOnlyShown } from '../core/newerSchema.ts';
import { deriveRunState, type JobFacts, type RunFacts } from '../core/runState.ts';
import type { RunReport } from '../protocol/agentApi.ts';
import {
  checkpointFiles,
  type EventLine,
  eventLineSchema,
  exitSchema,
  progressSchema,
  runFiles,
  specSchema,
  type WrapperState,
  wrapperStateSchema,
} from '../protocol/runDirectory.ts';
import { hasCode, modifiedAt, readJson, readTail } from './files.ts';
import { isPlainFolder, type NodeRoot } from './nodeRoot.ts';
import { livesHere, type ProcessTable } from './processTable.ts';
import { placeInQueue } from './queue/placeInQueue.ts';
import { hasRequest } from './requests.ts';
import { HeldRuns } from './slurm/heldRuns.ts';
import { type CurrentJob, currentJob, readJobRecord } from './slurm/jobRecord.ts';
import { type Parent, whyHeld } from './slurm/jobSentence.ts';
import type { JobWatch } from './slurm/jobWatch.ts';
import { segmentLockHeld } from './wrapper/segmentLock.ts';

const tailBytes = 64 * 1024;
const sentenceLength = 300;

/**
 * Everything about a run that its files, this machine's processes and, of a Slurm job, Slurm say now; null when its
 * directory is gone. `queued`: whether it waits in a queue, where the caller knows better than the queue's files; `jobs`:
 * who asks Slurm, without which nothing is known of jobs; `alone`: no other run is read to say what it waits for.
 */
export function readRunReport(
  root: NodeRoot,
  run: string,
  table: ProcessTable,
  known: { queued?: boolean; jobs?: JobWatch | undefined; alone?: boolean } = {},
): RunReport | null {
  const directory = root.runDirectory(run);
  if (!isPlainFolder(directory)) return null;
  const at = (file: string): string => path.join(directory, file);
  const wrapper = readJson(at(runFiles.state), wrapperStateSchema);
  // Processes before exit.json: a wrapper writes it while it lives, so "dead and no record" is then certain.
  const trainerAlive = wrapper !== null && livesHere(table, wrapper, wrapper.trainer);
  const wrapperAlive = wrapper !== null && livesHere(table, wrapper, wrapper.wrapper);
  const exit = readJson(at(runFiles.exit), exitSchema);
  const newest = Math.max(wrapper?.segment ?? -1, exit?.segment ?? -1);
  const progress = readJson(at(runFiles.progress), progressSchema);
  const lastEvent = readLastEvent(at(runFiles.events));
  const quietSeconds =
    (Date.now() - (fs.statSync(directory, { throwIfNoEntry: false })?.mtimeMs ?? 0)) / 1000;
  const waits = placeInQueue(root, run);
  const { jobs } = known;
  const facts: RunFacts = {
    wrapper,
    exit,
    progress,
    lastEvent,
    lastOutput: exit && exit.code !== 0 ? readLastOutput(at(runFiles.output)) : null,
    stopRequested: hasRequest(directory, runFiles.stopRequest),
    killRequested: hasRequest(directory, runFiles.killRequest),
    queued: known.queued ?? (waits !== null && !begunSince(waits.takenAt, directory)),
    startingNext:
      !trainerAlive && segmentLockHeld(directory, newest + 1, table, (job) => jobs?.hasEnded(job) ?? false),
    quietSeconds,
    host: table.host,
    bootId: table.bootId,
    wrapperAlive,
    trainerAlive,
    job: jobFacts(run, currentJob(readJobRecord(directory), wrapper, exit), wrapper, quietSeconds, jobs),
  };
  const spec = readJson(at(runFiles.spec), specSchema);
  const derived = deriveRunState(facts);
  const heldFor = facts.job && derived.state === 'queued' && !known.alone ? held(root, run) : null;
  const { state, reason = whyOnlyShown(spec) } = {
    ...(waits?.reason === undefined ? {} : { reason: waits.reason }),
    ...derived,
    ...(heldFor && facts.job?.held ? { reason: whyHeld(parents(root, heldFor, table, jobs)) } : {}),
  };
  return {
    run,
    state,
    ...(reason === undefined ? {} : { reason }),
    spec,
    wrapper,
    progress,
    exit,
    checkpoints: completeCheckpoints(directory),
    lastEvent,
    ...(waits && state === 'queued' ? { queue: waits.place } : {}),
    ...(heldFor ? { heldFor } : {}),
  };
}

/** The runs that a job waits for; null where it waits for none. */
function held(root: NodeRoot, run: string): string[] | null {
  const after = new HeldRuns(root).waitsFor(run);
  return after && after.length > 0 ? after : null;
}

/** What is known here of runs that another one waits for. */
function parents(
  root: NodeRoot,
  runs: readonly string[],
  table: ProcessTable,
  jobs: JobWatch | undefined,
): Parent[] {
  return runs.map((run) => {
    const report = readRunReport(root, run, table, { jobs, alone: true });
    return { run, ...(report ? { state: report.state, name: report.spec?.name } : {}) };
  });
}

/** Slurm is asked only where its answer matters: not for a run whose end is recorded. */
function jobFacts(
  run: string,
  job: CurrentJob | null,
  wrapper: WrapperState | null,
  quietSeconds: number,
  jobs: JobWatch | undefined,
): JobFacts | undefined {
  if (!job) return undefined;
  const begun = wrapper !== null && wrapper.segment >= job.segment;
  const unknown: JobFacts = { segment: job.segment, seen: 'unknown', settled: false };
  return jobs?.facts(run, job, { begun, quietSeconds }) ?? unknown;
}

/**
 * Whether a job that was taken from the queue has begun: a record that is newer says so, by the clock of the file system,
 * which may be another machine's.
 */
function begunSince(takenAt: number | undefined, directory: string): boolean {
  if (takenAt === undefined) return false;
  return [runFiles.state, runFiles.exit].some((file) => modifiedAt(path.join(directory, file)) > takenAt);
}

/** Steps of checkpoints that are complete, ascending. */
export function completeCheckpoints(directory: string): number[] {
  let names: string[];
  try {
    names = fs.readdirSync(path.join(directory, runFiles.checkpoints));
  } catch (thrown) {
    if (hasCode(thrown, 'ENOENT', 'ENOTDIR')) return [];
    throw thrown;
  }
  const steps: number[] = [];
  for (const name of names) {
    const match = /^step-(\d{6,15})$/.exec(name);
    if (match && fs.existsSync(path.join(directory, runFiles.checkpoints, name, checkpointFiles.done)))
      steps.push(Number(match[1]));
  }
  return steps.sort((a, b) => a - b);
}

/** The last whole line that is an event: the very last one may be torn. */
function readLastEvent(file: string): EventLine | null {
  for (const line of readTail(file, tailBytes).split('\n').reverse()) {
    if (line === '') continue;
    try {
      const parsed = eventLineSchema.safeParse(JSON.parse(line));
      if (parsed.success) return parsed.data;
    } catch {
      // torn
    }
  }
  return null;
}

/** The last line of the output with text in it, without terminal codes. */
export function readLastOutput(file: string, from = 0): string | null {
  const lines = readTail(file, tailBytes, from)
    .replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '')
    .split(/[\r\n]/);
  const last = lines.filter((line) => line.trim() !== '').at(-1);
  return last === undefined ? null : last.trim().slice(0, sentenceLength);
}
