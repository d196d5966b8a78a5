import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gpuLabel, gpuUse, isGpuFree } from '../../../src/core/gpuOccupancy.ts';
import type { Gpu, GpuOwner } from '../../../src/protocol/agentApi.ts';
import { someGpu } from '../../support/someGpu.ts';

const owner = (parts: Partial<GpuOwner> = {}): GpuOwner => ({
  pid: 7,
  user: 'ada',
  memoryMiB: 100,
  run: null,
  ...parts,
});
const use = (parts: Partial<Gpu>): string =>
  gpuUse(someGpu(parts), (run) => (run === '20260101-aaaaaaaa' ? '610m-clm-42k' : undefined));

test('a GPU is free when nobody is on it and little memory is used', () => {
  assert.ok(isGpuFree(someGpu()));
  assert.ok(isGpuFree(someGpu({ memoryUsedMiB: 499 })));
  assert.ok(!isGpuFree(someGpu({ memoryUsedMiB: 500 })));
  assert.ok(isGpuFree(someGpu({ memoryUsedMiB: null })), 'memory shared with the processor is not told');
  assert.ok(!isGpuFree(someGpu({ owners: [owner()] })));
  assert.ok(!isGpuFree(someGpu({ owners: null })), 'without its processes nothing is proven');
});

test('who computes on it is said in few words', () => {
  assert.equal(use({}), 'free');
  assert.equal(use({ owners: [owner(), owner({ pid: 8 })] }), 'ada');
  assert.equal(use({ owners: [owner({ user: null })] }), 'someone else');
  assert.equal(use({ owners: [owner({ run: '20260101-aaaaaaaa' }), owner()] }), 'you: 610m-clm-42k, ada');
  assert.equal(use({ owners: [owner({ run: '20260101-bbbbbbbb' })] }), 'you: 20260101-bbbbbbbb');
  assert.equal(use({ memoryUsedMiB: 9000 }), 'in use');
  assert.equal(use({ owners: null }), 'not known');
});

test('an instance and another vendor are told apart', () => {
  assert.equal(gpuLabel(someGpu({ index: 2 })), 'GPU 2');
  assert.equal(gpuLabel(someGpu({ instance: 3 })), 'GPU 0 instance 3');
  assert.equal(gpuLabel(someGpu({ vendor: 'amd' })), 'AMD GPU 0');
});
