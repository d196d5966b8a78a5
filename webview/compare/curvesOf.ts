import type { CurvePoint } from '../../src/core/liveSeries.ts';

/** A point of a curve: a run's, the mean of several seeds, or a difference. */
export interface PlotPoint {
  x: number;
  y: number;
}

/** The mean at the steps that all curves have; one curve as it is. Steps ascend. */
export function meanCurve(curves: readonly (readonly CurvePoint[])[]): PlotPoint[] {
  const first = curves[0] ?? [];
  if (curves.length === 1) return first.map(({ step, y }) => ({ x: step, y }));
  const others = curves.slice(1).map(byStep);
  const points: PlotPoint[] = [];
  for (const { step, y } of first) {
    const values = others.map((values) => values.get(step));
    if (values.some((value) => value === undefined)) continue;
    // Each divided first: values near the largest number do not overflow.
    points.push({
      x: step,
      y: values.reduce<number>((sum, v) => sum + v! / curves.length, y / curves.length),
    });
  }
  return points;
}

/** `curve` − `base` at the steps that both have. */
export function differenceCurve(curve: readonly PlotPoint[], base: ReadonlyMap<number, number>): PlotPoint[] {
  return curve.flatMap(({ x, y }) => {
    const other = base.get(x);
    return other === undefined ? [] : [{ x, y: y - other }];
  });
}

/** Values of a curve by step. */
export function valuesByStep(curve: readonly PlotPoint[]): Map<number, number> {
  return new Map(curve.map(({ x, y }) => [x, y]));
}

function byStep(points: readonly CurvePoint[]): Map<number, number> {
  return new Map(points.map(({ step, y }) => [step, y]));
}

/** Range of x and of finite y; null where there is none. A constant gets room on both sides. */
export function extentOfCurves(
  curves: Iterable<readonly PlotPoint[]>,
): { x: [number, number]; y: [number, number] } | null {
  let left = Number.POSITIVE_INFINITY;
  let right = Number.NEGATIVE_INFINITY;
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const points of curves) {
    for (const { x, y } of points) {
      if (!Number.isFinite(y)) continue;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < low) low = y;
      if (y > high) high = y;
    }
  }
  if (left > right) return null;
  // A scale cannot span more than the largest number.
  const most = 8e307;
  low = Math.max(low, high > most ? -most : low);
  high = Math.min(high, low < -most / 2 ? most : high);
  const span = high - low;
  const room = span > 0 ? span * 0.04 : Math.abs(high) * 0.05 || 1;
  return { x: [left, right > left ? right : left + 1], y: [low - room, high + room] };
}
