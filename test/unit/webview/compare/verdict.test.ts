import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pairedTest, welchTest } from '../../../../src/core/statistics/tTests.ts';
import { judge, type Sample } from '../../../../webview/compare/verdict.ts';

const of = (values: number[], first = 0): Sample => ({ values, seeds: values.map((_, i) => first + i) });
const low = [2.3, 2.31, 2.32, 2.3, 2.29];
const high = [2.41, 2.4, 2.42, 2.43, 2.4];

test('the best mean wins where it is apart from every other column, the other way round for scores', () => {
  assert.equal(judge([of(high), of(low)], 'lower', null).winner, 1);
  assert.equal(judge([of(high), of(low)], 'higher', null).winner, 0);
  assert.equal(judge([of(high), of(low), of([2.305, 2.315, 2.3, 2.31, 2.3])], 'lower', null).winner, null);
  assert.equal(judge([of(high), of(low)], null, null).winner, null, 'nobody knows which way is better');
});

test('single runs win nothing, however far apart, and it is said why', () => {
  assert.deepEqual(judge([of([1]), of([9])], 'lower', 0), {
    winner: null,
    why: 'one seed',
    against: [null, null],
  });
  assert.equal(judge([of(high), of(low), of([1])], 'lower', null).why, 'one seed');
  assert.equal(judge([of([1, 1]), of([9, 9])], 'lower', null).why, 'no spread');
  assert.deepEqual(judge([of(low), of([])], 'lower', null), {
    winner: null,
    why: null,
    against: [null, null],
  });
});

test('the same seeds are compared in pairs, others as two samples', () => {
  const paired = judge([of(high), of(low)], 'lower', 0).against[1]!;
  assert.equal(paired.how, 'paired by seed');
  assert.equal(paired.p, pairedTest(high, low)!.p);
  const apart = judge([of(high), of(low, 100)], 'lower', 0).against[1]!;
  assert.equal(apart.how, 'Welch');
  assert.equal(apart.p, welchTest(high, low)!.p);
});

test("p-values against the baseline are Holm's", () => {
  const third = [2.35, 2.4, 2.38, 2.37, 2.39];
  const { against } = judge([of(high), of(low), of(third)], 'lower', 0);
  const raw = [pairedTest(high, low)!.p, pairedTest(high, third)!.p];
  assert.ok(raw[0]! < raw[1]!);
  assert.deepEqual([against[1]!.p, against[2]!.p], [raw[0]! * 2, Math.max(raw[0]! * 2, raw[1]!)]);
});
