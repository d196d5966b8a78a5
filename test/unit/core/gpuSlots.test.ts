import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSlotFree, usableGpus, whyNoGpu } from '../../../src/core/gpuSlots.ts';
import { someGpu } from '../../support/someGpu.ts';

const ada = { pid: 7, user: 'ada', memoryMiB: 100, run: null };

test('a slot is free when its GPU is, and no own run has claimed it', () => {
  assert.ok(isSlotFree({ gpu: someGpu(), claimedBy: null }));
  assert.ok(!isSlotFree({ gpu: someGpu(), claimedBy: '610m-clm-42k' }));
  assert.ok(!isSlotFree({ gpu: someGpu({ owners: [ada] }), claimedBy: null }));
});

test('a refusal says who holds what', () => {
  const held = [
    { gpu: someGpu(), claimedBy: '610m-clm-42k' },
    { gpu: someGpu({ index: 1, memoryUsedMiB: 134_144, owners: [ada] }), claimedBy: null },
    { gpu: someGpu({ index: 2, memoryUsedMiB: 2048 }), claimedBy: null },
    { gpu: someGpu({ index: 3, memoryUsedMiB: null, owners: null }), claimedBy: null },
  ];
  const nobody = (): undefined => undefined;
  assert.equal(
    whyNoGpu('atlas', held, nobody),
    'No GPU of atlas is free: GPU 0 (you: 610m-clm-42k), GPU 1 (ada, 131 GiB), GPU 2 (in use, 2 GiB), GPU 3 (not known).',
  );
  assert.equal(whyNoGpu('atlas', [...held, { gpu: someGpu(), claimedBy: null }], nobody), null);
  assert.equal(whyNoGpu('atlas', [], nobody), null);
});

test('CUDA_VISIBLE_DEVICES is read as CUDA reads it', () => {
  const gpus = ['GPU-aa', 'GPU-ab', 'GPU-b'].map((uuid, index) => someGpu({ index, uuid }));
  const left = (setting?: string): number[] => usableGpus(gpus, setting).map(({ index }) => index);
  assert.deepEqual(left(), [0, 1, 2]);
  assert.deepEqual(left(''), []);
  assert.deepEqual(left('2, 0'), [2, 0]);
  assert.deepEqual(left('GPU-b,GPU-ab'), [2, 1]);
  assert.deepEqual(left('1,-1,2'), [1], 'what follows a device that is not there is hidden');
  assert.deepEqual(usableGpus([someGpu({ vendor: 'amd' })], undefined), []);
});
