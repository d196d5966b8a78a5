import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseLines, parseMetricLine } from '../../../src/core/metricParser.ts';

const good = '{"segment":0,"step":1,"tokens":8,"time":1.5,"elapsed":0.5,"metrics":{"loss":2.5}}';

test('non-finite values are strings in the file and numbers here', () => {
  const line = good.replace('2.5}', '"NaN","a":"Infinity","b":"-Infinity"}');
  assert.deepEqual(parseMetricLine(line)?.metrics, [
    ['loss', Number.NaN],
    ['a', Number.POSITIVE_INFINITY],
    ['b', Number.NEGATIVE_INFINITY],
  ]);
});

test('lines that break the schema are unreadable', () => {
  const bad = [
    '',
    '{',
    '[]',
    'null',
    good.slice(0, -1),
    good.replace('"step":1', '"step":-1'),
    good.replace('"step":1', '"step":1.5'),
    good.replace('2.5', 'null'),
    good.replace('2.5', '"nan"'),
    good.replace('8', '1e999'),
    good.replace('{"loss":2.5}', '[]'),
  ];
  for (const line of bad) assert.equal(parseMetricLine(line), undefined, line);
  assert.ok(parseMetricLine(good));
});

test('a torn tail waits for its end and is not counted', () => {
  const bytes = Buffer.from(`${good}\n\n${good.slice(0, 30)}`);
  const first = parseLines(new Uint8Array(0), bytes, parseMetricLine);
  assert.equal(first.lines.length, 1);
  assert.equal(first.unreadable, 0);
  assert.equal(Buffer.from(first.pending).toString(), good.slice(0, 30));
  const torn = parseLines(first.pending, Buffer.from(`\n${good}\n`), parseMetricLine);
  assert.equal(torn.unreadable, 1);
  assert.equal(torn.lines.length, 1);
});

test('the start of a line holds on to nothing of the buffer that it came in', () => {
  for (const chunk of [
    Buffer.from(`${good}\n`.repeat(1000) + good.slice(0, 9)),
    Buffer.alloc(1 << 16, 'a'),
  ]) {
    const { pending } = parseLines(new Uint8Array(0), chunk, parseMetricLine);
    const text = Buffer.from(pending).toString();
    chunk.fill(0);
    assert.equal(Buffer.from(pending).toString(), text);
    assert.equal(pending.buffer.byteLength, pending.length);
  }
});

test('the result does not depend on where the bytes are cut', () => {
  const text = `${good}\n{"broken\n${good.replace('loss', 'lößß')}\n\xff\n${good}`;
  const whole = Buffer.from(text);
  const want = parseLines(new Uint8Array(0), whole, parseMetricLine);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: whole.length }), { maxLength: 8 }), (cuts) => {
      let pending: Uint8Array = new Uint8Array(0);
      const lines = [];
      let unreadable = 0;
      const edges = [0, ...cuts.sort((a, b) => a - b), whole.length];
      for (let i = 1; i < edges.length; i++) {
        const part = parseLines(pending, whole.subarray(edges[i - 1], edges[i]), parseMetricLine);
        pending = part.pending;
        lines.push(...part.lines);
        unreadable += part.unreadable;
      }
      assert.deepEqual(lines, want.lines);
      assert.equal(unreadable, want.unreadable);
      assert.deepEqual(Buffer.from(pending), Buffer.from(want.pending));
    }),
  );
});
