import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { cellNumber, cellTime, csvLayout } from '../../../src/core/csv/csvLayout.ts';
import { CsvReader, csvCell, separatorOf } from '../../../src/core/csv/csvReader.ts';

// Written by Python's csv module: test/golden/make_csv_golden.py.
const fixtures = path.join(import.meta.dirname, 'fixtures/csv');

function read(text: string, separator: string, pieces: readonly number[] = []): string[][] {
  const reader = new CsvReader(separator);
  const rows: string[][] = [];
  for (let at = 0, i = 0; at < text.length; i++) {
    const size = pieces.length === 0 ? text.length : pieces[i % pieces.length]!;
    rows.push(...reader.push(text.slice(at, at + size)));
    at += size;
  }
  return [...rows, ...reader.end()];
}

for (const name of ['comma', 'semicolon', 'tab'])
  test(`a table of Python's csv module is read cell by cell, in pieces of any size: ${name}`, () => {
    const text = fs.readFileSync(path.join(fixtures, `${name}.csv`), 'utf8');
    const rows = JSON.parse(fs.readFileSync(path.join(fixtures, `${name}.json`), 'utf8')) as string[][];
    const separator = separatorOf(text);
    assert.equal(separator, { comma: ',', semicolon: ';', tab: '\t' }[name]);
    for (const size of [text.length, 1, 2, 3, 7, 64]) assert.deepEqual(read(text, separator, [size]), rows);
  });

test('what is written as a cell comes back as it was', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.string({ unit: 'binary' }), { minLength: 2, maxLength: 5 }), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 3 }),
      (rows, pieces) => {
        const text = rows.map((row) => `${row.map(csvCell).join(',')}\n`).join('');
        assert.deepEqual(read(text, ',', pieces), rows);
      },
    ),
  );
});

test('blank lines, a missing last line break and a quote that is never closed', () => {
  assert.deepEqual(read('a,b\n\n  \r\n1,2', ','), [
    ['a', 'b'],
    ['1', '2'],
  ]);
  assert.deepEqual(read('a,"b', ','), [['a', 'b']]);
  assert.throws(() => read(`a,"${'x'.repeat(5 << 20)}`, ',', [1 << 20]), {
    kind: 'damaged',
    message: /Row 1/,
  });
});

function layout(header: string, chosen?: string | null) {
  const found = csvLayout(header.split(','), chosen);
  assert.notEqual(found, 'unclear', header);
  return found as Exclude<typeof found, 'unclear'>;
}
const metricsOf = (header: string) => layout(header).metrics.map(({ run, name }) => [run, name]);

test("W&B's history: bookkeeping columns are time and step, the rest are metrics", () => {
  const found = layout(',_step,_runtime,_timestamp,train/loss,epoch');
  assert.deepEqual([found.step, found.elapsed, found.wallTime], [1, 2, 3]);
  assert.deepEqual(
    found.metrics.map(({ name }) => name),
    ['train/loss', 'epoch'],
  );
});

test("W&B's charts: each column names its run; the bands beside it are left out", () => {
  const header = ['base - long', 'other'].flatMap((run) =>
    ['_step', 'train/loss'].flatMap((name) => ['', '__MIN', '__MAX'].map((end) => `${run} - ${name}${end}`)),
  );
  assert.deepEqual(metricsOf(['train/global_step', ...header].join(',')), [
    ['base - long', 'train/loss'],
    ['other', 'train/loss'],
  ]);
});

test("TensorBoard's download, and tables with one value a row", () => {
  const board = layout('Wall time,Step,Value');
  assert.deepEqual([board.step, board.wallTime, board.long], [1, 0, { metric: undefined, value: 2 }]);
  const long = layout('run_id,Run,key,value,step,timestamp');
  assert.deepEqual([long.run, long.long, long.step, long.wallTime], [1, { metric: 2, value: 3 }, 4, 5]);
});

test('several steps, or none, are a question; an answer that is no column is asked again', () => {
  for (const header of ['_step,train/global_step,loss', 'epoch,loss', ''])
    assert.equal(csvLayout(header.split(',')), 'unclear');
  assert.equal(layout('epoch,loss', 'epoch').step, 0);
  assert.equal(layout('epoch,loss', null).step, null);
  assert.equal(csvLayout(['epoch', 'loss'], 'step'), 'unclear');
});

test('cells: numbers as programs write them, and nothing else', () => {
  const numbers: [string, number | undefined][] = [
    ['1.5', 1.5],
    [' 2 ', 2],
    ['1e308', 1e308],
    ['-1E-3', -0.001],
    ['.5', 0.5],
    ['1e999', Number.POSITIVE_INFINITY],
    ['NaN', Number.NaN],
    ['nan', Number.NaN],
    ['inf', Number.POSITIVE_INFINITY],
    ['-Infinity', Number.NEGATIVE_INFINITY],
    ['', undefined],
    ['  ', undefined],
    ['0x10', undefined],
    ['1,5', undefined],
    ['1.2.3', undefined],
    ['true', undefined],
    ['12abc', undefined],
  ];
  for (const [cell, number] of numbers) assert.equal(cellNumber(cell, ','), number, cell);
  assert.equal(cellNumber(undefined, ','), undefined);
  assert.equal(cellNumber('-1,5e2', ';'), -150);
  fc.assert(
    fc.property(fc.double(), (number) => Object.is(cellNumber(String(number), ','), number) || number === 0),
  );
});

test('times: dates, and seconds to nanoseconds', () => {
  assert.equal(cellTime('2026-01-02T03:04:05Z', ','), Date.UTC(2026, 0, 2, 3, 4, 5) / 1000);
  for (const cell of ['1700000000', '1700000000000', '1700000000000000', '1700000000000000000'])
    assert.equal(cellTime(cell, ','), 1.7e9);
  for (const cell of ['', 'soon', 'NaN']) assert.equal(cellTime(cell, ','), undefined);
});
