import { formatCompact, formatCount, formatDuration, formatValue } from '../../src/core/numberFormat.ts';
import type { RunSummary } from '../../src/protocol/controlApi.ts';
import type { MetricNumber } from '../../src/protocol/runDirectory.ts';

export function numberOf(value: MetricNumber): number {
  return typeof value === 'number' ? value : Number(value);
}

/** How far a run is: "18.2k / 42k", or "42,000 steps" when it has ended at its end. */
export function progressText(run: RunSummary): string {
  if (run.totalSteps > 0 && run.step >= run.totalSteps) return `${formatCompact(run.totalSteps)} steps`;
  return `${formatCompact(run.step)} / ${formatCompact(run.totalSteps)}`;
}

/** The state in words, with the one thing worth knowing about it. */
export function stateText(run: RunSummary): string {
  const behind = run.connected ? '' : ` · as of ${clockText(run.asOf)}`;
  switch (run.state) {
    case 'running':
      if (run.secondsLeft !== null && run.step > 0) return `${formatDuration(run.secondsLeft)} left${behind}`;
      return `${run.doing ?? 'running'}${behind}`;
    case 'failed':
      return `failed at ${formatCount(run.step)}${behind}`;
    default:
      return `${run.state}${behind}`;
  }
}

/** The last loss, or a dash. */
export function lossText(run: RunSummary): string {
  return run.loss === null ? '–' : formatValue(numberOf(run.loss));
}

/** What is awaited where a run has no points yet. */
export function waitingText(run: RunSummary): string {
  switch (run.state) {
    case 'queued':
      return `${run.name} is queued on ${run.node}.`;
    case 'failed':
    case 'lost':
    case 'stopped':
    case 'preempted':
      return `${run.name}: ${run.state} before its first point.${run.reason ? ` ${run.reason}` : ''}`;
    default:
      return `${run.name}: ${run.doing ?? run.state}. Waiting for the first point.`;
  }
}

function clockText(unixSeconds: number): string {
  const at = new Date(unixSeconds * 1000);
  return `${String(at.getHours()).padStart(2, '0')}:${String(at.getMinutes()).padStart(2, '0')}`;
}
