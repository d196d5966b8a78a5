import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeSeries } from '../../../../src/core/seriesBytes.ts';
import type { CompareRun } from '../../../../src/protocol/comparePage.ts';
import type { Column } from '../../../../webview/compare/columns.ts';
import { cursorRow } from '../../../../webview/compare/cursorRow.ts';
import { CurveLoader } from '../../../../webview/compare/curveLoader.ts';
import { CurveScene } from '../../../../webview/compare/curveScene.ts';

/** A column of these runs, each of which has the value of its own name at every step. */
function column(...runs: number[]): Column {
  const made = runs.map((run) => ({ run: String(run), phases: [] as CompareRun['phases'] }) as CompareRun);
  return { key: made[0]!.run, name: 'decay', runs: made, facts: [] };
}

test('a mean is of the runs that are in its column now, also where another one took the place of one alike', () => {
  const asked: { request: number; run: string }[] = [];
  const loader = new CurveLoader(
    (request, { run }) => asked.push({ request, run }),
    () => undefined,
  );
  const scene = new CurveScene(loader);
  const near = new Set([0]);
  const meanOf = (shown: Column): number | undefined => {
    scene.ask([shown], near, 'loss', 400);
    for (const { request, run } of asked.splice(0)) {
      const header = { run, metric: 'loss', x: 'step' as const, version: 7, total: 1, points: 1, bucket: 1 };
      const columns = {
        x: Float64Array.of(5),
        y: Float64Array.of(Number(run)),
        step: Uint32Array.of(5),
        segment: Uint16Array.of(0),
      };
      loader.answered(request, { ...header, smoothing: null }, encodeSeries(columns));
    }
    return scene.valueAt(shown, 'loss', 5)?.y;
  };
  assert.equal(meanOf(column(1, 3)), 2);
  assert.equal(meanOf(column(1, 9)), 5);
  assert.equal(meanOf(column(1)), 1);
});

test('at the cursor a value is told apart from the baseline at its own step, and from none beyond its end', () => {
  const points: Record<string, [step: number, y: number][]> = {
    '1': [
      [10, 5],
      [20, 4],
    ],
    '2': [
      [10, 7],
      [30, 3],
    ],
    '3': [[10, 6]],
  };
  const loader = new CurveLoader(
    (request, { run }) => {
      const own = points[run]!;
      const step = Uint32Array.from(own, ([at]) => at);
      const header = { run, metric: 'loss', x: 'step' as const, version: 1, bucket: 1, smoothing: null };
      const y = Float64Array.from(own, ([, value]) => value);
      const columns = { x: Float64Array.from(step), y, step, segment: new Uint16Array(own.length) };
      const n = own.length;
      queueMicrotask(() =>
        loader.answered(request, { ...header, total: n, points: n }, encodeSeries(columns)),
      );
    },
    () => undefined,
  );
  const scene = new CurveScene(loader);
  const columns = [column(1), column(2), column(3)];
  scene.ask(columns, new Set([0, 1, 2]), 'loss', 400);
  return Promise.resolve().then(() => {
    const said = (step: number) => {
      const row = cursorRow(scene, columns, 'loss', step, true);
      return columns.map((_, i) => row.cell(i).more);
    };
    assert.deepEqual(said(10), ['', '+2.000', '+1.000']);
    assert.deepEqual(said(20), ['', '+2.000 · at step 10', '+1.000 · at step 10']);
    assert.deepEqual(said(30), ['at step 20', '', '+1.000 · at step 10']);
  });
});
