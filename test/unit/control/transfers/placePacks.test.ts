import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parcelOf } from '../../../../src/control/transfers/placeFile.ts';
import { splitIntoPacks } from '../../../../src/control/transfers/placePacks.ts';

const file = (path: string, bytes: number, more: object = {}) => ({
  path,
  parcel: { ...parcelOf(Buffer.alloc(0), '0'.repeat(64), '600'), size: bytes, ...more },
});

test('small files make packs of at most 8 MiB and 1,000 files; large ones travel alone', () => {
  const large = file('large', (1 << 20) + 1);
  const small = Array.from({ length: 1001 }, (_, n) => file(`${n}`, 100));
  const middle = Array.from({ length: 9 }, (_, n) => file(`m${n}`, 1 << 20));
  const { packs, single } = splitIntoPacks([large, ...small, ...middle]);
  assert.deepEqual(single, [large]);
  assert.deepEqual(packs.flat(), [...small, ...middle]);
  assert.deepEqual(
    packs.map((pack) => pack.length),
    [1000, 8, 2],
  );
  assert.deepEqual(splitIntoPacks([]), { packs: [], single: [] });
});
