import { formatCompact, formatCount, formatDuration, formatValue } from '../../src/core/numberFormat.ts';
import type { RunSummary } from '../../src/protocol/controlApi.ts';
import { activeStates, type MetricNumber } from '../../src/protocol/runDirectory.ts';

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

/** Whether the run may still have new points. */
export function isActive(run: RunSummary): boolean {
  return activeStates.includes(run.state);
}

/** What runs without points say, a line each; many are counted. `problemOf`: why a run's points could not be had. */
export function waitingLines(
  runs: readonly RunSummary[],
  problemOf: (run: string) => string | undefined,
): string {
  const problems = runs.flatMap((run) => {
    const problem = problemOf(run.run);
    return problem === undefined ? [] : [`${run.name}: ${problem}`];
  });
  const others = runs.filter((run) => problemOf(run.run) === undefined);
  if (runs.length <= 4) return [...problems, ...others.map(waitingText)].join('\n');
  const waiting = others.filter(isActive).length;
  return [
    ...problems.slice(0, 3),
    ...(waiting > 0 ? [`${waiting} runs are waiting for their first point.`] : []),
    ...(others.length > waiting ? [`${others.length - waiting} runs have no points here.`] : []),
  ].join('\n');
}

/** What is awaited where a run has no points yet. */
function waitingText(run: RunSummary): string {
  switch (run.state) {
    case 'queued':
      return `${run.name} is queued on ${run.node}.${run.reason ? ` ${run.reason}` : ''}`;
    case 'failed':
    case 'lost':
    case 'stopped':
    case 'preempted':
      if (run.metrics.length > 0) return `${run.name} has no points here.`;
      return `${run.name}: ${run.state} before its first point.${run.reason ? ` ${run.reason}` : ''}`;
    case 'finished':
      return `${run.name} has no points here.`;
    default:
      return `${run.name}: ${run.doing ?? run.state}. Waiting for the first point.`;
  }
}

function clockText(unixSeconds: number): string {
  const at = new Date(unixSeconds * 1000);
  return `${String(at.getHours()).padStart(2, '0')}:${String(at.getMinutes()).padStart(2, '0')}`;
}
