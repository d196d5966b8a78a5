import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StyleSlots, seriesStyle } from '../../../webview/common/seriesStyle.ts';

test('no two of 38 runs look alike', () => {
  const looks = Array.from({ length: 38 }, (_, i) => JSON.stringify(seriesStyle(i)));
  assert.equal(new Set(looks).size, 38);
});

test('a run keeps its style while others come and go, also in a page that starts anew', () => {
  const slots = new StyleSlots();
  assert.equal(slots.keep(['a', 'b', 'c']), true);
  const styleOfC = slots.styleOf('c');
  assert.equal(slots.keep(['c']), true);
  assert.equal(slots.keep(['d', 'c']), true);
  assert.equal(slots.keep(['c', 'd']), false);
  assert.deepEqual(slots.styleOf('c'), styleOfC);
  const anew = new StyleSlots();
  anew.restore(slots.saved);
  assert.equal(anew.keep(['c', 'd']), false);
  assert.deepEqual(anew.styleOf('c'), styleOfC);
  assert.deepEqual(anew.saved, { c: 2, d: 0 });
});

test('what was saved never takes a style from a run on show, nor gives one to two', () => {
  const slots = new StyleSlots();
  slots.keep(['a']);
  slots.restore({ a: 5, b: 0, c: 3, d: 3 });
  slots.keep(['a', 'b', 'c', 'd']);
  assert.deepEqual(slots.saved, { a: 0, c: 3, b: 1, d: 2 });
});
