import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parcelOf } from '../../../src/control/nodes/bootstrap/placeFile.ts';
import { splitIntoPacks } from '../../../src/control/nodes/bootstrap/placePacks.ts';

const file = (path: string, bytes: number, more: object = {}) => ({
  path,
  parcel: { ...parcelOf(Buffer.alloc(0), '0'.repeat(64), '600'), size: bytes, ...more },
});

test('small files make packs of at most 8 MiB and 1,000 files; large and compressed ones travel alone', () => {
  const large = file('large', (1 << 20) + 1);
  const compressed = file('compressed', 10, { compressed: true });
  const small = Array.from({ length: 1001 }, (_, n) => file(`${n}`, 100));
  const middle = Array.from({ length: 9 }, (_, n) => file(`m${n}`, 1 << 20));
  const { packs, single } = splitIntoPacks([large, ...small, compressed, ...middle]);
  assert.deepEqual(single, [large, compressed]);
  assert.deepEqual(packs.flat(), [...small, ...middle]);
  assert.deepEqual(
    packs.map((pack) => pack.length),
    [1000, 8, 2],
  );
  assert.deepEqual(splitIntoPacks([]), { packs: [], single: [] });
});
