import { placeText } from './axis.ts';
import { isValidation, type Panel } from './panels.ts';
import type { Reading } from './readout.ts';
import type { BandPoint } from './seedGroups.ts';
import { bandText } from './seedGroups.ts';
import type { SeriesX } from './seriesStore.ts';
import type { SmoothedPoint } from './smoothedPoints.ts';

/**
 * The value of a reading: with what was measured where it is an average, with its band where it is a mean, and with its own
 * step where a validation was not made at the cursor.
 */
export function valueText({ format }: Panel, { metric, point }: Reading, axis: SeriesX, x: number): string {
  const value = format(point.y);
  const { n, low, high } = point as Partial<BandPoint>;
  if (n !== undefined) return `${value} (${format(low!)} to ${format(high!)}, ${bandText(n)})`;
  const { raw } = point as Partial<SmoothedPoint>;
  if (raw !== undefined) return Number.isFinite(point.y) ? `${value} (raw ${format(raw)})` : format(raw);
  const elsewhere = isValidation(metric) && placeText(axis, point.x) !== placeText(axis, x);
  return elsewhere ? `${value} at ${placeText('step', point.step)}` : value;
}

/** The value alone, where there is little room. */
export function shortValueText({ format }: Panel, { point }: Reading): string {
  return format(point.y);
}

/** "+0.11", "−0.02"; empty where there is no difference of numbers. */
export function differenceText({ format }: Panel, value: number, reference: number): string {
  const difference = value - reference;
  if (!Number.isFinite(difference)) return '';
  return difference > 0 ? `+${format(difference)}` : format(difference);
}

/** The reading that others are compared with: the baseline's where it is there, else the first. */
export function referenceOf(
  panel: Panel,
  readings: readonly Reading[],
  baseline: string | undefined,
): Reading | undefined {
  const own = readings.filter((r) => r.metric === panel.metric && Number.isFinite(r.point.y));
  return own.find((r) => r.run === baseline) ?? own[0];
}
