import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { bootstrapInterval } from '../../../../src/core/statistics/bootstrap.ts';
import { holm } from '../../../../src/core/statistics/holm.ts';
import { meanInterval } from '../../../../src/core/statistics/meanInterval.ts';
import { mean, median, sampleDeviation } from '../../../../src/core/statistics/moments.ts';
import { criticalT, twoSidedP } from '../../../../src/core/statistics/studentT.ts';
import { type Difference, pairedTest, welchTest } from '../../../../src/core/statistics/tTests.ts';

/** Made by test/golden/make_statistics.py with the versions of SciPy and NumPy that it names. */
const scipy = JSON.parse(fs.readFileSync(new URL('./fixtures/scipy.json', import.meta.url), 'utf8')) as {
  critical: { degrees: number; confidence: number; t: number }[];
  twoSided: { degrees: number; t: number; p: number }[];
  cases: {
    a: number[];
    b: number[];
    mean: number;
    deviation: number;
    median: number;
    half: number;
    welch: Difference;
    paired?: Difference;
  }[];
  bootstrap: { values: number[]; low: number; high: number };
};

function near(found: number, wanted: number, tolerance: number, what: string): void {
  const error = Math.abs(found - wanted) / Math.max(Math.abs(wanted), Number.MIN_VALUE);
  assert.ok(found === wanted || error <= tolerance, `${what}: ${found}, SciPy has ${wanted}`);
}

function sameDifference(found: Difference | null, wanted: Difference, what: string): void {
  assert.ok(found, what);
  for (const key of ['difference', 'low', 'high', 'p', 'degrees'] as const)
    near(found[key], wanted[key], 1e-8, `${what} ${key}`);
}

test("critical values and p of Student's t are SciPy's", () => {
  for (const { degrees, confidence, t } of scipy.critical)
    near(criticalT(confidence, degrees), t, 1e-9, `t of ${confidence} with ${degrees}`);
  for (const { degrees, t, p } of scipy.twoSided)
    near(twoSidedP(t, degrees), p, 1e-9, `p of ${t} with ${degrees}`);
});

test('the table at the back of every textbook: two-sided 95 % and 1, 4 and 30 degrees of freedom', () => {
  assert.equal(criticalT(0.95, 1).toFixed(3), '12.706');
  assert.equal(criticalT(0.95, 4).toFixed(3), '2.776');
  assert.equal(criticalT(0.95, 30).toFixed(3), '2.042');
});

test("means, deviations, medians and t-intervals are SciPy's, of values near the largest number too", () => {
  for (const { a, ...wanted } of scipy.cases) {
    near(mean(a), wanted.mean, 1e-12, 'mean');
    near(sampleDeviation(a), wanted.deviation, 1e-12, 'deviation');
    near(median(a), wanted.median, 1e-12, 'median');
    near(meanInterval(a)!.half!, wanted.half, 1e-9, 'half width');
  }
  assert.equal(mean([1e308, 1e308, 1e308]), 1e308);
});

test("Welch's and the paired test are SciPy's", () => {
  for (const [index, { a, b, welch, paired }] of scipy.cases.entries()) {
    sameDifference(welchTest(a, b), welch, `Welch of case ${index}`);
    if (paired) sameDifference(pairedTest(a, b), paired, `paired test of case ${index}`);
  }
});

test('values without spread and single values are not tested', () => {
  assert.equal(welchTest([1], [2, 3]), null);
  assert.equal(welchTest([1, 1], [2, 2]), null);
  assert.equal(pairedTest([1, 2], [2, 3]), null, 'both differ by 1: nothing tells how that varies');
  assert.equal(pairedTest([1], [2]), null);
  assert.equal(meanInterval([]), null);
  assert.deepEqual(meanInterval([3]), { mean: 3, half: null, n: 1 });
  assert.throws(() => pairedTest([1, 2], [1]), RangeError);
});

test('the interval excludes 0 exactly where p is below 0.05, and swapping the sides swaps the sign', () => {
  const values = fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 2, maxLength: 12 });
  fc.assert(
    fc.property(values, values, (a, b) => {
      const found = welchTest(a, b);
      if (!found) return;
      if (Math.abs(found.p - 0.05) > 1e-9) assert.equal(found.low > 0 || found.high < 0, found.p < 0.05);
      const back = welchTest(b, a)!;
      near(back.difference, -found.difference, 1e-9, 'difference');
      near(back.p, found.p, 1e-9, 'p');
    }),
  );
});

test('the bootstrap interval is that of all resamples of four values, worked out one by one', () => {
  const values = [1, 2, 4, 9];
  const all: number[] = [];
  for (const a of values)
    for (const b of values) for (const c of values) for (const d of values) all.push((a + b + c + d) / 4);
  all.sort((x, y) => x - y);
  const { low, high } = bootstrapInterval(values, 0)!;
  // The means are quarters: 10,000 draws settle the ends to one of them.
  assert.ok(Math.abs(low - all[Math.round(0.025 * 255)]!) <= 0.25, `${low}`);
  assert.ok(Math.abs(high - all[Math.round(0.975 * 255)]!) <= 0.25, `${high}`);
});

test("the bootstrap interval is SciPy's as far as chance lets it, and the same for the same seed", () => {
  const { values, low, high } = scipy.bootstrap;
  const found = bootstrapInterval(values, 1)!;
  assert.ok(Math.abs(found.low - low) < 0.03 * (high - low), `${found.low} ${low}`);
  assert.ok(Math.abs(found.high - high) < 0.03 * (high - low), `${found.high} ${high}`);
  assert.deepEqual(bootstrapInterval(values, 1), found);
  assert.notDeepEqual(bootstrapInterval(values, 2), found);
  assert.equal(bootstrapInterval([1], 0), null);
});

test('Holm as worked by hand: 0.01, 0.04, 0.03, 0.005 become 0.03, 0.06, 0.06, 0.02', () => {
  const close = holm([0.01, 0.04, 0.03, 0.005]).map((p) => Number(p.toPrecision(12)));
  assert.deepEqual(close, [0.03, 0.06, 0.06, 0.02]);
  assert.deepEqual(holm([0.6, 0.7]), [1, 1]);
  assert.deepEqual(holm([]), []);
});

test('Holm keeps the order, never lowers a p and lies between it and Bonferroni', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 }), (ps) => {
      const adjusted = holm(ps);
      for (const [i, p] of ps.entries()) {
        assert.ok(adjusted[i]! >= p && adjusted[i]! <= Math.min(1, p * ps.length));
        for (const [j, other] of ps.entries()) if (p <= other) assert.ok(adjusted[i]! <= adjusted[j]!);
      }
    }),
  );
});
