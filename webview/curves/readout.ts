import { type CurvePoint, nearestPoint } from '../../src/core/liveSeries.ts';

/** A curve that can be read at the cursor. */
export interface Curve {
  run: string;
  metric: string;
  points: readonly CurvePoint[];
}

/** One value at the cursor. `distance`: how far from the pointer, for the order; 0 where there is no pointer. */
export interface Reading {
  run: string;
  metric: string;
  point: CurvePoint;
  distance: number;
}

/**
 * The values of all curves at x, nearest to the pointer first (`heightOf` gives a value's place on the same scale as
 * `pointer`); without a pointer in ascending order of value. A curve that ends before x − tolerance, or starts
 * after x + tolerance, has no value there. Non-finite values come last.
 */
export function readingsAt(
  curves: readonly Curve[],
  x: number,
  tolerance: number,
  pointer?: { height: number; heightOf: (value: number) => number },
): Reading[] {
  const readings: Reading[] = [];
  for (const { run, metric, points } of curves) {
    const first = points[0];
    const last = points.at(-1);
    if (!first || !last || x < first.x - tolerance || x > last.x + tolerance) continue;
    const point = nearestPoint(points, x)!;
    const distance = pointer ? Math.abs(pointer.heightOf(point.y) - pointer.height) : 0;
    readings.push({ run, metric, point, distance });
  }
  return readings.sort((a, b) => {
    const finiteA = Number.isFinite(a.point.y);
    const finiteB = Number.isFinite(b.point.y);
    if (finiteA !== finiteB) return finiteA ? -1 : 1;
    if (!finiteA) return 0;
    return pointer ? a.distance - b.distance : a.point.y - b.point.y;
  });
}

/** Where the keyboard cursor goes: `by` points along the curve from x. */
export function stepAlong(points: readonly CurvePoint[], x: number, by: number): CurvePoint | undefined {
  const at = nearestPoint(points, x);
  if (!at) return undefined;
  const index = points.indexOf(at);
  return points[Math.min(points.length - 1, Math.max(0, index + by))];
}
