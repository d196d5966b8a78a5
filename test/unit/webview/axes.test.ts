import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { formatCompact } from '../../../src/core/numberFormat.ts';
import { tickTexts, xTickTexts } from '../../../webview/curves/axis.ts';
import { extentOf } from '../../../webview/curves/extent.ts';
import { logTicks } from '../../../webview/curves/logTicks.ts';

test('a logarithmic axis has 1, 2, 5 of each decade, or less often where they would crowd', () => {
  assert.deepEqual(logTicks(0.4, 12, 300, 20), [0.5, 1, 2, 5, 10]);
  assert.deepEqual(logTicks(0.001, 1000, 300, 20), [0.001, 0.01, 0.1, 1, 10, 100, 1000]);
  assert.deepEqual(logTicks(1e-6, 1e6, 90, 20), [1e-6, 0.001, 1, 1000, 1e6]);
});

test('less than a decade has round values at even distances', () => {
  assert.deepEqual(logTicks(2.1, 8.6, 300, 20), [3, 4, 5, 6, 7, 8]);
  assert.deepEqual(logTicks(2.1, 8.6, 90, 20), [4, 6]);
  assert.deepEqual(logTicks(2.306, 2.345, 100, 20), [2.31, 2.32, 2.33, 2.34]);
});

test('labels of a logarithmic axis keep their distance, whatever is in view', () => {
  const range = fc.tuple(
    fc.double({ min: 1e-8, max: 1e8, noNaN: true }),
    fc.double({ min: 1.0001, max: 1e9, noNaN: true }),
  );
  fc.assert(
    fc.property(range, fc.integer({ min: 60, max: 500 }), ([min, factor], length) => {
      const max = min * factor;
      const ticks = logTicks(min, max, length, 20);
      assert.ok(ticks.length >= 1, 'there is one');
      for (const [i, tick] of ticks.entries()) {
        assert.ok(tick >= min * 0.999999 && tick <= max * 1.000001);
        if (i > 0)
          assert.ok((Math.log(tick / ticks[i - 1]) / Math.log(factor)) * length >= 19.99, String(ticks));
      }
    }),
  );
  assert.deepEqual(logTicks(0, 10, 300, 20), []);
});

test('values that are the same but for rounding have few ticks, inside the axis or nearly', () => {
  for (const min of [1, 0.15, 3e-4, 1e300, 7e-300])
    for (let power = 3; power <= 16; power++) {
      const max = Math.max(min * (1 + 10 ** -power), min * (1 + Number.EPSILON));
      const ticks = logTicks(min, max, 300, 24);
      assert.ok(ticks.length <= 100, `${min} ${max}: ${ticks.length}`);
      for (const tick of ticks) assert.ok(tick >= min * (1 - 1e-9) && tick <= max * (1 + 1e-9));
    }
});

test('ticks are short, and have more digits where those do not tell them apart', () => {
  assert.deepEqual(xTickTexts('step', [0, 500, 1000, 1500]), ['0', '500', '1k', '1.5k']);
  assert.deepEqual(xTickTexts('step', [10_010, 10_020, 10_030]), ['10.01k', '10.02k', '10.03k']);
  assert.deepEqual(xTickTexts('step', [999_980, 999_990, 1e6]), ['0.99998M', '0.99999M', '1M']);
  assert.deepEqual(xTickTexts('step', [512, 512.5, 513]), ['512', '512.5', '513']);
  assert.deepEqual(xTickTexts('tokens', [40.96e6, 41e6, 41.04e6]), ['40.96M', '41M', '41.04M']);
  assert.deepEqual(xTickTexts('flops', [1e18, 1.001e18]), ['1e18', '1.001e18']);
  assert.deepEqual(xTickTexts('share', [0.25, 0.25002]), ['25 %', '25.002 %']);
  assert.deepEqual(xTickTexts('time', [0, 1800, 3600]), ['0', '30 min', '1 h']);
  assert.deepEqual(xTickTexts('time', [8995, 9000, 9005]), ['2:29:55', '2:30:00', '2:30:05']);
  assert.deepEqual(tickTexts([18_320, 18_340], formatCompact, 5), ['18.32k', '18.34k']);
  assert.deepEqual(tickTexts([1, 1], formatCompact, 5), ['1', '1'], 'some cannot be told apart');
});

test('the extent holds all curves, from the beginning where they begin there', () => {
  const curve = (...steps: number[]) => steps.map((x) => ({ x }));
  assert.equal(extentOf([]), null);
  assert.equal(extentOf([curve()]), null);
  assert.deepEqual(extentOf([curve(1, 2000), curve(200, 400)]), [0, 2000]);
  assert.deepEqual(extentOf([curve(10_000, 20_000)]), [10_000, 20_000]);
  assert.deepEqual(extentOf([curve(0)]), [0, 1]);
  assert.deepEqual(extentOf([curve(7)]), [0, 7]);
});

test('a new point seldom moves the extent, and never further than a fiftieth', () => {
  const extents = Array.from({ length: 1000 }, (_, i) => extentOf([[{ x: 1 }, { x: 10_000 + i }]])!);
  assert.ok(new Set(extents.map(String)).size <= 10);
  for (const [i, [from, to]] of extents.entries()) {
    assert.equal(from, 0);
    assert.ok(to >= 10_000 + i && to <= (10_000 + i) * 1.02);
  }
});
