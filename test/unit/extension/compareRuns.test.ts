import assert from 'node:assert/strict';
import { test } from 'node:test';
import { childrenOfRuns, compareRunOf } from '../../../src/extension/panels/compareRuns.ts';
import type { CompareRun } from '../../../src/protocol/comparePage.ts';
import type { NodeConfig, NodeSummary, RunSummary } from '../../../src/protocol/controlApi.ts';
import { fakeRun } from '../../browser/pages/fakeRuns.ts';

const gpu = {} as NonNullable<NodeSummary['probe']>['gpus'][number];

function node(config: Partial<NodeConfig>, gpus: number | null): NodeSummary {
  return {
    config: { name: 'atlas', kind: 'ssh', ...config },
    ...{ connection: 'connected', runningRuns: 0, waitingRuns: 0, hold: null },
    probe:
      gpus === null
        ? null
        : {
            ...{ cores: 64, load: 0, memoryTotalBytes: 1, memoryFreeBytes: 1, diskFreeBytes: 1 },
            ...{ gpus: new Array(gpus).fill(gpu), warnings: [] },
          },
  };
}

function compared(nodes: readonly NodeSummary[], change: Partial<RunSummary> = {}): CompareRun {
  return compareRunOf(fakeRun(1, 'run', change), nodes, new Map(), () => undefined);
}

test('GPUs that a run holds under Slurm are what gres asks for, in each of its forms', () => {
  const held = (gres: string | undefined) => compared([node({ slurm: { gres } }, 8)]).gpus;
  const forms = { gpu: 1, 'gpu:4': 4, 'gpu:a100': 1, 'gpu:a100:2': 2, 'gpu:0': 0, 'gpu:nvidia_h200:8': 8 };
  for (const [gres, count] of Object.entries(forms)) assert.equal(held(gres), count, gres);
  for (const gres of [undefined, '', 'shard:2', 'gpu:a100:1,gpu:v100:1', 'gpu:many:of:them'])
    assert.equal(held(gres), null, `${gres}: not known`);
});

test('on a node with slots and GPUs a run holds one, else none; of a node that is not known nothing is', () => {
  assert.equal(compared([node({ slots: 2 }, 4)]).gpus, 1);
  assert.equal(compared([node({ slots: 2 }, 0)]).gpus, 0);
  assert.equal(compared([node({}, 4)]).gpus, 0, 'without slots runs share them');
  assert.equal(compared([node({ slots: 2 }, null)]).gpus, null);
  assert.equal(compared([node({ name: 'other', slots: 2 }, 4)]).gpus, null);
  assert.equal(compared([]).gpus, null);
});

test('cores are those of the node, under Slurm what the job asks for', () => {
  assert.equal(compared([node({}, 0)]).cores, 64);
  assert.equal(compared([node({ slurm: { cpus: 16 } }, 0)]).cores, 16);
  assert.equal(compared([node({ slurm: {} }, 0)]).cores, null);
  assert.equal(compared([]).cores, null);
});

test('lineage: the parent by name where it is known, and the runs that began from each run', () => {
  const base = fakeRun(1, 'base');
  const first = fakeRun(2, 'first', { parent: `${base.run}@1000` });
  const second = fakeRun(3, 'second', { parent: `${base.run}@2000` });
  const outside = fakeRun(4, 'outside', { parent: '/models/base' });
  const all = [base, first, second, outside];
  const children = childrenOfRuns(all);
  const nameOf = (run: string) => all.find((each) => each.run === run)?.name;
  assert.deepEqual(compareRunOf(base, [], children, nameOf).children, [
    { run: first.run, name: 'first', step: 1000 },
    { run: second.run, name: 'second', step: 2000 },
  ]);
  assert.deepEqual(compareRunOf(first, [], children, nameOf).parent, {
    checkpoint: `${base.run}@1000`,
    name: 'base',
  });
  assert.deepEqual(compareRunOf(first, [], children, () => undefined).parent, {
    checkpoint: `${base.run}@1000`,
    name: null,
  });
  assert.deepEqual(compareRunOf(outside, [], children, nameOf).parent, {
    checkpoint: '/models/base',
    name: null,
  });
  assert.deepEqual(compareRunOf(outside, [], children, nameOf).children, []);
});
