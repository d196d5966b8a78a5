import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type QueueOutlook, whyItWaits } from '../../../src/control/runs/queueForecast.ts';
import { someGpu } from '../../support/someGpu.ts';

const outlook = (changes: Partial<QueueOutlook> = {}): QueueOutlook => ({
  config: { name: 'atlas', kind: 'ssh', host: 'atlas', slots: 2 },
  hold: null,
  busy: 0,
  waiting: 0,
  probe: null,
  nameOfRun: () => undefined,
  ...changes,
});

test('a run that would start at once has nothing to say', () => {
  assert.equal(whyItWaits(outlook({ busy: 1 })), null);
  assert.equal(whyItWaits(outlook({ config: { name: 'a', kind: 'local' }, busy: 9 })), null);
});

test('a run that would wait says behind whom, or for what', () => {
  assert.match(whyItWaits(outlook({ busy: 2 }))!, /all 2 slots are taken/);
  assert.match(whyItWaits(outlook({ busy: 2, waiting: 3 }))!, /behind 3 runs/);
  assert.match(whyItWaits(outlook({ hold: 'paused' }))!, /is paused/);
  assert.match(whyItWaits(outlook({ hold: 'draining' }))!, /is being drained/);
  const gpu = someGpu({ memoryUsedMiB: 9000 });
  assert.match(
    whyItWaits(outlook({ probe: { gpus: [gpu] } }))!,
    /No GPU of atlas is free.*waits in the queue/,
  );
});
