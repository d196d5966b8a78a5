import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { unknownRun } from '../../../../src/control/runs/runSummary.ts';
import { SeriesService } from '../../../../src/control/runs/seriesService.ts';
import { CacheStore } from '../../../../src/control/store/cacheStore.ts';
import { Column } from '../../../../src/control/store/column.ts';
import type { BiphaseError } from '../../../../src/core/errors.ts';
import { decodeSeries } from '../../../../src/core/seriesBytes.ts';

const run = '20260101-abcdefgh';
const file = 'metrics.jsonl' as const;

function temporaryFile(context: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-store-'));
  context.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return path.join(folder, 'cache.db');
}

function line(segment: number, step: number, loss: number | string): string {
  const metrics = { loss, ...(step % 3 === 0 ? { gradNorm: step / 2 } : {}) };
  return `${JSON.stringify({ segment, step, tokens: step * 10, time: 1000 + step, elapsed: step / 4, metrics })}\n`;
}

function add(
  store: CacheStore,
  text: string,
  offset: number,
  options: { identity?: string; reset?: boolean } = {},
) {
  const { identity = '1:1', reset = false } = options;
  return store.addBytes(run, { file, offset, identity, reset, bytes: Buffer.from(text) });
}

function points(store: CacheStore, metric = 'loss'): [number, number, number][] {
  const columns = store.columns(run);
  const { record, value } = columns.metric(metric);
  return [...record.view()].map((r, i) => [columns.segment.get(r), columns.step.get(r), value.get(i)]);
}

test('points and offset survive reopening at any moment, whatever the chunks are', (context) => {
  const place = temporaryFile(context);
  const text = Array.from({ length: 9000 }, (_, i) => line(0, i + 1, i === 77 ? 'NaN' : i / 7)).join('');
  const bytes = Buffer.from(`${text}{"torn`);
  let store = new CacheStore(place);
  let seed = 7;
  const random = (): number => {
    seed = (seed * 48271) % 0x7fffffff;
    return seed / 0x7fffffff;
  };
  for (let offset = 0; offset < bytes.length; ) {
    const end = Math.min(bytes.length, offset + Math.ceil(random() * 60_000));
    assert.ok(
      store.addBytes(run, {
        file,
        offset,
        identity: '1:1',
        reset: false,
        bytes: bytes.subarray(offset, end),
      }),
    );
    offset = end;
    if (random() < 0.3) {
      store.close();
      store = new CacheStore(place);
      assert.deepEqual(store.cursor(run, file), { offset, identity: '1:1' });
    }
  }
  const found = points(store);
  assert.equal(found.length, 9000);
  assert.ok(
    found.every(
      ([segment, step, y], i) =>
        segment === 0 && step === i + 1 && Object.is(y, i === 77 ? Number.NaN : i / 7),
    ),
  );
  assert.equal(points(store, 'gradNorm').length, 3000);
  assert.deepEqual(store.overview(run), { metrics: ['loss', 'gradNorm'], unreadableLines: 0 });
  add(store, '\nnot json\n', bytes.length);
  store.close();
  store = new CacheStore(place);
  assert.equal(store.overview(run).unreadableLines, 2);
  assert.equal(points(store).length, 9000);
  store.close();
});

test('unreadable lines are counted once, however often the store is opened', (context) => {
  const place = temporaryFile(context);
  let text = '';
  for (let i = 1; i <= 3; i++) {
    const store = new CacheStore(place);
    const more = `${line(0, i, i)}broken\n`;
    add(store, more, text.length);
    text += more;
    assert.equal(store.overview(run).unreadableLines, i);
    store.close();
  }
});

test('long lines become blocks before there are many records, and metrics keep their order', (context) => {
  const place = temporaryFile(context);
  const names = Array.from({ length: 2000 }, (_, i) => `${(i * 7919) % 2000} metric`);
  let text = '';
  for (let step = 1; step <= 230; step++) {
    const metrics = Object.fromEntries(names.map((name, i) => [name, step + i]));
    text += `${JSON.stringify({ segment: 0, step, tokens: 0, time: 0, elapsed: 0, metrics })}\n`;
  }
  let store = new CacheStore(place);
  for (let offset = 0; offset < text.length; offset += 1 << 20)
    assert.ok(add(store, text.slice(offset, offset + (1 << 20)), offset));
  const order = [...store.columns(run).metrics.keys()];
  store.close();
  const db = new DatabaseSync(place);
  const { bytes } = db.prepare('SELECT SUM(LENGTH(bytes)) AS bytes FROM tail').get()!;
  assert.ok(Number(bytes) < 9 << 20, `${String(bytes)} of ${text.length}`);
  db.close();
  store = new CacheStore(place);
  assert.deepEqual([...store.columns(run).metrics.keys()], order);
  assert.deepEqual(store.overview(run).metrics, order);
  assert.deepEqual(
    points(store, names[5]).map(([, step, y]) => y - step),
    new Array(230).fill(5),
  );
  add(store, line(0, 231, 1), text.length);
  assert.equal(store.columns(run).records, 231);
  store.close();
});

test('a run that is loaded piece by piece is the run, also where it is written or deleted meanwhile', (context) => {
  const place = temporaryFile(context);
  const text = Array.from({ length: 400_000 / 80 }, (_, i) => line(0, i + 1, i)).join('');
  const whole = Array.from({ length: 5000 }, (_, i) => [0, i + 1, i]);
  const filled = new CacheStore(place);
  for (let offset = 0; offset < text.length; offset += 1000)
    add(filled, text.slice(offset, offset + 1000), offset);
  filled.close();
  const pieces = [...new CacheStore(place).loading(run)].length;
  assert.ok(pieces > 0);
  for (let at = 0; at <= pieces; at++)
    for (const meanwhile of ['nothing', 'bytes', 'another file', 'deletion']) {
      const copy = `${place}-${at}-${meanwhile}`;
      fs.copyFileSync(place, copy);
      const store = new CacheStore(copy);
      const loading = store.loading(run);
      for (let i = 0; i < at; i++) loading.next();
      if (meanwhile === 'bytes') add(store, line(0, 9000, 7), text.length);
      if (meanwhile === 'another file') add(store, line(0, 1, 5), 0, { identity: '1:2' });
      if (meanwhile === 'deletion') store.deleteRun(run);
      while (!loading.next().done);
      const expected =
        meanwhile === 'nothing'
          ? whole
          : meanwhile === 'bytes'
            ? [...whole, [0, 9000, 7]]
            : meanwhile === 'deletion'
              ? []
              : [[0, 1, 5]];
      assert.deepEqual(points(store), expected, `${meanwhile} after ${at} pieces`);
      assert.equal([...store.loading(run)].length, 0, 'it is in memory');
      store.close();
    }
});

test('bytes that overlap are taken once, a gap is refused, another file replaces the points', (context) => {
  const store = new CacheStore(temporaryFile(context));
  const [a, b, c] = [line(0, 1, 1), line(0, 2, 2), line(0, 3, 3)];
  add(store, a + b, 0);
  assert.equal(add(store, c, a.length + b.length + 1), undefined);
  assert.ok(add(store, b + c, a.length));
  assert.deepEqual(
    points(store).map(([, step]) => step),
    [1, 2, 3],
  );
  assert.equal(add(store, c, 5, { identity: '1:2' }), undefined);
  assert.equal(add(store, c, 0, { identity: '1:2' })?.reset, true);
  assert.deepEqual(
    points(store).map(([, step]) => step),
    [3],
  );
  assert.equal(add(store, a, 0, { identity: '1:2', reset: true })?.reset, true);
  assert.deepEqual(
    points(store).map(([, step]) => step),
    [1],
  );
  store.close();
});

test('every (segment, step) is there once', (context) => {
  const place = temporaryFile(context);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 1, max: 12 })), { maxLength: 60 }),
      (items) => {
        const store = new CacheStore(place);
        add(store, items.map(([segment, step]) => line(segment, step, step)).join(''), 0, { reset: true });
        const keys = points(store).map(([segment, step]) => `${segment}/${step}`);
        assert.deepEqual(new Set(keys), new Set(items.map(([segment, step]) => `${segment}/${step}`)));
        assert.equal(keys.length, new Set(keys).size);
        store.close();
      },
    ),
    { numRuns: 50 },
  );
});

test('a file that repeats itself costs what it holds, not its square', (context) => {
  const store = new CacheStore(temporaryFile(context));
  context.after(() => store.close());
  let looks = 0;
  for (const type of [Uint32Array, Float64Array]) {
    const { includes } = type.prototype;
    context.mock.method(type.prototype, 'includes', function (this: Uint32Array, value: number) {
      looks += this.length;
      return includes.call(this, value);
    });
  }
  const steps = Array.from({ length: 3000 }, (_, i) => i + 1);
  const written = (value: number) => steps.map((step) => line(0, step, value)).join('');
  const text = written(1) + written(2);
  add(store, text, 0);
  add(store, written(3), text.length);
  assert.equal(points(store).length, 3000);
  assert.ok(looks < 30_000, `${looks}`);
});

test('whatever a metric is called, its points are there under that name after reopening', (context) => {
  const place = temporaryFile(context);
  const names = ['a\0b', 'a\0c', '\ud800', 'x\udfff', '__proto__', '', 'a\n', '\ufeffx', '=', '\u202e'];
  const written = (from: number, to: number): string =>
    Array.from({ length: to - from }, (_, i) => {
      const values = names.map((name, index) => `${JSON.stringify(name)}:${index}`);
      return `{"segment":0,"step":${from + i},"tokens":0,"time":0,"elapsed":0,"metrics":{${values.join()}}}\n`;
    }).join('');
  const first = new CacheStore(place);
  const text = written(0, 4200);
  add(first, text, 0);
  add(first, written(4200, 4210), Buffer.byteLength(text));
  first.close();
  const store = new CacheStore(place);
  context.after(() => store.close());
  const found = [...store.columns(run).metrics].map(([name, { value }]) => [
    name,
    value.length,
    value.get(0),
  ]);
  assert.deepEqual(
    found,
    names.map((name, index) => [name.toWellFormed(), 4210, index]),
  );
  assert.deepEqual(
    store.overview(run).metrics,
    names.map((name) => name.toWellFormed()),
  );
});

test('what can be no database is refused with the file and what to do', (context) => {
  const place = temporaryFile(context);
  fs.mkdirSync(place);
  assert.throws(
    () => new CacheStore(place),
    (error: BiphaseError) => {
      assert.equal(error.kind, 'refused');
      assert.ok(error.message.startsWith(`${place} cannot be used: `), error.message);
      return true;
    },
  );
});

test('a file that is no database is started anew', (context) => {
  const place = temporaryFile(context);
  fs.writeFileSync(place, 'this is not a database, but it is long enough to be looked at'.repeat(20));
  const store = new CacheStore(place);
  assert.ok(add(store, line(0, 1, 1), 0));
  assert.equal(fs.statSync(place).mode & 0o077, 0);
  store.close();
});

test('whatever page of the file is damaged, control starts, and what is filled in again is all there', (context) => {
  const place = temporaryFile(context);
  const text = Array.from({ length: 4200 }, (_, i) => line(0, i + 1, i)).join('');
  const first = new CacheStore(place);
  add(first, text, 0);
  first.close();
  const whole = fs.readFileSync(place);
  for (let page = 0; page < whole.length / 4096; page++) {
    const damaged = Buffer.from(whole).fill(0xab, page * 4096, (page + 1) * 4096);
    fs.writeFileSync(place, damaged);
    const store = new CacheStore(place);
    let anew = 0;
    store.onAnew = () => anew++;
    assert.deepEqual(store.reports(), []);
    for (const _ of store.loading(run));
    const { records } = store.columns(run);
    store.overview(run);
    const more = line(0, 4201, 1);
    const added = add(store, more, text.length);
    if (anew === 0 && page > 0)
      assert.deepEqual([records, added !== undefined], [4200, true], `page ${page}`);
    else {
      // From the start, as the cursor says.
      assert.deepEqual([store.cursor(run, file).offset, added], [0, undefined], `page ${page}`);
      add(store, text + more, 0);
      assert.equal(points(store).length, 4201, `page ${page}`);
    }
    assert.ok(anew <= 1, `page ${page}`);
    store.close();
  }
});

test('what a new point of a resumed run costs does not grow with the run', (context) => {
  const store = new CacheStore(temporaryFile(context));
  context.after(() => store.close());
  const service = new SeriesService(store, () => unknownRun);
  const written = (segment: number, from: number, to: number): string =>
    Array.from({ length: to - from }, (_, i) => line(segment, from + i, 1)).join('');
  let text = written(0, 1, 3000) + written(1, 2000, 3000);
  service.deltas(run, add(store, text, 0)!, () => true);
  let looks = 0;
  const { get } = Column.prototype;
  context.mock.method(Column.prototype, 'get', function (this: Column<Uint32Array>, index: number) {
    looks++;
    return get.call(this, index);
  });
  const one = line(1, 3000, 1);
  const committed = add(store, one, text.length)!;
  text += one;
  const [delta] = service.deltas(run, committed, (metric) => metric === 'loss');
  assert.ok(looks < 100, `${looks}`);
  const range = { from: null, to: null, pixels: 100, smoothing: null };
  const { value } = service.snapshot({ run, metric: 'loss', x: 'step', ...range });
  assert.equal(delta!.data.total, 3000);
  assert.equal(value.total, 3000);
  // A segment that begins earlier hides more of those before it.
  const earlier = add(store, written(2, 1000, 1002), text.length)!;
  const last = service.deltas(run, earlier, (metric) => metric === 'loss').at(-1)!;
  assert.equal(last.data.total, 1001);
});

test('a segment resumed from a step hides what it repeats, and deltas chain', (context) => {
  const store = new CacheStore(temporaryFile(context));
  const service = new SeriesService(store, () => unknownRun);
  const first = [1, 2, 3, 4, 5].map((step) => line(0, step, step)).join('');
  const second = [4, 5, 6].map((step) => line(1, step, step * 10)).join('');
  add(store, first, 0);
  const range = { from: null, to: null, pixels: 100, smoothing: null };
  const request = { run, metric: 'loss', x: 'tokens' as const, ...range };
  const before = service.snapshot(request);
  const committed = add(store, second, first.length)!;
  const [delta, ...none] = service.deltas(run, committed, (metric) => metric === 'loss');
  assert.equal(none.length, 0);
  assert.equal(delta!.data.follows, before.value.version);
  assert.equal(delta!.data.ends.tokens, 60);
  const { value, binary } = service.snapshot(request);
  assert.equal(value.version, delta!.data.version);
  const shown = decodeSeries(Uint8Array.from(binary!).buffer, value.points);
  assert.deepEqual([...shown.x], [10, 20, 30, 40, 50, 60]);
  assert.deepEqual([...shown.y], [1, 2, 3, 40, 50, 60]);
  assert.deepEqual([...shown.segment], [0, 0, 0, 1, 1, 1]);
  store.close();
});
