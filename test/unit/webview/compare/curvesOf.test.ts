import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CurvePoint } from '../../../../src/core/liveSeries.ts';
import {
  differenceCurve,
  extentOfCurves,
  meanCurve,
  valuesByStep,
} from '../../../../webview/compare/curvesOf.ts';

const curve = (...points: [step: number, y: number][]): CurvePoint[] =>
  points.map(([step, y]) => ({ x: step, y, smooth: null, step, segment: 0 }));

test('the mean of seeds is taken at the steps that all of them have', () => {
  const mean = meanCurve([curve([10, 1], [20, 2], [30, 3]), curve([10, 3], [30, 5], [40, 9])]);
  assert.deepEqual(mean, [
    { x: 10, y: 2 },
    { x: 30, y: 4 },
  ]);
  assert.deepEqual(meanCurve([curve([1, 1e308]), curve([1, 1.6e308])]), [{ x: 1, y: 1.3e308 }]);
});

test('a difference is taken at shared steps, and is NaN where a side is', () => {
  const base = valuesByStep([
    { x: 10, y: 1 },
    { x: 20, y: Number.NaN },
  ]);
  assert.deepEqual(
    differenceCurve(
      [
        { x: 10, y: 1.5 },
        { x: 15, y: 9 },
        { x: 20, y: 2 },
      ],
      base,
    ),
    [
      { x: 10, y: 0.5 },
      { x: 20, y: Number.NaN },
    ],
  );
});

test('what cannot be drawn has no extent; a constant and the largest numbers have a finite one', () => {
  assert.equal(extentOfCurves([[], [{ x: 1, y: Number.NaN }]]), null);
  const constant = extentOfCurves([[{ x: 5, y: 2 }]])!;
  assert.ok(constant.x[1] > constant.x[0] && constant.y[0] < 2 && constant.y[1] > 2);
  const huge = extentOfCurves([
    [
      { x: 0, y: -1e308 },
      { x: 1, y: 1e308 },
    ],
  ])!;
  assert.ok(Number.isFinite(huge.y[1] - huge.y[0]));
});
