import assert from 'node:assert/strict';
import { test } from 'node:test';
import { curvesStateOf, withPageState, withRuns } from '../../../src/extension/panels/curvesState.ts';

const [a, b] = ['20260101-00000001', '20260101-00000002'];

test('what a page saved is read, also before it remembered styles; anything else is an empty state', () => {
  const saved = { metrics: ['loss'], x: 'step', logY: true, table: false, hidden: [], range: null };
  const read = curvesStateOf({ ...saved, runs: [a] });
  assert.deepEqual(read, { ...read, ...saved, runs: [a], styles: {} });
  assert.deepEqual([read.smoothing, read.robust, read.linked, read.all], [null, [], true, false]);
  assert.deepEqual(curvesStateOf({ runs: 3 }).runs, []);
  assert.deepEqual(curvesStateOf(undefined).metrics, []);
});

test('a state that the page sent before it knew of a new run does not take the run away', () => {
  const before = withRuns(curvesStateOf(undefined), [a]);
  const ofPage = { ...before, logY: true, hidden: [a], styles: { [a]: 0 } };
  const after = withPageState(withRuns(before, [a, b, a]), ofPage);
  assert.deepEqual(after, { ...ofPage, runs: [a, b] });
});

test('a run that is no longer on show is no longer hidden', () => {
  const state = { ...withRuns(curvesStateOf(undefined), [a, b]), hidden: [a] };
  assert.deepEqual(withRuns(state, [b]).hidden, []);
});
