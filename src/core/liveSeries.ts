import type { PointsDelta, SeriesHeader } from '../protocol/controlApi.ts';
import type { SeriesColumns } from './seriesBytes.ts';
import { Smoother } from './smoothing.ts';

/** One point as a chart takes it. x in the unit of the axis (steps, tokens, FLOPs, seconds, or a share 0…1). */
export interface CurvePoint {
  x: number;
  y: number;
  /** Moving average here; null where the series is not smoothed or y is not finite. */
  smooth: number | null;
  step: number;
  segment: number;
}

/** `stale`: the points are already here. `gap`: something is missing, ask for a new snapshot. */
export type DeltaOutcome = 'applied' | 'stale' | 'gap';

/** A snapshot of one series and the deltas since: always a prefix-exact picture of what control shows. */
export class LiveSeries {
  /** Ascending in step. The array stays the same object until the next snapshot, so a chart may hold it. */
  points: CurvePoint[] = [];
  /** Those of the points whose y is NaN or infinite. */
  nonFinite: CurvePoint[] = [];
  readonly x: SeriesHeader['x'];
  version: number;
  total: number;
  /** Steps in one bucket of the snapshot; deltas are exact. */
  readonly bucket: number;
  /** Half-life of the moving average in steps; null: not smoothed. */
  readonly smoothing: number | null;
  readonly #smoother: Smoother | undefined;

  constructor(header: SeriesHeader, columns: SeriesColumns) {
    this.x = header.x;
    this.version = header.version;
    this.total = header.total;
    this.bucket = header.bucket;
    const { smoothing } = header;
    this.smoothing = smoothing?.halfLife ?? null;
    if (smoothing) this.#smoother = new Smoother(smoothing.halfLife, smoothing.phaseEnds, smoothing.carry);
    for (let i = 0; i < header.points; i++)
      this.push(columns.x[i]!, columns.y[i]!, columns.smooth?.[i], columns.step[i]!, columns.segment[i]!);
  }

  /**
   * Appends a delta (columns with x = step). A segment that resumed earlier than our end hides what it repeats; the
   * average cannot go back, so a smoothed series answers `gap` then.
   * `until`: steps beyond it are counted as seen but not kept (the series shows a closed range).
   */
  append(header: PointsDelta, columns: SeriesColumns, until = Number.POSITIVE_INFINITY): DeltaOutcome {
    if (header.reset) return 'gap';
    if (header.version <= this.version) return 'stale';
    if (header.follows !== this.version) return 'gap';
    this.version = header.version;
    if (until === Number.POSITIVE_INFINITY) this.total = header.total;
    const n = header.points;
    if (n === 0) return 'applied';
    const firstStep = columns.step[0]!;
    const newSegment = columns.segment[0]!;
    const last = this.points.at(-1);
    if (last && firstStep <= last.step) {
      // The same segment never repeats a step: then we have missed something.
      if (newSegment <= last.segment || this.#smoother) return 'gap';
      this.hideFrom(firstStep);
    }
    const anchor = this.points.at(-1);
    const lastStep = columns.step[n - 1]!;
    const end = this.x === 'step' ? lastStep : header.ends[this.x];
    if (end === null) return 'gap';
    const anchorStep = anchor?.step ?? 0;
    const anchorX = anchor?.x ?? (this.x === 'time' ? end : 0);
    for (let i = 0; i < n; i++) {
      const step = columns.step[i]!;
      if (step > until) break;
      // Between two known points everything grows evenly with the steps.
      const share = lastStep > anchorStep ? (step - anchorStep) / (lastStep - anchorStep) : 1;
      const x = this.x === 'step' ? step : anchorX + (end - anchorX) * share;
      const y = columns.y[i]!;
      this.push(x, y, this.#smoother?.next(step, y), step, columns.segment[i]!);
    }
    return 'applied';
  }

  private push(x: number, y: number, average: number | undefined, step: number, segment: number): void {
    const smooth = average === undefined || Number.isNaN(average) ? null : average;
    const point = { x, y, smooth, step, segment };
    this.points.push(point);
    if (!Number.isFinite(y)) this.nonFinite.push(point);
  }

  private hideFrom(step: number): void {
    let keep = this.points.length;
    while (keep > 0 && this.points[keep - 1]!.step >= step) keep--;
    this.points.length = keep;
    this.nonFinite = this.nonFinite.filter((p) => p.step < step);
  }
}

/** Index of the first point whose x is not below `x`; `points.length` where there is none. Points ascend in x. */
export function firstAtOrAfter(points: readonly CurvePoint[], x: number): number {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (points[middle]!.x < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The point nearest to `x`, or undefined where there are no points. */
export function nearestPoint(points: readonly CurvePoint[], x: number): CurvePoint | undefined {
  const right = firstAtOrAfter(points, x);
  const after = points[right];
  const before = points[right - 1];
  if (!before || !after) return after ?? before;
  return x - before.x <= after.x - x ? before : after;
}

/** x of a step on this axis, even between points; undefined outside the points. */
export function xOfStep(points: readonly CurvePoint[], step: number): number | undefined {
  const first = points[0];
  const last = points.at(-1);
  if (!first || !last || step < first.step || step > last.step) return undefined;
  let low = 0;
  let high = points.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (points[middle]!.step < step) low = middle + 1;
    else high = middle;
  }
  const after = points[low]!;
  const before = points[low - 1];
  if (after.step === step || !before) return after.x;
  return before.x + ((after.x - before.x) * (step - before.step)) / (after.step - before.step);
}

/** The steps that lie in a range of x, one point wider on both sides so that lines leave the picture. */
export function stepsOfRange(
  points: readonly CurvePoint[],
  range: readonly [number, number],
): [number, number] | null {
  if (points.length === 0) return null;
  const from = Math.max(0, firstAtOrAfter(points, range[0]) - 1);
  const to = Math.min(points.length - 1, firstAtOrAfter(points, range[1]) + 1);
  return [points[from]!.step, points[to]!.step];
}
