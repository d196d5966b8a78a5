import assert from 'node:assert/strict';
import { test } from 'node:test';
import { slotWish, whyNoFreeGpu } from '../../../src/control/nodes/nodeSlots.ts';
import type { NodeConfig } from '../../../src/protocol/controlApi.ts';
import { someGpu } from '../../support/someGpu.ts';

const free: NodeConfig = { name: 'free', kind: 'ssh', host: 'free' };
const atlas: NodeConfig = { name: 'atlas', kind: 'ssh', host: 'atlas', slots: 2 };
const here: NodeConfig = { name: 'this computer', kind: 'local' };
const gpus = [someGpu({ memoryUsedMiB: 900 }), someGpu({ index: 1, uuid: 'GPU-b' })];
const nobody = (): undefined => undefined;

test('a run claims a slot where the node has a number of them', () => {
  assert.equal(slotWish(free), undefined);
  assert.deepEqual(slotWish(atlas), { count: 2, gpu: null });
  assert.equal(slotWish(here), undefined);
  assert.equal(slotWish({ ...atlas, slurm: {} }), undefined);
  assert.deepEqual(slotWish({ ...here, slots: 1 }), { count: 1, gpu: null });
});

test('the check says who holds the GPUs that a run may take there', () => {
  const restricted = { ...atlas, environment: { CUDA_VISIBLE_DEVICES: '0' } };
  assert.equal(whyNoFreeGpu(atlas, { gpus }, nobody), null);
  assert.equal(
    whyNoFreeGpu(restricted, { gpus }, nobody),
    'No GPU of atlas is free: GPU 0 (in use, 900 MiB).',
  );
  assert.equal(whyNoFreeGpu({ ...here, environment: restricted.environment }, { gpus }, nobody), null);
  const hidden = { ...atlas, environment: { CUDA_VISIBLE_DEVICES: '' } };
  assert.equal(whyNoFreeGpu(hidden, { gpus: gpus.slice(0, 1) }, nobody), null);
});
