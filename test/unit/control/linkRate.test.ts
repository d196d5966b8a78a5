import assert from 'node:assert/strict';
import { test } from 'node:test';
import { packingPays } from '../../../src/control/nodes/bootstrap/linkRate.ts';

test('files are packed for a link that is slow or far, and sent as they are over a fast one', () => {
  const sample = 256 * 1024;
  assert.equal(packingPays(sample, 0.012), false, 'loopback or a local network');
  assert.equal(packingPays(sample, 0.25), true, '1 MB/s');
  assert.equal(packingPays(sample, 0.3), true, 'a round trip of 100 ms');
});
