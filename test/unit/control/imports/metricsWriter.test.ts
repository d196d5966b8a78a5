import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { MetricsWriter } from '../../../../src/control/imports/metricsWriter.ts';
import { type MetricRecord, parseLines, parseMetricLine } from '../../../../src/core/metricParser.ts';

const top = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-writer-'));
after(() => fs.rmSync(top, { recursive: true }));
let count = 0;

function written(add: (writer: MetricsWriter) => void): { writer: MetricsWriter; lines: MetricRecord[] } {
  const writer = new MetricsWriter(path.join(top, String(count++)));
  add(writer);
  writer.end();
  const bytes = fs.readFileSync(path.join(writer.folder, 'metrics.jsonl'));
  const { lines, unreadable, pending } = parseLines(new Uint8Array(0), bytes, parseMetricLine);
  assert.deepEqual([unreadable, pending.length], [0, 0]);
  return { writer, lines };
}

const at = (
  step: number,
  rest: Partial<{ segment: number; time: number; elapsed: number; tokens: number }> = {},
) => ({
  segment: 0,
  step,
  tokens: 0,
  time: undefined,
  elapsed: undefined,
  ...rest,
});

test('whatever names and values come, the lines are read back as they were meant', () => {
  const name = fc.oneof(
    fc.string({ unit: 'binary', minLength: 1 }),
    fc.constantFrom('__proto__', '\ufffd', 'constructor', '"'),
  );
  const values = fc.uniqueArray(fc.tuple(name, fc.double()), {
    selector: ([key]) => key.toWellFormed(),
    minLength: 1,
    maxLength: 5,
  });
  fc.assert(
    fc.property(fc.array(values, { maxLength: 5 }), (steps) => {
      const { lines, writer } = written((one) => {
        for (const [step, each] of steps.entries()) one.add(at(step), each);
      });
      const plain = steps.map((each) => each.map(([key, value]) => [key, value === 0 ? 0 : value]));
      const sorted = (pairs: unknown[][]) =>
        [...pairs].sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));
      assert.deepEqual(
        lines.map(({ metrics }) => sorted(metrics)),
        plain.map(sorted),
      );
      assert.equal(writer.points, plain.flat().length);
    }),
  );
});

test('neighbours of one step are one line; of a metric that repeats in it the first value stays', () => {
  const { lines, writer } = written((one) => {
    one.add(at(1), [['a', 1]]);
    one.add(at(1), [['b', 2]]);
    one.add(at(1), [['a', 9]]);
    one.add(at(2), [['a', 3]]);
    one.add(at(2, { segment: 1 }), [['a', 4]]);
  });
  assert.deepEqual(
    lines.map(({ segment, step, metrics }) => [segment, step, metrics]),
    [
      [
        0,
        1,
        [
          ['a', 1],
          ['b', 2],
        ],
      ],
      [0, 2, [['a', 3]]],
      [1, 2, [['a', 4]]],
    ],
  );
  assert.equal(writer.points, 4);
});

test('steps that no run has are left out and counted; odd times are taken from the step before', () => {
  const { lines, writer } = written((one) => {
    for (const step of [-1, 0.5, 2 ** 32, Number.NaN]) one.add(at(step), [['a', 1]]);
    one.add(at(1, { time: 100 }), [['train/loss', 7]]);
    one.add(at(2, { time: Number.NaN, tokens: Number.NaN }), [['train/loss', 6]]);
    one.add(at(2, { segment: 0, time: 1e308 }), [['other', 1]]);
    one.add(at(3, { time: 130, elapsed: 4 }), [['train/loss', Number.NaN]]);
  });
  assert.equal(writer.leftOut, 4);
  assert.deepEqual(
    lines.map(({ step, time, elapsed, tokens }) => [step, time, elapsed, tokens]),
    [
      [1, 100, 0, 0],
      [2, 100, 0, 0],
      [3, 130, 4, 0],
    ],
  );
  const { step, loss, doing } = writer.progress();
  assert.deepEqual([step, loss, doing, writer.firstTime], [3, 'NaN', 'done', 100]);
});

test('the loss that is shown is that of the last step, in whatever order the rows are', () => {
  const { writer } = written((one) => {
    for (const step of [3, 2, 1]) one.add(at(step), [['loss', step]]);
    one.add(at(3, { segment: 1 }), [['loss', 7]]);
    one.add(at(2), [['loss', 8]]);
  });
  const { segment, step, loss } = writer.progress();
  assert.deepEqual([segment, step, loss], [1, 3, 7]);
});

test('of many runs that are written at once little of each is held', () => {
  const writer = new MetricsWriter(path.join(top, String(count++)), () => 10_000);
  const written = (): number => fs.statSync(path.join(writer.folder, 'metrics.jsonl')).size;
  for (let step = 0; step < 100; step++) writer.add(at(step), [['loss', step]]);
  assert.ok(written() > 3000, `${written()}`);
  writer.end();
  assert.equal(writer.points, 100);
});

test('seconds of training are counted from the earliest time, also where rows come newest first', () => {
  const steps = Array.from({ length: 30_000 }, (_, i) => 30_000 - i);
  const { writer, lines } = written((one) => {
    one.add(at(40_000), [['loss', 1]]);
    for (const step of steps) one.add(at(step, { time: 1000 + step / 2 }), [['loss \u2028é', step]]);
  });
  assert.equal(writer.firstTime, 1000.5);
  assert.deepEqual(
    lines.map(({ elapsed }) => elapsed),
    [0, ...steps.map((step) => (step - 1) / 2)],
  );
  assert.deepEqual(lines.at(-1)?.metrics, [['loss \u2028é', 1]]);
  const told = written((one) => {
    one.add(at(2, { time: 90, elapsed: 7 }), [['loss', 1]]);
    one.add(at(1, { time: 80, elapsed: 5 }), [['loss', 1]]);
  });
  assert.deepEqual(
    told.lines.map(({ elapsed }) => elapsed),
    [7, 5],
  );
});

test('a step of endless names is several lines that can be read, and a name without end is left out', () => {
  const values = Array.from({ length: 60 }, (_, i): [string, number] => [`${i} ${'日'.repeat(100_000)}`, i]);
  const { writer, lines } = written((one) => {
    one.add(at(1), values);
    one.add(at(1), [
      ['z', 5],
      ['x'.repeat(1 << 22), 1],
    ]);
  });
  assert.deepEqual(new Set(lines.map(({ segment, step }) => `${segment} ${step}`)), new Set(['0 1']));
  assert.deepEqual(
    lines.flatMap(({ metrics }) => metrics),
    [...values, ['z', 5]],
  );
  assert.deepEqual([writer.points, writer.leftOut], [61, 1]);
  const file = fs.readFileSync(path.join(writer.folder, 'metrics.jsonl'));
  assert.ok(
    file
      .toString()
      .split('\n')
      .every((line) => Buffer.byteLength(line) < 1 << 22),
  );
});
