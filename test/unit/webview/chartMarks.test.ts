import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CurvePoint } from '../../../src/core/liveSeries.ts';
import { seriesStyle } from '../../../webview/common/seriesStyle.ts';
import type { ThemeColours } from '../../../webview/common/theme.ts';
import { edgeMarks, type Plot } from '../../../webview/curves/chartMarks.ts';
import { type CurveDataset, lineDataset } from '../../../webview/curves/datasets.ts';

const theme: ThemeColours = {
  ...{ foreground: '#cccccc', muted: '#999999', background: '#1f1f1f', error: '#ff0000', focus: '#0000ff' },
  ...{ series: Array(7).fill('#59a4f9'), font: 'sans-serif', strong: false },
};
/** 1 in x is a pixel, 1 in y is ten up. */
const plot: Plot = {
  area: { left: 50, right: 450, top: 10, bottom: 210 },
  x: (value) => 50 + value,
  y: (value) => 210 - 10 * value,
};

const line = (places: Record<number, number>): CurvePoint[] =>
  Object.entries(places).map(([x, y]) => ({ x: Number(x), y, smooth: null, step: Number(x), segment: 0 }));

interface Marked {
  points?: CurvePoint[];
  checkpoints?: number[];
  head?: boolean;
  emphasis?: 'normal' | 'strong' | 'faint';
}

function curve(run: string, { points = [], checkpoints = [], head = true, emphasis }: Marked): CurveDataset {
  const nonFinite = points.filter(({ y }) => !Number.isFinite(y));
  return lineDataset({ run, metric: 'loss', style: seriesStyle(0), points, nonFinite, checkpoints }, theme, {
    emphasis: emphasis ?? 'normal',
    mark: null,
    head,
  });
}

const places = (...curves: CurveDataset[]) =>
  edgeMarks(curves, plot).map(({ kind, dataset, x, y }) => [kind, dataset.run, x, y]);

test('a value that is not finite is a cross at the upper edge, a checkpoint a diamond at the lower one', () => {
  const points = line({ 0: 3, 100: Number.NaN, 200: Number.POSITIVE_INFINITY, 300: 4 });
  assert.deepEqual(places(curve('a', { points, checkpoints: [150, 300] })), [
    ['checkpoint', 'a', 200, 205],
    ['checkpoint', 'a', 350, 205],
    ['notFinite', 'a', 150, 17],
    ['notFinite', 'a', 250, 17],
    ['end', 'a', 350, 170],
  ]);
});

test('marks of a run in a row are ten pixels apart; other runs and other marks have their own rows', () => {
  const broken = line(Object.fromEntries(Array.from({ length: 30 }, (_, x) => [x, Number.NaN])));
  const found = places(
    curve('a', { points: broken, checkpoints: [0, 4, 9, 10, 21] }),
    curve('b', { points: line({ 3: Number.NaN }) }),
  );
  const of = (kind: string, run: string) =>
    found.filter((m) => m[0] === kind && m[1] === run).map((m) => m[2]);
  assert.deepEqual(of('notFinite', 'a'), [50, 60, 70]);
  assert.deepEqual(of('checkpoint', 'a'), [50, 60, 71]);
  assert.deepEqual(of('notFinite', 'b'), [53]);
});

test('what lies outside the view has no mark; what lies on its edge has one', () => {
  const points = line({ [-20]: Number.NaN, 0: Number.NaN, 400: Number.NaN, 420: Number.NaN });
  const found = places(curve('a', { points, checkpoints: [-1, 400, 402] }));
  assert.deepEqual(found, [
    ['checkpoint', 'a', 49, 205],
    ['checkpoint', 'a', 450, 205],
    ['notFinite', 'a', 50, 17],
    ['notFinite', 'a', 450, 17],
  ]);
});

test("the end of a line has its run's marker, unless it ends outside the view or breaks there", () => {
  const ends = (points: CurvePoint[], change: Marked = {}) => places(curve('a', { points, ...change }));
  assert.deepEqual(ends(line({ 0: 1, 100: 5 })), [['end', 'a', 150, 160]]);
  assert.deepEqual(ends(line({ 0: 1, 500: 5 })), [], 'right of it');
  assert.deepEqual(ends(line({ 0: 1, 100: 30 })), [], 'above it');
  assert.deepEqual(ends(line({ 0: 1, 100: -2 })), [], 'below it');
  assert.deepEqual(ends(line({ 0: 1, 100: 20 })), [['end', 'a', 150, 10]], 'on its edge');
  assert.deepEqual(ends(line({ 0: 1, 100: 5 }), { head: false }), [], 'a line without one');
  assert.deepEqual(
    ends(line({ 0: 1, 50: 5, 100: Number.NaN })),
    [['notFinite', 'a', 150, 17]],
    'the cross tells where it broke',
  );
  assert.deepEqual(ends([]), []);
});

test('marks of what lies on top come last, so that they are drawn over the others', () => {
  const points = line({ 0: 1, 100: 5 });
  const found = places(
    curve('top', { points, emphasis: 'strong' }),
    curve('faint', { points, emphasis: 'faint' }),
    curve('plain', { points }),
  );
  assert.deepEqual(
    found.map(([, run]) => run),
    ['faint', 'plain', 'top'],
  );
});
