import { formatCompact, formatCount, formatDuration } from '../../src/core/numberFormat.ts';
import type { SeriesX } from './seriesStore.ts';

export const axisChoices: readonly (readonly [SeriesX, string])[] = [
  ['step', 'step'],
  ['tokens', 'tokens'],
  ['time', 'time'],
];

/** A tick of the x axis. */
export function tickText(x: SeriesX, value: number): string {
  if (x === 'time') return value === 0 ? '0' : formatDuration(value);
  return formatCompact(value);
}

/** A place on the x axis, written out: "step 1,200", "1.21M tokens", "3 min 20 s". */
export function placeText(x: SeriesX, value: number): string {
  if (x === 'step') return `step ${formatCount(value)}`;
  if (x === 'tokens') return `${formatCompact(value)} tokens`;
  return formatDuration(value);
}

/**
 * Round tick distances for durations: 1, 2, 5, 10, 15, 30 of a unit. Undefined for other axes, whose own ticks are
 * round already.
 */
export function timeStep(span: number, ticks: number): number {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
  const wanted = span / Math.max(1, ticks);
  return steps.find((s) => s >= wanted) ?? Math.ceil(wanted / 86400) * 86400;
}
