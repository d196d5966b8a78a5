import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bucketSize, decimate } from '../../../src/core/decimation.ts';

const value = fc.oneof(
  { weight: 10, arbitrary: fc.double({ noNaN: true, min: -1e6, max: 1e6 }) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY) },
);
/** Ascending steps with gaps, and values. */
const series = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 9 }), value), { minLength: 1, maxLength: 400 })
  .map((items) => {
    let at = 0;
    return { step: items.map(([gap]) => (at += gap)), y: items.map(([, y]) => y) };
  });

function bucketsOf(indices: Iterable<number>, step: number[], bucket: number): Map<number, number[]> {
  const buckets = new Map<number, number[]>();
  for (const i of indices) {
    const bin = Math.floor(step[i]! / bucket);
    buckets.set(bin, [...(buckets.get(bin) ?? []), i]);
  }
  return buckets;
}

test('each bucket keeps its first, lowest, highest and last point, and one that is not finite', () => {
  fc.assert(
    fc.property(series, fc.integer({ min: 1, max: 20 }), ({ step, y }, pixels) => {
      const { indices, bucket } = decimate({ step, y }, 0, step.length, pixels);
      assert.ok(indices.length <= 4 * Math.max(2, pixels));
      const kept = bucketsOf(indices, step, bucket);
      for (const [bin, all] of bucketsOf(step.keys(), step, bucket)) {
        const mine = kept.get(bin) ?? [];
        const finite = all.filter((i) => Number.isFinite(y[i]));
        if (finite.length < all.length) assert.ok(mine.some((i) => !Number.isFinite(y[i])));
        if (finite.length === 0) continue;
        assert.ok(mine.includes(finite[0]!) && mine.includes(finite.at(-1)!));
        const values = finite.map((i) => y[i]!);
        const shown = mine.map((i) => y[i]!);
        assert.ok(shown.includes(Math.min(...values)) && shown.includes(Math.max(...values)));
      }
    }),
  );
});

test('buckets do not move when points are appended', () => {
  fc.assert(
    fc.property(
      series,
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 399 }),
      (all, pixels, cut) => {
        const { step, y } = all;
        const n = Math.min(cut, step.length);
        const before = decimate({ step, y }, 0, n, pixels);
        const after = decimate({ step, y }, 0, step.length, pixels);
        if (before.bucket !== after.bucket || before.bucket === 1) return;
        const open = Math.floor(step[n - 1]! / before.bucket);
        const closed = (indices: Uint32Array): number[] =>
          [...indices].filter((i) => Math.floor(step[i]! / before.bucket) < open);
        assert.deepEqual(closed(before.indices), closed(after.indices));
      },
    ),
  );
});

test('a short series is kept whole, and bucket sizes are powers of two', () => {
  const step = [1, 5, 9];
  assert.deepEqual([...decimate({ step, y: step }, 0, 3, 1).indices], [0, 1, 2]);
  assert.equal(bucketSize(0, 999, 1000), 1);
  assert.equal(bucketSize(1, 1024, 512), 4);
});
