import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type NamedRun, parentOfRun } from '../../../src/control/runs/parentOfRun.ts';
import { parseRunFile } from '../../../src/core/parseRunFile.ts';
import { resolveRunFile } from '../../../src/core/resolveRunFile.ts';
import { deriveName } from '../../../src/core/runNames.ts';

function named(name: string, rest: object): NamedRun {
  const data = { source: 'world' };
  return { name, file: resolveRunFile(parseRunFile({ model: '610m', data, ...rest })) };
}

const runs = new Map([
  ['20260101-trunkrun', named('610m-clm-42k', { phases: [{ objective: 'clm', until: 42_000 }] })],
  [
    '20260101-continue',
    named('610m-clm-dec42k-mlm40-54k', {
      from: { checkpoint: '20260101-trunkrun@42000' },
      phases: [{ objective: 'mlm', until: 12_000 }],
    }),
  ],
  [
    '20260101-itselfff',
    named('loop', {
      from: { checkpoint: '20260101-itselfff@1' },
      phases: [{ objective: 'clm', until: 2 }],
    }),
  ],
]);
const find = (run: string): NamedRun | undefined => runs.get(run);

test('a continued run is called as the paper calls it, from its launch on', () => {
  const parent = parentOfRun('20260101-trunkrun@42000', find);
  assert.deepEqual(parent, { name: '610m-clm-42k', step: 42_000, steps: 42_000, decayed: true });
  const phases = [{ objective: 'mlm' as const, until: 12_000 }];
  assert.equal(deriveName('610m', phases, parent), '610m-clm-dec42k-mlm40-54k');
});

test('steps are counted over the whole lineage, and a stable checkpoint has not decayed', () => {
  assert.equal(parentOfRun('20260101-continue@2000', find)?.steps, 44_000);
  assert.equal(parentOfRun('20260101-trunkrun@10000', find)?.decayed, false);
});

test('what control does not know has no parent, and a run that names itself comes to an end', () => {
  assert.equal(parentOfRun('20260101-unknownn@5', find), null);
  assert.equal(parentOfRun('/a/folder', find), null);
  assert.equal(parentOfRun('20260101-itselfff@1', find)?.steps, 65);
});
