import { formatCompact, formatCount, formatDuration } from '../../src/core/numberFormat.ts';
import type { SeriesX } from './seriesStore.ts';

export const axisChoices: readonly (readonly [SeriesX, string])[] = [
  ['step', 'step'],
  ['tokens', 'tokens'],
  ['flops', 'FLOPs'],
  ['time', 'time'],
  ['share', 'share of budget'],
];

/** Writes the ticks of an axis as ever, or with as few more digits as tell them apart, at most so many. */
export function tickTexts(
  values: readonly number[],
  write: (value: number, digits?: number) => string,
  most: number,
): string[] {
  let texts = values.map((value) => write(value));
  for (let digits = 4; digits <= most && new Set(texts).size < values.length; digits++)
    texts = values.map((value) => write(value, digits));
  return texts;
}

/** The ticks of the x axis. */
export function xTickTexts(x: SeriesX, values: readonly number[]): string[] {
  return tickTexts(values, (value, digits) => xTickText(x, value, digits), 12);
}

function xTickText(x: SeriesX, value: number, digits?: number): string {
  if (x === 'time')
    return value === 0 ? '0' : digits === undefined ? formatDuration(value) : clockText(value);
  if (x === 'flops') return flopsText(value, digits);
  if (x === 'share') return percent(value, digits);
  return formatCompact(value, digits);
}

/** A duration to the second: "2:30:05". */
function clockText(seconds: number): string {
  const whole = Math.round(seconds);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}

/** A place on the x axis, written out: "step 1,200", "1.21M tokens", "3 min 20 s", "2.5e18 FLOPs", "25 % of budget". */
export function placeText(x: SeriesX, value: number): string {
  switch (x) {
    case 'step':
      return `step ${formatCount(value)}`;
    case 'tokens':
      return `${formatCompact(value)} tokens`;
    case 'flops':
      return `${flopsText(value)} FLOPs`;
    case 'share':
      return `${percent(value, 4)} of budget`;
    case 'time':
      return formatDuration(value);
  }
}

/** FLOPs are compared by their power of ten. */
function flopsText(value: number, digits = 3): string {
  if (value === 0) return '0';
  const [mantissa, exponent] = value.toExponential(digits - 1).split('e');
  return `${Number(mantissa)}e${Number(exponent)}`;
}

function percent(share: number, digits = 3): string {
  return `${Number((share * 100).toPrecision(digits))} %`;
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
