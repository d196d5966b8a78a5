import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LiveSeries } from '../../../src/core/liveSeries.ts';
import {
  formatBytes,
  formatBytesAlike,
  formatCompact,
  formatCount,
  formatDuration,
  formatLearningRate,
  formatShare,
  formatValue,
} from '../../../src/core/numberFormat.ts';
import { decodeSeries, encodeSeries } from '../../../src/core/seriesBytes.ts';
import { SeriesStore } from '../../../webview/curves/seriesStore.ts';

const run = '20260101-00000001';

function columns(steps: number[], segment = 0) {
  return {
    x: Float64Array.from(steps),
    y: Float64Array.from(steps, (s) => (s === 13 ? Number.NaN : 1 / s)),
    step: Uint32Array.from(steps),
    segment: Uint16Array.from(steps, () => segment),
  };
}

const ends = { tokens: 0, flops: null, time: 0, share: null };

function header(version: number, points: number, total: number) {
  return { run, metric: 'loss', x: 'step' as const, version, total, points, bucket: 1, smoothing: null };
}

test('series bytes return what was packed; a wrong length is refused', () => {
  const packed = encodeSeries(columns([1, 2, 13]));
  const back = decodeSeries(packed, 3);
  assert.deepEqual([...back.step], [1, 2, 13]);
  assert.ok(Number.isNaN(back.y[2]));
  assert.throws(() => decodeSeries(packed, 4), /4 points/);
});

test('deltas append, old ones are stale, missing ones are gaps, a resumed segment hides what it repeats', () => {
  const series = new LiveSeries(header(3, 2, 2), columns([1, 2]));
  const delta = (version: number, follows: number, steps: number[], segment = 0) =>
    series.append(
      { ...header(version, steps.length, 9), follows, reset: false, ends },
      columns(steps, segment),
    );
  assert.equal(delta(4, 3, [3, 13]), 'applied');
  assert.equal(delta(4, 3, [3, 13]), 'stale');
  assert.equal(delta(6, 5, [14]), 'gap');
  assert.equal(series.nonFinite.length, 1);
  assert.equal(delta(5, 4, [3, 4], 1), 'applied');
  assert.deepEqual(
    series.points.map((p) => [p.segment, p.step]),
    [
      [0, 1],
      [0, 2],
      [1, 3],
      [1, 4],
    ],
  );
  assert.equal(series.nonFinite.length, 0);
});

test('the store keeps deltas that overtake a snapshot and asks again after a gap', () => {
  const asked: number[] = [];
  const store = new SeriesStore({ ask: (request) => asked.push(request), changed: () => undefined });
  store.show([{ run, metric: 'loss' }]);
  const delta = (version: number, follows: number, step: number) =>
    store.appended(
      { ...header(version, 1, step), follows, reset: false, ends },
      encodeSeries(columns([step])),
    );
  delta(2, 1, 3);
  store.answered(asked[0], header(1, 2, 2), encodeSeries(columns([1, 2])));
  assert.deepEqual(
    store.wholeOf(run, 'loss')?.points.map((p) => p.step),
    [1, 2, 3],
  );
  delta(9, 8, 11);
  assert.equal(asked.length, 2);
});

test('a series is loading until its first answer, whatever that is; asked for again it is not', () => {
  const asked: number[] = [];
  const store = new SeriesStore({ ask: (request) => asked.push(request), changed: () => undefined });
  const loading = () => store.isLoading(run, 'loss');
  assert.equal(loading(), false, 'not on show');
  store.show([{ run, metric: 'loss' }]);
  assert.equal(loading(), true);
  store.answered(asked[0], header(0, 0, 0), encodeSeries(columns([])));
  assert.equal(loading(), false, 'known to have no points');
  store.refresh('step', null);
  assert.equal(loading(), false, 'the picture stays');
  store.refresh('tokens', null);
  assert.equal(loading(), true, 'another axis');
  store.failed(asked.at(-1)!, 'The node is gone.');
  assert.equal(loading(), false);
  assert.equal(store.problemOf(run, 'loss'), 'The node is gone.');
});

test('a series that cannot be had is not asked for again at each of its points', () => {
  const asked: number[] = [];
  const store = new SeriesStore({ ask: (request) => asked.push(request), changed: () => undefined });
  store.show([{ run, metric: 'loss' }]);
  store.failed(asked[0], 'The run file is not known, so there are no FLOPs.');
  for (let version = 2; version < 10; version++)
    store.appended(
      { ...header(version, 1, version), follows: version - 1, reset: false, ends },
      encodeSeries(columns([version])),
    );
  assert.equal(asked.length, 1);
  store.refresh('tokens', null);
  assert.equal(asked.length, 2, 'another axis may be had');
});

test('a page that starts asks once for each series, and shown again once more, with what the person chose', () => {
  const asked: { request: number; x: string; smoothing: number | null }[] = [];
  const store = new SeriesStore({
    ask: (request, { x, smoothing }) => asked.push({ request, x, smoothing }),
    changed: () => undefined,
  });
  const keys = [{ run, metric: 'loss' }];
  store.begin('tokens', 20);
  store.show(keys);
  assert.deepEqual(asked, [{ request: 1, x: 'tokens', smoothing: 20 }]);
  store.show([...keys, { run, metric: 'gradNorm' }]);
  assert.equal(asked.length, 2, 'only the newcomer');
  // Hidden before the first answer came, and shown again: that one is not waited for.
  store.begin('tokens', 20);
  store.show(keys);
  assert.equal(asked.length, 3);
  assert.equal(store.isLoading(run, 'loss'), true);
  store.answered(1, { ...header(1, 1, 1), x: 'tokens' }, encodeSeries(columns([1])));
  assert.equal(store.wholeOf(run, 'loss'), undefined);
  store.answered(3, { ...header(2, 2, 2), x: 'tokens' }, encodeSeries(columns([1, 2])));
  assert.equal(store.wholeOf(run, 'loss')?.points.length, 2);
});

test('a zoomed range gets the points of a segment that goes back into it, to its end and no further', () => {
  const asked: { request: number; from: number | null; to: number | null }[] = [];
  const store = new SeriesStore({
    ask: (request, { from, to }) => asked.push({ request, from, to }),
    changed: () => undefined,
  });
  store.show([{ run, metric: 'loss' }]);
  const steps = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const answer = (all: number[]) => {
    const whole = { ...header(1, all.length, 300), bucket: 2 };
    store.answered(asked.at(-1)!.request, whole, encodeSeries(columns(all)));
  };
  answer(steps(1, 300));
  store.setView([100, 200]);
  const { from, to } = asked.at(-1)!;
  assert.ok(from !== null && to !== null && to >= 200 && to < 300);
  answer(steps(from, to));
  let version = 1;
  const append = (all: number[]) =>
    store.appended(
      { ...header(++version, all.length, all.at(-1)!), follows: version - 1, reset: false, ends },
      encodeSeries(columns(all, 1)),
    );
  const shown = () => store.pointsOf(run, 'loss')!.points.map(({ step }) => step);
  append(steps(151, 155));
  assert.deepEqual(shown(), steps(from, 155));
  append(steps(156, 190));
  assert.deepEqual(shown(), steps(from, 190));
  append(steps(191, 320));
  assert.deepEqual(shown(), steps(from, to));
});

test('numbers are written the same everywhere', () => {
  assert.deepEqual(
    [formatCount(42000), formatCompact(18200), formatCompact(999_960), formatValue(2.31), formatValue(5e-4)],
    ['42,000', '18.2k', '1M', '2.310', '5e−4'],
  );
  assert.deepEqual(
    [formatBytes(1536), formatDuration(14_400), formatDuration(59.7), formatValue(Number.NaN)],
    ['1.5 KiB', '4 h', '1 min', 'NaN'],
  );
  assert.deepEqual([5e-4, 3e-3, 2.5e-2, 0.25].map(formatLearningRate), ['5e-4', '3e-3', '2.5e-2', '0.25']);
  const gib = 2 ** 30;
  assert.deepEqual(formatBytesAlike([12.7 * gib, gib / 2, 0]), ['12.7 GiB', '0.5 GiB', '0 GiB']);
  assert.deepEqual(formatBytesAlike([8 * gib, 1800 * gib]), ['8 GiB', '1,800 GiB']);
  assert.deepEqual(formatBytesAlike([134 * 2 ** 20, 21.5 * gib]), ['0.13 GiB', '21.5 GiB']);
  assert.deepEqual(formatBytesAlike([4 * 2 ** 20, 1024 * gib]), ['4 MiB', '1 TiB']);
  assert.deepEqual(formatBytesAlike([0, 0]), ['0 B', '0 B']);
  assert.deepEqual([0.4, 0.07].map(formatShare), ['40 %', '7 %']);
});
