import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keptAt, neededOrigins } from '../../../src/agent/space/checkpointNeeds.ts';
import type { RunReport } from '../../../src/protocol/agentApi.ts';
import type { Spec } from '../../../src/protocol/runDirectory.ts';

const spec = (file: Record<string, unknown>): Spec => ({ file }) as unknown as Spec;
const run = (state: RunReport['state'], checkpoint: unknown, checkpoints: number[] = []) => ({
  state,
  spec: spec({ from: { checkpoint } }),
  checkpoints,
});
const parent = '20250101-aaaaaaaa';

test('the run file keeps the steps of checkpoints.at, whatever else is wrong in it', () => {
  assert.deepEqual(keptAt(spec({ checkpoints: { at: [10, 20], every: 'x' } })), [10, 20]);
  for (const file of [{}, { checkpoints: 3 }, { checkpoints: { at: 10 } }, { checkpoints: { at: ['10'] } }])
    assert.deepEqual(keptAt(spec(file)), []);
  assert.deepEqual(keptAt(null), []);
});

test('a checkpoint is needed until the run that begins from it has one of its own or has finished', () => {
  assert.deepEqual([...neededOrigins([run('stopped', `${parent}@50`)])], [[`${parent}@50`, 'resume']]);
  assert.deepEqual([...neededOrigins([run('starting', `${parent}@000050`)])], [[`${parent}@50`, 'now']]);
  assert.deepEqual([...neededOrigins([run('running', `${parent}@50`, [10])])], []);
  assert.deepEqual([...neededOrigins([run('finished', `${parent}@50`)])], []);
  for (const other of ['/models/x', '../..@1', 'x@', 7, undefined])
    assert.deepEqual([...neededOrigins([run('stopped', other)])], []);
});

test('an active run needs it more than one that may be resumed, in any order', () => {
  const both = [run('stopped', `${parent}@50`), run('running', `${parent}@50`)];
  for (const reports of [both, both.toReversed()])
    assert.equal(neededOrigins(reports).get(`${parent}@50`), 'now');
});
