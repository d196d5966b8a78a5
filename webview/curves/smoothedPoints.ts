import type { CurvePoint, LiveSeries } from '../../src/core/liveSeries.ts';

/** A point of a moving average; y is NaN where there is none, so that the line breaks there. */
export interface SmoothedPoint extends CurvePoint {
  /** The value that was measured. */
  raw: number;
}

const kept = new WeakMap<readonly CurvePoint[], SmoothedPoint[]>();

/** The moving average of a series as a line; made once for each point, since a smoothed series only grows. */
export function smoothedPoints(series: LiveSeries): SmoothedPoint[] {
  const { points } = series;
  let made = kept.get(points);
  if (!made || made.length > points.length) {
    made = [];
    kept.set(points, made);
  }
  for (let i = made.length; i < points.length; i++) {
    const point = points[i]!;
    made.push({ ...point, raw: point.y, y: point.smooth ?? Number.NaN });
  }
  return made;
}
