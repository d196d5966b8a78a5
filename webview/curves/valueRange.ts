import { type CurvePoint, firstAtOrAfter } from '../../src/core/liveSeries.ts';

/** Beyond this a chart's arithmetic overflows. */
export const largestDrawn = 1e300;

/** Of the values in view: what the y axis has to do with them. */
export interface ValueRange {
  /** Whether there is a value to draw. */
  any: boolean;
  /** The lowest and the highest; null where there is none. */
  ends: readonly [number, number] | null;
  /** The axis' ends where they are not the values' own; null: as the values are. */
  limits: readonly [number, number] | null;
  /** Values in view outside of the limits. */
  hidden: number;
}

/** From the lowest to the highest hundredth nothing is an outlier. */
const tail = 0.01;
/** What the robust range is wider on both sides than the values inside. */
const margin = 0.15;

/**
 * The values of these lines in a range of x. `robust`: the axis ends a little beyond the 1st and the 99th percentile
 * where values lie outside; values too large for arithmetic are outside in any case. On a logarithmic axis values at or
 * below 0 are no values.
 */
export function valueRange(
  lines: Iterable<readonly CurvePoint[]>,
  view: readonly [number, number],
  { robust, logarithmic }: { robust: boolean; logarithmic: boolean },
): ValueRange {
  const values: number[] = [];
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const points of lines)
    for (let i = Math.max(0, firstAtOrAfter(points, view[0])); i < points.length; i++) {
      const { x, y } = points[i]!;
      if (x > view[1]) break;
      if (!Number.isFinite(y) || (logarithmic && y <= 0)) continue;
      if (y < low) low = y;
      if (y > high) high = y;
      if (robust || Math.abs(y) > largestDrawn) values.push(y);
    }
  const any = low <= high;
  const limits = any ? limitsOf(values, low, high, robust, logarithmic) : null;
  const ends: ValueRange['ends'] = any ? [low, high] : null;
  if (!limits) return { any, ends, limits: null, hidden: 0 };
  const hidden = values.reduce((n, y) => n + (y < limits[0] || y > limits[1] ? 1 : 0), 0);
  return { any, ends, limits: hidden > 0 ? limits : null, hidden };
}

function limitsOf(
  values: readonly number[],
  low: number,
  high: number,
  robust: boolean,
  logarithmic: boolean,
): [number, number] | null {
  const ends: [number, number] = [Math.max(low, -largestDrawn), Math.min(high, largestDrawn)];
  if (!robust) return low < -largestDrawn || high > largestDrawn ? ends : null;
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))]!;
  const [from, to] = [Math.max(at(tail), ends[0]), Math.min(at(1 - tail), ends[1])];
  if (logarithmic) {
    const room = (Math.log(to) - Math.log(from)) * margin;
    return [Math.max(ends[0], from * Math.exp(-room)), Math.min(ends[1], to * Math.exp(room))];
  }
  const room = (to - from) * margin;
  return [Math.max(ends[0], from - room), Math.min(ends[1], to + room)];
}
