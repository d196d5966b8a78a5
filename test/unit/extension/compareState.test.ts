import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compareStateOf,
  pinnedRun,
  withBaseline,
  withComparedRuns,
  withComparePageState,
  withPin,
} from '../../../src/extension/panels/compareState.ts';

const [a, b, c] = ['20260101-0000000a', '20260101-0000000b', '20260101-0000000c'] as const;

test('what a page left is taken over where it fits, else the panel begins empty', () => {
  const state = { ...compareStateOf(undefined), runs: [a, b], filter: 'peak' };
  assert.deepEqual(compareStateOf(JSON.parse(JSON.stringify(state))), state);
  assert.deepEqual(compareStateOf({ runs: ['no id'] }), compareStateOf(undefined));
});

test('a baseline is compared too, and goes with its run', () => {
  const state = withComparedRuns(compareStateOf(undefined), [a, b, a]);
  assert.deepEqual(state.runs, [a, b]);
  const pinned = withBaseline(state, c);
  assert.deepEqual(pinned.runs, [c, a, b]);
  assert.equal(pinned.baseline, c);
  assert.equal(pinned.differenceCurves, true);
  assert.equal(withComparedRuns(pinned, [a, b]).baseline, null);
  assert.equal(withBaseline(pinned, null).differenceCurves, false);
});

test('a page that does not know of new runs yet does not take them away', () => {
  const own = withComparedRuns(compareStateOf(undefined), [a, b, c]);
  const page = { ...compareStateOf(undefined), runs: [a], filter: 'seed' };
  const joined = withComparePageState(own, page);
  assert.deepEqual(joined.runs, [a, b, c]);
  assert.equal(joined.filter, 'seed');
});

test('a pin that was made elsewhere is followed: the run is the baseline where it is compared, else there is none', () => {
  const state = withComparedRuns(compareStateOf(undefined), [a, b]);
  const pinned = withPin(state, b);
  assert.deepEqual([pinned.baseline, pinned.differenceCurves, pinned.runs], [b, true, [a, b]]);
  const curves = { ...pinned, differenceCurves: false };
  assert.equal(withPin(curves, b), curves, 'the same pin changes nothing that the person chose since');
  const elsewhere = withPin(pinned, c);
  assert.deepEqual([elsewhere.baseline, elsewhere.differenceCurves, elsewhere.runs], [null, false, [a, b]]);
  assert.equal(withPin(pinned, null).baseline, null);
  assert.equal(
    pinnedRun([
      { run: a, baseline: false },
      { run: b, baseline: true },
    ]),
    b,
  );
  assert.equal(pinnedRun([]), null);
});
