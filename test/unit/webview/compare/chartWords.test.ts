import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newsText, summaryText } from '../../../../webview/compare/chartWords.ts';
import type { PlotPoint } from '../../../../webview/compare/curvesOf.ts';

interface Curve {
  points?: [step: number, y: number][];
  marks?: [step: number, y: number][];
  seeds?: number;
  near?: boolean;
}

const plot = (points: [number, number][] = []): PlotPoint[] => points.map(([x, y]) => ({ x, y }));

function scene(curves: Record<string, Curve>, { zero = false, title = 'Loss' } = {}) {
  return {
    ...{ title, zero },
    curves: Object.entries(curves).map(([name, { points, marks, seeds = 1, near = true }]) => ({
      ...{ key: `key-${name}`, name, seeds, near, points: plot(points), marks: plot(marks) },
    })),
  };
}

test('a summary says how many columns there are, and of those in view the last, lowest and validation value', () => {
  const said = summaryText(
    scene({
      a: {
        points: [
          [10, 3],
          [1200, 2],
          [1210, 2.5],
        ],
        marks: [[1200, 2.25]],
      },
      b: {
        points: [
          [10, 3],
          [1200, 1.5],
        ],
        seeds: 5,
      },
      gone: {
        points: [
          [10, 3],
          [20, Number.NaN],
        ],
      },
      none: {},
      far: { points: [[10, 1]], near: false },
    }),
  );
  assert.equal(
    said,
    '5 columns, 4 of them in view. a: 2.500 at step 1,210, lowest 2.000 at step 1,200, validation 2.250 at step 1,200; ' +
      'b, mean of 5 seeds: 1.500 at step 1,200; gone: 3.000 at step 10; none: no value',
  );
});

test('a summary of many columns tells of eight and counts the rest', () => {
  const many = Object.fromEntries(
    Array.from({ length: 20 }, (_, i): [string, Curve] => [`c${i}`, { points: [[1, i]], near: i < 12 }]),
  );
  const said = summaryText(scene(many));
  assert.match(
    said,
    /^20 columns, 12 of them in view\. c0: 0 at step 1; .*c7: 7\.000 at step 1; and 4 columns more$/,
  );
});

test('differences are told with their sign, and the baseline has none', () => {
  const differences = scene(
    { base: { points: [[5, 0]] }, other: { points: [[5, -0.25]] }, third: { points: [[5, 0.5]] } },
    { zero: true, title: 'Loss, difference to base' },
  );
  assert.equal(summaryText(differences), '2 columns. other: −0.2500 at step 5; third: +0.5000 at step 5');
  assert.equal(
    newsText(differences, new Set(['key-base', 'key-third'])),
    'Loss, difference to base: third +0.5000 at step 5',
  );
});

test('news name the columns that got points, three at most', () => {
  const all = scene(
    Object.fromEntries(
      ['a', 'b', 'c', 'd', 'e'].map((name, i): [string, Curve] => [name, { points: [[i, 2]] }]),
    ),
  );
  assert.equal(newsText(all, new Set(['key-b'])), 'Loss: b 2.000 at step 1');
  assert.equal(
    newsText(all, new Set(all.curves.map(({ key }) => key))),
    'Loss: a 2.000 at step 0; b 2.000 at step 1; c 2.000 at step 2; and 2 columns more',
  );
  assert.equal(newsText(scene({ a: {} }), new Set(['key-a'])), '');
});
