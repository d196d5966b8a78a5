import assert from 'node:assert/strict';
import { test } from 'node:test';
import { branchDifferences } from '../../../src/core/branchDifferences.ts';
import { parseRunFile } from '../../../src/core/parseRunFile.ts';
import { resolveRunFile } from '../../../src/core/resolveRunFile.ts';

const clm = (until: number) => ({ objective: 'clm', until });
const mlm = (until: number, more = {}) => ({ objective: 'mlm', until, ...more });

function resolved(changes: object) {
  const base = { model: 'micro', data: { source: 'world' }, schedule: { warmup: 10, decay: 20 } };
  return resolveRunFile(parseRunFile({ ...base, ...changes }));
}

const trunk = resolved({ phases: [clm(100)], schedule: { warmup: 10, decay: 0 } });

test('a branch may do what it likes after it leaves, and may cut the same past into other phases', () => {
  for (const phases of [[clm(40), mlm(90)], [clm(60)], [clm(20), clm(50), mlm(200, { optimizer: 'fresh' })]])
    assert.deepEqual(branchDifferences(resolved({ phases }), trunk, 40), []);
});

test('another past is named by its key', () => {
  const phases = [clm(40), mlm(90)];
  const cases: [object, string[]][] = [
    [{ phases, seed: 1 }, ['seed']],
    [{ phases, batch: { samples: 8 } }, ['batch.samples']],
    [{ phases, data: { source: 'world', packing: { sizes: 'fixed' } } }, ['data.packing']],
    [{ phases, data: { source: 'world', tokens: 5000 } }, ['data.tokens']],
    [{ phases, optimizer: { weightDecay: 0 } }, ['optimizer']],
    [{ phases, loss: { average: 'microbatch' } }, ['loss.average']],
    [{ phases: [clm(30), mlm(90)] }, ['phases']],
    [{ phases: [clm(30), { ...clm(40), optimizer: 'fresh' }, mlm(90)] }, ['phases']],
    [{ phases, schedule: { warmup: 11, decay: 20 } }, ['schedule']],
    [{ phases, schedule: { warmup: 10, decay: 20, peak: 1 } }, ['schedule']],
    // The branch leaves within its own decay.
    [{ phases: [clm(50)] }, ['schedule']],
  ];
  for (const [changes, keys] of cases)
    assert.deepEqual(branchDifferences(resolved(changes), trunk, 40), keys, JSON.stringify(changes));
});

test('a checkpoint within its trunk’s decay, or on a falling ratio of another length, is another past', () => {
  const decayed = resolved({ phases: [clm(50)] });
  assert.deepEqual(branchDifferences(resolved({ phases: [clm(100)] }), decayed, 30), []);
  assert.deepEqual(branchDifferences(resolved({ phases: [clm(100)] }), decayed, 31), ['schedule']);
  const falling = (until: number) => resolved({ phases: [mlm(until, { maskRatio: [0.5, 0.1] })] });
  assert.deepEqual(branchDifferences(falling(200), falling(100), 40), ['phases']);
  const then = resolved({ phases: [mlm(40, { maskRatio: [0.5, 0.1] }), clm(80)] });
  const other = resolved({ phases: [mlm(40, { maskRatio: [0.5, 0.1] }), mlm(90)] });
  assert.deepEqual(branchDifferences(then, other, 40), []);
});
