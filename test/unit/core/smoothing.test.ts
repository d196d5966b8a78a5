import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LiveSeries } from '../../../src/core/liveSeries.ts';
import { philox, philoxKey } from '../../../src/core/philox.ts';
import { Smoother } from '../../../src/core/smoothing.ts';
import type { SeriesHeader, SmoothingCarry } from '../../../src/protocol/controlApi.ts';

interface Point {
  step: number;
  y: number;
}

/** s_j = Σ w_i y_i / Σ w_i as it is defined, over the points since the last new start: O(n²). */
function byDefinition(points: readonly Point[], halfLife: number, phaseEnds: readonly number[]): number[] {
  const phase = (step: number): number => phaseEnds.filter((end) => end < step).length;
  let first = 0;
  return points.map(({ step: now, y }, j) => {
    const before = points[j - 1];
    const anew =
      !before ||
      !Number.isFinite(before.y) ||
      phase(before.step) !== phase(now) ||
      now - before.step > 4 * halfLife;
    if (anew) first = j;
    if (!Number.isFinite(y)) return Number.NaN;
    if (first === j) return y;
    let sum = 0;
    let weights = 0;
    for (let i = first; i <= j; i++) {
      const spacing =
        i === first ? points[i + 1]!.step - points[i]!.step : points[i]!.step - points[i - 1]!.step;
      const weight = 2 ** (-(now - points[i]!.step) / halfLife) * (1 - 2 ** (-spacing / halfLife));
      sum += weight * points[i]!.y;
      weights += weight;
    }
    return sum / weights;
  });
}

function smoothed(points: readonly Point[], halfLife: number, phaseEnds: readonly number[] = []): number[] {
  const smoother = new Smoother(halfLife, phaseEnds);
  return points.map(({ step, y }) => smoother.next(step, y));
}

/** Uniform numbers in [0, 1): the same ones for the same seed. */
function uniform(seed: number): () => number {
  const key = philoxKey(seed, 'smoothing test');
  let count = 0;
  return () => philox(key, [count++, 0, 0, 0])[0]! / 0x1_0000_0000;
}

/** Points at uneven steps, some of them not finite, some after long gaps. */
function unevenPoints(random: () => number, n: number): Point[] {
  let step = 0;
  return Array.from({ length: n }, () => {
    const leap = random();
    step += leap < 0.6 ? 1 : leap < 0.95 ? 1 + Math.floor(random() * 20) : 500;
    const kind = random();
    const y = kind < 0.03 ? Number.NaN : kind < 0.05 ? Number.POSITIVE_INFINITY : random() * 10 - 5;
    return { step, y };
  });
}

function assertClose(actual: readonly number[], expected: readonly number[], tolerance = 1e-9): void {
  assert.equal(actual.length, expected.length);
  actual.forEach((value, i) => {
    const other = expected[i]!;
    if (Number.isNaN(other)) assert.ok(Number.isNaN(value), `${i}: ${value}`);
    else
      assert.ok(
        Math.abs(value - other) <= tolerance * Math.max(1, Math.abs(other)),
        `${i}: ${value} ≠ ${other}`,
      );
  });
}

test('worked by hand: even points with a half-life of one spacing weigh 1, 1/2, 1/4 …', () => {
  const points = [8, 4, 16, 0].map((y, i) => ({ step: 10 + 5 * i, y }));
  // 8; (8/2 + 4)/(3/2); (8/4 + 4/2 + 16)/(7/4); (8/8 + 4/4 + 16/2 + 0)/(15/8)
  assertClose(smoothed(points, 5), [8, 16 / 3, 80 / 7, 16 / 3], 1e-15);
});

test('worked by hand: a point three spacings on weighs for three', () => {
  // h = 1: weights before the decay 1/2, 1/2, 7/8; at step 5 the first two have decayed by 2^-4 and 2^-3.
  const points = [
    { step: 1, y: 32 },
    { step: 2, y: 16 },
    { step: 5, y: 2 },
  ];
  const last = (32 / 32 + 16 / 16 + (7 / 8) * 2) / (1 / 32 + 1 / 16 + 7 / 8);
  assertClose(smoothed(points, 1), [32, (32 / 4 + 16 / 2) / (1 / 4 + 1 / 2), last], 1e-15);
});

test('even points give the debiased average of Adam', () => {
  const beta = 2 ** (-7 / 30);
  const random = uniform(1);
  let m = 0;
  const points = Array.from({ length: 200 }, (_, i) => ({ step: 7 * (i + 1), y: random() }));
  const adam = points.map(({ y }, i) => {
    m = beta * m + (1 - beta) * y;
    return m / (1 - beta ** (i + 1));
  });
  assertClose(smoothed(points, 30), adam);
});

test('it is what its definition says, whatever the points', () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = uniform(seed);
    const points = unevenPoints(random, 120);
    const last = points.at(-1)!.step;
    const phaseEnds = [Math.floor(last * 0.3), Math.floor(last * 0.7)].filter(
      (end, i, all) => end > (all[i - 1] ?? 0),
    );
    const halfLife = 10 ** (random() * 4 - 0.5);
    assertClose(smoothed(points, halfLife, phaseEnds), byDefinition(points, halfLife, phaseEnds));
  }
});

test('a point that repeats the next one close before it changes nothing: close points do not count double', () => {
  const random = uniform(7);
  const points = Array.from({ length: 60 }, (_, i) => ({ step: 10 * (i + 1), y: random() }));
  const crowded = points.flatMap((point, i) =>
    i >= 2 && i % 3 === 0 ? [{ step: point.step - 1, y: point.y }, point] : [point],
  );
  const kept = new Set(points.map(({ step }) => step));
  const all = smoothed(crowded, 25);
  assertClose(
    all.filter((_, i) => kept.has(crowded[i]!.step)),
    smoothed(points, 25),
  );
});

test('a constant stays that constant, and nothing leaves the range of the values, however large they are', () => {
  assert.deepEqual(
    smoothed(
      [1, 2, 3, 9, 10].map((step) => ({ step, y: 0.1 })),
      3,
    ),
    [0.1, 0.1, 0.1, 0.1, 0.1],
  );
  const huge = smoothed(
    Array.from({ length: 100 }, (_, step) => ({ step, y: (step % 2 === 0 ? 1 : -1) * Number.MAX_VALUE })),
    10,
  );
  assert.ok(huge.every((value) => Math.abs(value) <= Number.MAX_VALUE));
  const same = smoothed(
    Array.from({ length: 100 }, (_, step) => ({ step, y: 1e308 })),
    10,
  );
  assert.ok(same.every((value) => value === 1e308));
});

test('half-lives far longer and far shorter than the run are the mean and the points themselves', () => {
  const points = [3, 1, 4, 1, 5].map((y, i) => ({ step: i + 1, y }));
  assertClose(smoothed(points, 1e9), [3, 2, 8 / 3, 9 / 4, 14 / 5], 1e-7);
  assertClose(smoothed(points, 1e-3), [3, 1, 4, 1, 5]);
});

test('it starts anew with a phase, after a value that is not finite, and after a gap of four half-lives', () => {
  const y = [5, 6, 7, 8];
  const at = (...steps: number[]): Point[] => steps.map((step, i) => ({ step, y: y[i]! }));
  assert.equal(smoothed(at(99, 100, 101), 50, [100])[2], 7);
  assert.notEqual(smoothed(at(98, 99, 100), 50, [100])[2], 7);
  assert.equal(smoothed(at(1, 2, 43), 10)[2], 7);
  assert.notEqual(smoothed(at(1, 2, 42), 10)[2], 7);
  const [, broken, after] = smoothed(
    [
      { step: 1, y: 1 },
      { step: 2, y: Number.NEGATIVE_INFINITY },
      { step: 3, y: 9 },
    ],
    10,
  );
  assert.ok(Number.isNaN(broken));
  assert.equal(after, 9);
});

test('cut anywhere and carried over as JSON it goes on bit for bit', () => {
  for (let seed = 0; seed < 100; seed++) {
    const random = uniform(1000 + seed);
    const points = unevenPoints(random, 80);
    const phaseEnds = [points[30]!.step];
    const straight = smoothed(points, 12, phaseEnds);
    const cuts = Array.from({ length: 4 }, () => Math.floor(random() * 81)).sort((a, b) => a - b);
    let carry: SmoothingCarry | null = null;
    const parts: number[] = [];
    for (const [i, cut] of [...cuts, points.length].entries()) {
      const smoother: Smoother = new Smoother(12, phaseEnds, carry);
      for (const { step, y } of points.slice(cuts[i - 1] ?? 0, cut)) parts.push(smoother.next(step, y));
      carry = JSON.parse(JSON.stringify(smoother.carry)) as SmoothingCarry | null;
    }
    assert.deepEqual(parts, straight);
  }
});

const run = '20260101-00000001';
const ends = { tokens: 0, flops: null, time: 0, share: null };

function columns(points: readonly Point[], smooth?: readonly number[], segment = 0) {
  return {
    x: Float64Array.from(points, ({ step }) => step),
    y: Float64Array.from(points, ({ y }) => y),
    ...(smooth ? { smooth: Float64Array.from(smooth) } : {}),
    step: Uint32Array.from(points, ({ step }) => step),
    segment: new Uint16Array(points.length).fill(segment),
  };
}

test('a live series is smoothed as one snapshot of all its points would be; what hides points asks for another', () => {
  const random = uniform(5);
  const points = unevenPoints(random, 200);
  const phaseEnds = [points[120]!.step];
  const straight = smoothed(points, 15, phaseEnds);
  const first = new Smoother(15, phaseEnds);
  const shown = points.slice(0, 100).map(({ step, y }) => first.next(step, y));
  const header: SeriesHeader = {
    ...{ run, metric: 'loss', x: 'step', version: 1, total: 100, points: 100, bucket: 1 },
    smoothing: { halfLife: 15, phaseEnds, carry: first.carry },
  };
  const series = new LiveSeries(header, columns(points.slice(0, 100), shown));
  for (let i = 100; i < 200; i += 7) {
    const part = points.slice(i, i + 7);
    const delta = { ...header, version: i, follows: series.version, reset: false, points: part.length, ends };
    assert.equal(series.append(delta, columns(part)), 'applied');
  }
  assert.deepEqual(
    series.points.map(({ smooth }) => smooth ?? Number.NaN),
    straight,
  );
  const back = [{ step: points[150]!.step, y: 1 }];
  const resumed = { ...header, version: 999, follows: series.version, reset: false, points: 1, ends };
  assert.equal(series.append(resumed, columns(back, undefined, 1)), 'gap');
});
