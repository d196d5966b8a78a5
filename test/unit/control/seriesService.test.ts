import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { type RunFacts, unknownRun } from '../../../src/control/runs/runSummary.ts';
import { SeriesService } from '../../../src/control/runs/seriesService.ts';
import { CacheStore } from '../../../src/control/store/cacheStore.ts';
import { FlopsOfRun } from '../../../src/core/flopsOfRun.ts';
import { type CurvePoint, LiveSeries } from '../../../src/core/liveSeries.ts';
import { parseRunFile } from '../../../src/core/parseRunFile.ts';
import { resolveRunFile } from '../../../src/core/resolveRunFile.ts';
import { decodeSeries } from '../../../src/core/seriesBytes.ts';
import { Smoother } from '../../../src/core/smoothing.ts';
import { Turns } from '../../../src/core/turns.ts';
import { type SeriesRequest, seriesAxes, seriesHeaderSchema } from '../../../src/protocol/controlApi.ts';

const run = '20260101-abcdefgh';
const fileOfRun = resolveRunFile(
  parseRunFile({
    model: 'micro',
    data: { source: 'world' },
    phases: [
      { objective: 'clm', until: 40 },
      { objective: 'mlm', until: 400 },
    ],
  }),
);
const facts: RunFacts = { phaseEnds: [40], totalSteps: 400, flops: new FlopsOfRun(fileOfRun) };

type Metrics = Record<string, number | string>;

/** A store with one run, and what its clients get of it. */
class Bench {
  readonly store: CacheStore;
  readonly service: SeriesService;
  offset = 0;

  constructor(context: TestContext | undefined, known: RunFacts = facts) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-series-'));
    this.store = new CacheStore(path.join(folder, 'cache.db'));
    this.service = new SeriesService(this.store, () => known);
    this.end = () => {
      this.store.close();
      fs.rmSync(folder, { recursive: true, force: true });
    };
    context?.after(this.end);
  }

  readonly end: () => void;

  write(lines: readonly { segment?: number; step: number; metrics: Metrics }[]) {
    const text = lines
      .map(({ segment = 0, step, metrics }) =>
        JSON.stringify({
          segment,
          step,
          tokens: step * 10 + segment,
          time: 1e9 + step,
          elapsed: step / 4,
          metrics,
        }),
      )
      .map((line) => `${line}\n`)
      .join('');
    const bytes = Buffer.from(text);
    const committed = this.store.addBytes(run, {
      ...{ file: 'metrics.jsonl', offset: this.offset, identity: '1:1', reset: false, bytes },
    })!;
    this.offset += bytes.length;
    return committed;
  }

  snapshot(change: Partial<SeriesRequest> = {}): LiveSeries {
    const request = {
      run,
      metric: 'loss',
      x: 'step' as const,
      from: null,
      to: null,
      pixels: 16384,
      smoothing: null,
    };
    const { value, binary } = this.service.snapshot({ ...request, ...change });
    // As it travels: JSON, and checked.
    const header = seriesHeaderSchema.parse(JSON.parse(JSON.stringify(value)));
    return new LiveSeries(
      header,
      decodeSeries(Uint8Array.from(binary!).buffer, header.points, header.smoothing !== null),
    );
  }

  /** What the page does with the deltas of a commit: a gap asks for a snapshot. */
  follow(
    series: LiveSeries,
    lines: Parameters<Bench['write']>[0],
    change: Partial<SeriesRequest>,
  ): LiveSeries {
    let shown = series;
    for (const { data, binary } of this.service.deltas(
      run,
      this.write(lines),
      (metric) => metric === 'loss',
    )) {
      const columns = decodeSeries(Uint8Array.from(binary).buffer, data.points);
      if (shown.append(data, columns) === 'gap') shown = this.snapshot(change);
    }
    return shown;
  }
}

const values = (points: readonly CurvePoint[]): [number, number][] => points.map(({ step, y }) => [step, y]);

/** Losses of segments that each go back a little, some not finite. */
const story = fc
  .array(
    fc.record({
      back: fc.integer({ min: 0, max: 8 }),
      gaps: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 }),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .chain((segments) => {
    const lines: { segment: number; step: number }[] = [];
    let step = 0;
    for (const [segment, { back, gaps }] of segments.entries()) {
      step = Math.max(0, step - back);
      for (const gap of gaps) {
        step += gap;
        lines.push({ segment, step });
      }
    }
    const number = fc.oneof(
      { weight: 12, arbitrary: fc.double({ noNaN: true, min: -1e3, max: 1e3 }) },
      { weight: 1, arbitrary: fc.constantFrom('NaN', 'Infinity', '-Infinity', 1e308, -1e308) },
    );
    return fc.record({
      lines: fc
        .array(number, { minLength: lines.length, maxLength: lines.length })
        .map((losses) => lines.map((line, i) => ({ ...line, metrics: { loss: losses[i]! } as Metrics }))),
      cuts: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 60 }),
    });
  });

test('whatever is written, resumed and cut, a snapshot with its deltas is what one snapshot at the end is', () => {
  fc.assert(
    fc.property(
      story,
      fc.constantFrom(...seriesAxes),
      fc.constantFrom(null, 3, 40),
      ({ lines, cuts }, x, smoothing) => {
        const bench = new Bench(undefined);
        let series = bench.snapshot({ x, smoothing });
        for (let at = 0, i = 0; at < lines.length; i++) {
          const end = Math.min(lines.length, at + cuts[i % cuts.length]!);
          series = bench.follow(series, lines.slice(at, end), { x, smoothing });
          at = end;
        }
        const whole = bench.snapshot({ x, smoothing });
        const seen = ({ step, y, smooth, segment }: CurvePoint) => ({ step, y, smooth, segment });
        assert.deepEqual(series.points.map(seen), whole.points.map(seen));
        assert.equal(series.total, whole.total);
        // The newest point lies exactly where it belongs; those that came with it are put between evenly.
        const [last, expected] = [series.points.at(-1)!, whole.points.at(-1)!];
        assert.ok(Math.abs(last.x - expected.x) <= 1e-9 * expected.x, `${last.x} ${expected.x}`);
        // And it is the average of what can be seen.
        const smoother = new Smoother(smoothing ?? 1, facts.phaseEnds);
        for (const { step, y, smooth } of whole.points) {
          const average = smoother.next(step, y);
          assert.equal(smooth, smoothing === null || Number.isNaN(average) ? null : average);
        }
        bench.end();
      },
    ),
    { numRuns: 60 },
  );
});

test('points that a resumed segment hides go at once, where their metric has no new ones too', (context) => {
  const bench = new Bench(context);
  const steps = (from: number, to: number, segment: number) =>
    Array.from({ length: to - from + 1 }, (_, i) => ({
      segment,
      step: from + i,
      metrics: { loss: 1, ...((from + i) % 100 === 0 ? { rare: segment } : {}) } as Metrics,
    }));
  bench.write(steps(1, 250, 0));
  let rare = bench.snapshot({ metric: 'rare' });
  const follow = (lines: Parameters<Bench['write']>[0]) => {
    const events = bench.service.deltas(run, bench.write(lines), (metric) => metric === 'rare');
    for (const { data, binary } of events)
      if (rare.append(data, decodeSeries(Uint8Array.from(binary).buffer, data.points)) === 'gap')
        rare = bench.snapshot({ metric: 'rare' });
    return { told: events.length, points: values(rare.points) };
  };
  assert.deepEqual(follow(steps(151, 160, 1)), { told: 1, points: [[100, 0]] });
  assert.deepEqual(follow(steps(161, 170, 1)), { told: 0, points: [[100, 0]] });
  const points = [
    [100, 0],
    [200, 1],
  ];
  assert.deepEqual(follow(steps(171, 210, 1)), { told: 1, points });
  assert.equal(rare.total, 2);
});

test('what is written in any order of steps and segments is seen as it is asked for', () => {
  const line = fc.record({
    segment: fc.nat(3),
    step: fc.nat(12),
    metrics: fc.constantFrom<Metrics>({ loss: 1 }, { other: 1 }, { loss: 2, other: 2 }),
  });
  const commits = fc.array(fc.array(line, { minLength: 1, maxLength: 5 }), { maxLength: 12 });
  fc.assert(
    fc.property(commits, fc.constantFrom(null, 3), (written, smoothing) => {
      const bench = new Bench(undefined);
      let series = bench.snapshot({ smoothing });
      for (const lines of written) {
        series = bench.follow(series, lines, { smoothing });
        const whole = bench.snapshot({ smoothing });
        assert.deepEqual(series.points, whole.points);
        assert.equal(series.total, whole.total);
      }
      bench.end();
    }),
    { numRuns: 150 },
  );
});

test('a metric that another file lacks is not there any more', (context) => {
  const bench = new Bench(context);
  bench.write([{ step: 1, metrics: { loss: 1, gone: 1 } }]);
  const gone = bench.snapshot({ metric: 'gone' });
  const line = `${JSON.stringify({ segment: 0, step: 1, tokens: 1, time: 1, elapsed: 1, metrics: { loss: 1 } })}\n`;
  const replaced = { file: 'metrics.jsonl', offset: 0, identity: '2:2', reset: true } as const;
  const committed = bench.store.addBytes(run, { ...replaced, bytes: Buffer.from(line) })!;
  const told = bench.service.deltas(run, committed, (metric) => metric === 'gone');
  assert.deepEqual(
    told.map(({ data }) => [data.metric, data.reset, data.total]),
    [['gone', true, 0]],
  );
  assert.equal(gone.append(told[0]!.data, decodeSeries(new ArrayBuffer(0), 0)), 'gap');
  assert.equal(bench.snapshot({ metric: 'gone' }).points.length, 0);
  assert.deepEqual([...bench.store.columns(run).metrics.keys()], ['loss']);
});

test('the average is taken over all points before they are thinned, and whatever the range', (context) => {
  const bench = new Bench(context);
  bench.write(Array.from({ length: 5000 }, (_, i) => ({ step: i + 1, metrics: { loss: Math.sin(i) * 5 } })));
  const all = new Map(bench.snapshot({ smoothing: 200 }).points.map(({ step, smooth }) => [step, smooth]));
  assert.equal(all.size, 5000);
  for (const change of [{ pixels: 50 }, { from: 3000, to: 3100 }, { pixels: 10, from: 1234 }]) {
    const { points } = bench.snapshot({ smoothing: 200, ...change });
    assert.ok(points.length > 0 && points.length < 5000);
    for (const { step, smooth } of points) assert.equal(smooth, all.get(step));
  }
});

test('a request again, another half-life, and a new point cost what is new', (context) => {
  const bench = new Bench(context);
  bench.write(Array.from({ length: 4000 }, (_, i) => ({ step: i + 1, metrics: { loss: i % 7 } })));
  let steps = 0;
  const { next } = Smoother.prototype;
  context.mock.method(Smoother.prototype, 'next', function (this: Smoother, step: number, y: number) {
    steps++;
    return next.call(this, step, y);
  });
  const cost = (change: Partial<SeriesRequest>): number => {
    const before = steps;
    bench.snapshot({ smoothing: 50, ...change });
    return steps - before;
  };
  assert.equal(cost({}), 4000);
  assert.equal(cost({ x: 'flops', pixels: 100 }), 0);
  assert.equal(cost({ from: 100, to: 200 }), 0);
  bench.write([{ step: 4001, metrics: { loss: 1 } }]);
  assert.equal(cost({}), 1);
  assert.equal(cost({ smoothing: 10 }), 4001);
});

test('an axis that the run file tells of is refused where that is not known', (context) => {
  const bench = new Bench(context, unknownRun);
  bench.write([{ step: 1, metrics: { loss: 1 } }]);
  assert.throws(() => bench.snapshot({ x: 'flops' }), { kind: 'missing', message: /FLOPs/ });
  assert.throws(() => bench.snapshot({ x: 'share' }), { kind: 'missing', message: /steps/ });
  const [delta] = bench.service.deltas(run, bench.write([{ step: 2, metrics: { loss: 1 } }]), () => true);
  assert.deepEqual(delta!.data.ends, { tokens: 20, flops: null, time: 0.5, share: null });
});

test('x is steps, tokens, FLOPs, seconds or the share of all steps', (context) => {
  const bench = new Bench(context);
  bench.write([20, 100].map((step) => ({ step, metrics: { loss: 1 } })));
  const xs = (x: SeriesRequest['x']): number[] => bench.snapshot({ x }).points.map((point) => point.x);
  assert.deepEqual(xs('step'), [20, 100]);
  assert.deepEqual(xs('tokens'), [200, 1000]);
  assert.deepEqual(xs('time'), [5, 25]);
  assert.deepEqual(xs('share'), [0.05, 0.25]);
  const flops = new FlopsOfRun(fileOfRun);
  assert.deepEqual(xs('flops'), [flops.at(20, 200), flops.at(100, 1000)]);
});

test('a metric that appears late and disappears has its points and no others', (context) => {
  const bench = new Bench(context);
  bench.write(
    Array.from({ length: 100 }, (_, i) => ({
      step: i + 1,
      metrics: { loss: 1, ...(i >= 50 && i < 60 ? { late: i } : {}) } as Metrics,
    })),
  );
  const late = bench.snapshot({ metric: 'late', smoothing: 5 });
  assert.deepEqual(
    late.points.map(({ step }) => step),
    Array.from({ length: 10 }, (_, i) => 51 + i),
  );
  assert.equal(late.points[0]!.smooth, 50);
  assert.deepEqual(bench.store.overview(run).metrics, ['loss', 'late']);
  assert.equal(bench.snapshot({ metric: 'never', smoothing: 5 }).points.length, 0);
});

test('a step that is written again, or goes back within its segment, is there once and in order', (context) => {
  const bench = new Bench(context);
  bench.write([5, 6, 5, 3, 4, 6, 7].map((step, i) => ({ step, metrics: { loss: i } })));
  const { points } = bench.snapshot({ smoothing: 2 });
  assert.deepEqual(values(points), [
    [3, 3],
    [4, 4],
    [5, 0],
    [6, 1],
    [7, 6],
  ]);
  const smoother = new Smoother(2, facts.phaseEnds);
  for (const { step, y, smooth } of points) assert.equal(smooth, smoother.next(step, y));
  // And after it, as ever.
  bench.write([8, 2].map((step) => ({ step, metrics: { loss: 9 } })));
  assert.deepEqual(
    bench.snapshot({ smoothing: 2 }).points.map(({ step }) => step),
    [2, 3, 4, 5, 6, 7, 8],
  );
});

test('all NaN, all the same, and numbers at the end of what a number can be', (context) => {
  const bench = new Bench(context);
  bench.write(
    Array.from({ length: 3000 }, (_, i) => ({
      step: i + 1,
      metrics: { nothing: 'NaN', same: 0.1, huge: i % 2 === 0 ? 1e308 : -1e308, top: Number.MAX_VALUE },
    })),
  );
  for (const pixels of [100, 16384]) {
    const of = (metric: string): CurvePoint[] => bench.snapshot({ metric, pixels, smoothing: 20 }).points;
    const nothing = of('nothing');
    assert.ok(nothing.length > 0 && nothing.every(({ y, smooth }) => Number.isNaN(y) && smooth === null));
    assert.ok(of('same').every(({ y, smooth }) => y === 0.1 && smooth === 0.1));
    assert.ok(of('huge').every(({ smooth }) => smooth !== null && Math.abs(smooth) <= 1e308));
    assert.ok(of('top').every(({ smooth }) => smooth === Number.MAX_VALUE));
  }
});

test('a run without points has an empty series with every axis', (context) => {
  const bench = new Bench(context);
  for (const x of seriesAxes)
    for (const smoothing of [null, 10]) {
      const { points, total, smoothing: said } = bench.snapshot({ x, smoothing });
      assert.deepEqual([points, total, said], [[], 0, smoothing]);
    }
});

test('a point costs no more where a run has 5,000 metrics, and a page gets what it asked for', async (context) => {
  const bench = new Bench(context);
  const names = Array.from({ length: 5000 }, (_, i) => `layer/${i}/rms`);
  const metricsAt = (step: number): Metrics => Object.fromEntries(names.map((name, i) => [name, step + i]));
  const first = bench.write([1, 2, 3].map((step) => ({ step, metrics: metricsAt(step) })));
  assert.equal(first.overview, true);
  assert.equal(bench.store.overview(run).metrics.length, 5000);
  const { metrics } = bench.store.overview(run);
  const more = bench.write([{ step: 4, metrics: metricsAt(4) }]);
  assert.equal(more.overview, false);
  assert.equal(bench.store.overview(run).metrics, metrics, 'the same list: nothing to tell anew');
  const deltas = bench.service.deltas(run, more, (metric) => metric === names[4321]);
  assert.deepEqual(
    deltas.map(({ data }) => [data.metric, data.points]),
    [[names[4321], 1]],
  );
  const { value, binary } = await bench.service.answer(
    { run, metric: names[4321]!, x: 'step', from: null, to: null, pixels: 100, smoothing: null },
    new Turns(),
  );
  assert.equal(value.points, 4);
  assert.ok(binary!.length + JSON.stringify(value).length < 1000);
});
