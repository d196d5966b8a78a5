/** Columns of one series, ascending in step. */
export interface StepColumns {
  step: ArrayLike<number>;
  y: ArrayLike<number>;
}

export interface Decimated {
  /** Indices of the kept points, ascending. */
  indices: Uint32Array;
  /** Steps in one bucket, a power of two; 1: every point is kept. */
  bucket: number;
}

/** Most points that one bucket keeps: first, lowest, highest, last, and the first that is not finite. */
const pointsPerBucket = 5;
const pointsPerPixel = 4;

/**
 * Thins points [from, to) to at most 4 a pixel (of at least 2 pixels). Buckets are aligned to multiples of a power of
 * two of steps, so they never move when points are appended. Each keeps its first, lowest, highest and last finite
 * point, and its first point that is not finite: a spike or a NaN never disappears.
 */
export function decimate(columns: StepColumns, from: number, to: number, pixels: number): Decimated {
  const budget = pointsPerPixel * Math.max(2, pixels);
  if (to - from <= budget)
    return { indices: Uint32Array.from({ length: to - from }, (_, i) => from + i), bucket: 1 };
  const { step, y } = columns;
  const bucket = bucketSize(step[from]!, step[to - 1]!, Math.floor(budget / pointsPerBucket));
  const kept: number[] = [];
  let start = from;
  while (start < to) {
    const next = (Math.floor(step[start]! / bucket) + 1) * bucket;
    let end = start + 1;
    while (end < to && step[end]! < next) end++;
    keepOfBucket(y, start, end, kept);
    start = end;
  }
  return { indices: Uint32Array.from(kept), bucket };
}

/** The smallest power of two that cuts [first, last], both at least 0, into at most `buckets` (at least 1) aligned buckets. */
export function bucketSize(first: number, last: number, buckets: number): number {
  let size = 1;
  while (Math.floor(last / size) - Math.floor(first / size) + 1 > Math.max(1, buckets)) size *= 2;
  return size;
}

function keepOfBucket(y: ArrayLike<number>, start: number, end: number, kept: number[]): void {
  let first = -1;
  let last = -1;
  let lowest = -1;
  let highest = -1;
  let broken = -1;
  for (let i = start; i < end; i++) {
    const value = y[i]!;
    if (!Number.isFinite(value)) {
      if (broken < 0) broken = i;
      continue;
    }
    if (first < 0) first = i;
    last = i;
    if (lowest < 0 || value < y[lowest]!) lowest = i;
    if (highest < 0 || value > y[highest]!) highest = i;
  }
  // Of points that are the same one is kept; in their order.
  const picked = [first, lowest, highest, last, broken].sort((a, b) => a - b);
  let before = -1;
  for (const i of picked) {
    if (i > before) kept.push(i);
    before = i;
  }
}
