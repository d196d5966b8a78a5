import type { CurvePoint } from '../../src/core/liveSeries.ts';
import { confidence } from '../../src/core/statistics/meanInterval.ts';
import { mean, sampleDeviation } from '../../src/core/statistics/moments.ts';
import { criticalT } from '../../src/core/statistics/studentT.ts';
import type { RunSummary } from '../../src/protocol/controlApi.ts';

/** Runs of one setup that differ in their seeds. */
export interface RunGroup {
  /** Stands where a run's id does. */
  id: string;
  name: string;
  runs: readonly string[];
}

/** A mean of several runs at one step, with its band. */
export interface BandPoint extends CurvePoint {
  low: number;
  high: number;
  /** Runs that have a value here. */
  n: number;
}

/** From this many runs on the band is the mean's interval; fewer say too little of it, so they show their range. */
const fewestForInterval = 5;

/**
 * The runs that share a setup with another one of another seed, in the order of their first runs. A repeat with the same
 * seed is no new evidence: the first one counts.
 */
export function groupRuns(runs: readonly RunSummary[]): RunGroup[] {
  const bySetup = new Map<string, RunSummary[]>();
  for (const run of runs) {
    if (run.setup === null || run.seed === null) continue;
    const before = bySetup.get(run.setup);
    if (!before) bySetup.set(run.setup, [run]);
    else if (before.every(({ seed }) => seed !== run.seed)) before.push(run);
  }
  return [...bySetup]
    .filter(([, members]) => members.length > 1)
    .map(([setup, members]) => ({
      id: `setup ${setup}`,
      name: commonName(members.map((run) => run.name)),
      runs: members.map((run) => run.run),
    }));
}

/** What the names begin with, without a seed's beginning; the first name where they have nothing in common. */
function commonName(names: readonly string[]): string {
  const [first = ''] = names;
  let length = 0;
  const letters = [...first];
  while (
    length < letters.length &&
    names.every((name) => name.startsWith(letters.slice(0, length + 1).join('')))
  )
    length++;
  if (length === letters.length) return first;
  const common = letters
    .slice(0, length)
    .join('')
    .replace(/[\s._-]*(?:seed|s)?[\s._-]*\d*$/i, '');
  return common === '' ? first : common;
}

/** What the band of so many runs is. */
export function bandText(n: number): string {
  return n >= fewestForInterval ? `n = ${n}: 95 % t-interval` : `n = ${n}: range`;
}

const factors = new Map<number, number>();

/** Half width of the mean's interval in sample deviations. */
function halfWidth(n: number): number {
  let factor = factors.get(n);
  if (factor === undefined) {
    factor = criticalT(confidence, n - 1) / Math.sqrt(n);
    factors.set(n, factor);
  }
  return factor;
}

/**
 * Mean and band at every step at which at least two of the lines have a value. Nothing is interpolated: where a line was
 * thinned, the last point of each bucket is a measured one, and buckets of all lines end at the same steps. Where another
 * number of lines goes on, a point without a value breaks the line.
 */
export function bandOf(lines: readonly { points: readonly CurvePoint[]; bucket: number }[]): BandPoint[] {
  const bucket = Math.max(1, ...lines.map((line) => line.bucket));
  const bySteps = new Map<number, { x: number; values: number[]; segment: number }>();
  for (const { points } of lines)
    for (let i = 0; i < points.length; i++) {
      const point = points[i]!;
      const next = points[i + 1];
      const last = !next || Math.floor(next.step / bucket) !== Math.floor(point.step / bucket);
      if (!last || !Number.isFinite(point.y)) continue;
      const there = bySteps.get(point.step);
      if (there) {
        there.x += point.x;
        there.values.push(point.y);
      } else bySteps.set(point.step, { x: point.x, values: [point.y], segment: point.segment });
    }
  const band: BandPoint[] = [];
  for (const [step, { x, values, segment }] of [...bySteps].sort((a, b) => a[0] - b[0])) {
    const n = values.length;
    if (n < 2) continue;
    const point = { x: x / n, step, segment, smooth: null, n, ...middleAndBand(values) };
    const before = band.at(-1);
    if (before && before.n !== n) {
      const hole = { y: Number.NaN, low: Number.NaN, high: Number.NaN };
      band.push({ ...point, ...hole, x: (before.x + point.x) / 2 });
    }
    band.push(point);
  }
  return band;
}

function middleAndBand(values: readonly number[]): { y: number; low: number; high: number } {
  const y = mean(values);
  if (values.length < fewestForInterval) return { y, low: Math.min(...values), high: Math.max(...values) };
  const half = halfWidth(values.length) * sampleDeviation(values);
  return { y, low: y - half, high: y + half };
}
