import { parseRunFile } from '../../core/parseRunFile.ts';
import { totalSteps } from '../../core/phases.ts';
import { printable } from '../../core/printable.ts';
import { resolveRunFile } from '../../core/resolveRunFile.ts';
import { isActive } from '../../core/runState.ts';
import { decayStart } from '../../core/schedule.ts';
import type { RunSummary } from '../../protocol/controlApi.ts';
import type { Spec } from '../../protocol/runDirectory.ts';
import type { ResolvedRunFile } from '../../protocol/runFile.ts';
import type { CatalogRun } from './runCatalog.ts';

const resolved = new WeakMap<Spec, { file: ResolvedRunFile | null }>();

/** A run's file with its defaults; null where this version cannot read it. */
export function resolvedFileOf(spec: Spec | null): ResolvedRunFile | null {
  if (!spec) return null;
  let known = resolved.get(spec);
  if (!known) {
    try {
      known = { file: resolveRunFile(parseRunFile(spec.file)) };
    } catch {
      known = { file: null };
    }
    resolved.set(spec, known);
  }
  return known.file;
}

/** What clients see of a run. */
export function summarize(
  run: CatalogRun,
  stored: { metrics: string[]; unreadableLines: number },
): RunSummary {
  const { report } = run;
  const { spec, progress, wrapper } = report;
  const { state, reason } = stateOf(run);
  const file = resolvedFileOf(spec);
  const active = isActive(state);
  const steps = progress?.totalSteps ?? (file ? totalSteps(file.phases) : 0);
  return {
    run: report.run,
    node: run.node,
    name: printable(spec?.name ?? report.run),
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
    unreadableLines: stored.unreadableLines,
    onNode: run.onNode,
    ...(report.queue && state === 'queued' ? { queue: report.queue } : {}),
  };
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
