import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { CurvePoint } from '../../../src/core/liveSeries.ts';
import { columnsOf, type PixelLine, paintColumns } from '../../../webview/curves/lineColumns.ts';
import { windowOf } from '../../../webview/curves/multiples.ts';
import { filteredMetrics } from '../../../webview/curves/panels.ts';
import { bandOf, bandText, groupRuns } from '../../../webview/curves/seedGroups.ts';
import { valueRange } from '../../../webview/curves/valueRange.ts';
import { inside, panned, pictureMove, shareOf, zoomed } from '../../../webview/curves/xRange.ts';
import { fakeRun } from '../../browser/pages/fakeRuns.ts';

const line = (ys: readonly number[], every = 1): CurvePoint[] =>
  ys.map((y, i) => ({ x: i * every, y, smooth: null, step: i * every, segment: 0 }));
const near = (a: number, b: number, tolerance = 1e-9): void =>
  assert.ok(Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(a), Math.abs(b)), `${a} and ${b}`);

test('zooming keeps what is under the pointer, panning keeps the width, both on both kinds of axes', () => {
  const range = fc.tuple(
    fc.double({ min: 1, max: 1e5, noNaN: true }),
    fc.double({ min: 1.1, max: 100, noNaN: true }),
  );
  fc.assert(
    fc.property(
      range,
      fc.double({ min: 0.1, max: 10, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.boolean(),
      ([from, times], factor, share, log) => {
        const before = [from, from * times] as const;
        const centre = log ? from * times ** share : from + share * (from * times - from);
        near(shareOf(zoomed(before, factor, centre, log), centre, log), share, 1e-6);
        const after = panned(before, share, log);
        near(log ? after[1] / after[0] : after[1] - after[0], log ? times : from * times - from, 1e-6);
        const move = pictureMove(before, after, log);
        near(move.scale, 1, 1e-6);
        near(move.offset, -share, 1e-6);
      },
    ),
  );
});

test('a range never leaves the whole, and keeps its width where that fits', () => {
  assert.deepEqual(inside([-50, 50], [0, 1000], false), [0, 100]);
  assert.deepEqual(inside([950, 1050], [0, 1000], false).map(Math.round), [900, 1000]);
  assert.deepEqual(inside([-10, 2000], [0, 1000], false), [0, 1000]);
});

test('without a robust scale nothing is hidden but what arithmetic cannot hold', () => {
  const spiked = line([...Array.from({ length: 99 }, (_, i) => 2 + (i % 5) / 10), 900]);
  const plain = { robust: false, logarithmic: false };
  const { ends, ...rest } = valueRange([spiked], [0, 99], plain);
  assert.deepEqual(rest, { any: true, limits: null, hidden: 0 });
  assert.deepEqual(ends, [Math.min(...spiked.map(({ y }) => y)), Math.max(...spiked.map(({ y }) => y))]);
  assert.deepEqual(valueRange([line([1, 1e308, -1e308])], [0, 9], plain), {
    ends: [-1e308, 1e308],
    any: true,
    limits: [-1e300, 1e300],
    hidden: 2,
  });
  assert.equal(valueRange([line([Number.NaN])], [0, 9], plain).ends, null);
  assert.equal(valueRange([spiked], [200, 300], plain).any, false);
});

test('a robust scale counts exactly what lies outside of it, in view', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(fc.double({ min: 1, max: 3, noNaN: true }), fc.double({ min: 100, max: 1e6, noNaN: true })),
        { minLength: 1, maxLength: 400 },
      ),
      fc.boolean(),
      (ys, logarithmic) => {
        const found = valueRange([line(ys)], [0, ys.length], { robust: true, logarithmic });
        const [low, high] = found.limits ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
        assert.equal(found.hidden, ys.filter((y) => y < low || y > high).length);
        assert.ok(found.hidden <= Math.ceil(ys.length * 0.02) + 1);
      },
    ),
  );
});

test('runs of one setup are a group, named by what their names have in common', () => {
  const runs = [
    fakeRun(1, '210m-mlm40-seed1', { setup: 'a' }),
    fakeRun(2, '210m-clm', { setup: 'b' }),
    fakeRun(3, '210m-mlm40-seed2', { setup: 'a' }),
    fakeRun(4, 'no file', { setup: null }),
    fakeRun(5, 'no file either', { setup: null }),
  ];
  assert.deepEqual(groupRuns(runs), [
    { id: 'setup a', name: '210m-mlm40', runs: [runs[0]!.run, runs[2]!.run] },
  ]);
  const again = fakeRun(6, '210m-mlm40-seed1-again', { setup: 'a', seed: runs[0]!.seed });
  assert.deepEqual(
    groupRuns([...runs, again]).map((group) => group.runs),
    [[runs[0]!.run, runs[2]!.run]],
    'a repeat with the same seed makes no interval narrower',
  );
  assert.deepEqual(groupRuns([runs[0]!, again]), []);
  assert.equal(bandText(3), 'n = 3: range');
  assert.equal(bandText(5), 'n = 5: 95 % t-interval');
});

test('of fewer than five runs the band is their range, of more the interval of the mean', () => {
  const three = bandOf([1, 2, 6].map((y) => ({ points: line([y]), bucket: 1 })));
  assert.deepEqual(
    three.map(({ y, low, high, n }) => [y, low, high, n]),
    [[3, 1, 6, 3]],
  );
  const five = bandOf([1, 2, 3, 4, 5].map((y) => ({ points: line([y]), bucket: 1 })))[0]!;
  // 3 ± 2.7764451051977987 · √(2.5 / 5), the quantile as tables and SciPy have it.
  near(five.low, 1.036756838522439, 1e-9);
  near(five.high, 4.9632431614775605, 1e-9);
});

test('a mean is of measured points at common steps, also of thinned lines; it breaks where a run ends', () => {
  const long = line(Array.from({ length: 9 }, (_, i) => i));
  const short = line([10, 11, 12, 13]);
  const more = line([20, 21, 22, 23, 24, 25, 26, 27, 28]);
  const band = bandOf([long, short, more].map((points) => ({ points, bucket: 1 })));
  assert.deepEqual(
    band.map(({ step, n, y }) => [step, n, Number.isNaN(y)]),
    [
      [0, 3, false],
      [1, 3, false],
      [2, 3, false],
      [3, 3, false],
      [4, 2, true],
      [4, 2, false],
      [5, 2, false],
      [6, 2, false],
      [7, 2, false],
      [8, 2, false],
    ],
  );
  const thinned = bandOf([
    { points: long, bucket: 1 },
    { points: more.filter(({ step }) => step % 4 === 3 || step === 8), bucket: 4 },
  ]);
  assert.deepEqual(
    thinned.map(({ step, y }) => [step, Math.round(y * 1e9) / 1e9]),
    [
      [3, 13],
      [7, 17],
      [8, 18],
    ],
  );
});

test('whatever is scrolled to, the rows in view are there and as many as fit', () => {
  fc.assert(
    fc.property(
      fc.nat(6000),
      fc.integer({ min: 100, max: 3000 }),
      fc.integer({ min: -500, max: 400_000 }),
      fc.integer({ min: 100, max: 2000 }),
      (count, width, top, height) => {
        const found = windowOf(count, width, top, height);
        assert.ok(found.from >= 0 && found.to <= count && found.from <= Math.max(0, found.to));
        assert.ok(found.to - found.from <= (Math.ceil(height / 184) + 4) * found.columns);
        const rows = Math.ceil(count / found.columns);
        const shown = Math.ceil((found.to - found.from) / found.columns);
        assert.equal(found.rowsBefore + shown + found.rowsAfter, rows);
      },
    ),
  );
});

test('a filter takes words in any order and case', () => {
  const metrics = ['loss', 'layer/3/gradNorm', 'layer/13/weightNorm'];
  assert.deepEqual(filteredMetrics(metrics, 'NORM layer'), ['layer/3/gradNorm', 'layer/13/weightNorm']);
  assert.deepEqual(filteredMetrics(metrics, ''), metrics);
  assert.deepEqual(filteredMetrics(metrics, 'x'), []);
});

function pixelLine(points: readonly { x: number; y: number }[]): PixelLine {
  return { x: Float64Array.from(points, ({ x }) => x), y: Float64Array.from(points, ({ y }) => y) };
}

test('a column reaches as far as the line does in it, and nothing joins over a hole', () => {
  const { top, bottom } = columnsOf(
    pixelLine([
      { x: 0.5, y: 10 },
      { x: 0.9, y: 2 },
      { x: 3.5, y: 2 },
      { x: 4, y: Number.NaN },
      { x: 6, y: 5 },
    ]),
    8,
  );
  assert.deepEqual(
    [...top].map((y) => (Number.isNaN(y) ? null : y)),
    [2, 2, 2, 2, null, null, 5, null],
  );
  assert.deepEqual(
    [...bottom].map((y) => (Number.isNaN(y) ? null : y)),
    [10, 2, 2, 2, null, null, 5, null],
  );
  // The smallest numbers there are on both sides of a column's edge.
  const near = columnsOf(
    pixelLine([
      { x: 1 - Number.EPSILON / 2, y: 3 },
      { x: 1, y: 9 },
      { x: 1 + Number.EPSILON, y: -4 },
    ]),
    2,
  );
  assert.deepEqual([...near.top, ...near.bottom], [3, -4, 9, 9]);
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          x: fc.double({ min: -20, max: 60, noNaN: true }),
          y: fc.double({ min: -5, max: 45, noNaN: true }),
        }),
        { minLength: 1, maxLength: 60 },
      ),
      (points) => {
        const sorted = points.toSorted((a, b) => a.x - b.x);
        const columns = columnsOf(pixelLine(sorted), 40);
        for (const { x, y } of sorted) {
          const at = Math.floor(x);
          if (at < 0 || at >= 40) continue;
          assert.ok(columns.top[at]! <= y + 1e-3 && columns.bottom[at]! >= y - 1e-3);
        }
      },
    ),
  );
});

test('painted columns lie inside the picture, in the colour of the pen, with its dashes', () => {
  const picture = { data: new Uint8ClampedArray(10 * 8 * 4), width: 10, height: 8 };
  const columns = columnsOf(
    pixelLine([
      { x: 0, y: 4 },
      { x: 10, y: 4 },
    ]),
    10,
  );
  paintColumns(picture, columns, { red: 9, green: 8, blue: 7, opacity: 1, thickness: 2, dash: [3, 2] });
  const row = Array.from({ length: 10 }, (_, x) => picture.data[(4 * 10 + x) * 4 + 3]);
  assert.deepEqual(row, [255, 255, 255, 0, 0, 255, 255, 255, 0, 0]);
  assert.deepEqual([...picture.data.subarray(4 * 10 * 4, 4 * 10 * 4 + 4)], [9, 8, 7, 255]);
});
