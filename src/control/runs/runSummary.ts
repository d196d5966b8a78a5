import { checkpointName, parseCheckpointName } from '../../core/checkpointName.ts';
import { FlopsOfRun } from '../../core/flopsOfRun.ts';
import { parseRunFile } from '../../core/parseRunFile.ts';
import { totalSteps } from '../../core/phases.ts';
import { printable } from '../../core/printable.ts';
import { resolveRunFile } from '../../core/resolveRunFile.ts';
import { isActive } from '../../core/runState.ts';
import { decayStart } from '../../core/schedule.ts';
import type { RunSummary } from '../../protocol/controlApi.ts';
import type { Spec } from '../../protocol/runDirectory.ts';
import { longestName, type ResolvedRunFile } from '../../protocol/runFile.ts';
import type { CatalogRun } from './runCatalog.ts';
import type { LaunchedRun } from './runNotebook.ts';
import { type FindFile, setupOfRun } from './setupOfRun.ts';

/** What a spec alone tells, kept as long as it is: to find it out takes longer than all the rest of a summary. */
interface Told {
  file: ResolvedRunFile | null;
  flops: FlopsOfRun | null;
}
const told = new WeakMap<Spec, Told>();

/** A run's file with its defaults; null where this version cannot read it. */
export function resolvedFileOf(spec: Spec | null): ResolvedRunFile | null {
  return spec && toldBy(spec).file;
}

function toldBy(spec: Spec): Told {
  let known = told.get(spec);
  if (!known) {
    const file = readFile(spec);
    known = { file, flops: file && new FlopsOfRun(file) };
    told.set(spec, known);
  }
  return known;
}

function readFile(spec: Spec): ResolvedRunFile | null {
  try {
    return resolveRunFile(parseRunFile(spec.file));
  } catch {
    return null;
  }
}

/** What clients see of a run, apart from what a person says of it. `find`: files of other runs, for the setup of one that began from their checkpoints. */
export function summarize(
  run: CatalogRun,
  stored: { metrics: string[]; unreadableLines: number },
  find: FindFile,
): LaunchedRun {
  const { report } = run;
  const { spec, progress, wrapper } = report;
  const { state, reason } = stateOf(run);
  const file = resolvedFileOf(spec);
  const active = isActive(state);
  const steps = stepsOf(run);
  return {
    run: report.run,
    node: run.node,
    name: printable((spec?.name ?? report.run).slice(0, longestName)),
    kind: spec?.kind ?? 'pretrain',
    state,
    ...(reason === undefined ? {} : { reason: printable(reason) }),
    asOf: run.seenAt,
    connected: run.shownBy.has(run.node),
    createdAt: spec?.createdAt ?? dateOfRunId(report.run),
    segment: wrapper?.segment ?? progress?.segment ?? 0,
    step: progress?.step ?? 0,
    totalSteps: steps,
    tokens: progress?.tokens ?? 0,
    tokensPerSecond: spec?.kind === 'imported' ? null : (progress?.tokensPerSecond ?? null),
    loss: progress?.loss ?? null,
    secondsLeft: active ? (progress?.secondsLeft ?? null) : null,
    doing: active && progress ? printable(progress.doing) : null,
    checkpoints: report.checkpoints,
    phases: file?.phases.map(({ objective, until }) => ({ objective, until })) ?? [],
    ...(file ? { decayStart: decayStart(file.schedule, steps) } : {}),
    metrics: stored.metrics,
    flopsPerToken: (spec && toldBy(spec).flops?.perToken()) ?? null,
    seed: file?.seed ?? null,
    setup: file && setupOfRun(file, find),
    parent: parentOf(file),
    unreadableLines: stored.unreadableLines,
    onNode: run.onNode,
    ...(report.queue && state === 'queued' ? { queue: report.queue } : {}),
  };
}

/** What a series needs to know of its run. */
export interface RunFacts {
  /** Last step of each phase but the last. */
  phaseEnds: readonly number[];
  /** 0: not known. */
  totalSteps: number;
  /** Null: not known. */
  flops: FlopsOfRun | null;
}

export const unknownRun: RunFacts = { phaseEnds: [], totalSteps: 0, flops: null };

export function factsOf(run: CatalogRun): RunFacts {
  const { spec } = run.report;
  const { file, flops } = spec ? toldBy(spec) : { file: null, flops: null };
  const phaseEnds = file?.phases.slice(0, -1).map(({ until }) => until) ?? [];
  return { phaseEnds, totalSteps: stepsOf(run), flops };
}

function stepsOf({ report: { progress, spec } }: CatalogRun): number {
  return progress?.totalSteps ?? totalSteps(resolvedFileOf(spec)?.phases ?? []);
}

function parentOf(file: ResolvedRunFile | null): string | null {
  const parent = file?.from && parseCheckpointName(file.from.checkpoint);
  return parent ? checkpointName(parent.run, parent.step) : null;
}

/** A run whose directory vanished while it was at work will never tell how it ended. */
function stateOf({ report, node, onNode }: CatalogRun): Pick<RunSummary, 'state' | 'reason'> {
  if (onNode || !isActive(report.state)) return report;
  return { state: 'lost', reason: `Its directory is gone from ${node}.` };
}

function dateOfRunId(run: string): number {
  const [, year, month, day] = /^(\d{4})(\d\d)(\d\d)/.exec(run) ?? [];
  return Date.UTC(Number(year), Number(month) - 1, Number(day)) / 1000 || 0;
}
