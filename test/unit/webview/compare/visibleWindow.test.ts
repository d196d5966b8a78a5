import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { windowOf, windowOfEqual } from '../../../../webview/compare/visibleWindow.ts';

test('a window has every item that is in view, and the room of the others', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 80 });
  fc.assert(
    fc.property(sizes, fc.nat(5000), fc.nat(900), fc.nat(4), (all, at, length, extra) => {
      const ends: number[] = [];
      for (const size of all) ends.push((ends.at(-1) ?? 0) + size);
      const { from, to, before, behind } = windowOf(ends, at, length, extra);
      const drawn = all.slice(from, to).reduce((sum, size) => sum + size, 0);
      assert.equal(before + drawn + behind, ends.at(-1));
      for (const [i, end] of ends.entries())
        if (end > at && end - all[i]! < at + length)
          assert.ok(i >= from && i < to, `${i} of ${from} to ${to}`);
    }),
  );
});

test('items of one size have the same window as items whose ends are given', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2000 }), fc.nat(400_000), fc.nat(1500), (count, at, length) => {
      const size = 196;
      const { from, to, before, behind } = windowOfEqual(count, size, at, length, 2);
      assert.equal(before + (to - from) * size + behind, count * size);
      for (const i of [Math.floor(at / size), Math.ceil((at + length) / size) - 1])
        if (i >= 0 && i < count) assert.ok(i >= from && i < to);
    }),
  );
});
