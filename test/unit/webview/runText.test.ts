import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunState } from '../../../src/protocol/runDirectory.ts';
import { waitingLines } from '../../../webview/curves/runText.ts';
import { fakeRun } from '../../browser/pages/fakeRuns.ts';

const none = () => undefined;
const inState = (state: RunState, index = 1) =>
  fakeRun(index, `run ${index}`, { state, doing: null, metrics: [] });

test('only a run that may have points yet is said to wait for them', () => {
  assert.match(waitingLines([inState('running')], none), /Waiting for the first point/);
  assert.match(waitingLines([inState('queued')], none), /is queued on atlas/);
  assert.match(waitingLines([inState('stopped')], none), /stopped before its first point/);
  assert.equal(waitingLines([inState('finished')], none), 'run 1 has no points here.');
  const failed = fakeRun(1, 'run 1', { state: 'failed' });
  assert.equal(waitingLines([failed], none), 'run 1 has no points here.', 'it has those of other metrics');
});

test('points that could not be had are told, and many runs are counted', () => {
  const problem = (run: string) => (run.endsWith('1') ? 'The node is gone.' : undefined);
  assert.match(waitingLines([inState('running')], problem), /^run 1: The node is gone\.$/);
  const states: RunState[] = ['running', 'queued', 'starting', 'finished', 'finished'];
  const many = states.map((state, i) => inState(state, i + 1));
  assert.deepEqual(waitingLines(many, problem).split('\n'), [
    'run 1: The node is gone.',
    '2 runs are waiting for their first point.',
    '2 runs have no points here.',
  ]);
});
