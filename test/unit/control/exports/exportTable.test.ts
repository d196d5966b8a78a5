import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { ExportService } from '../../../../src/control/exports/exportService.ts';
import { CacheStore } from '../../../../src/control/store/cacheStore.ts';
import { TransferDesk } from '../../../../src/control/transfers/transferDesk.ts';
import { CsvReader } from '../../../../src/core/csv/csvReader.ts';
import type { TransferProgress } from '../../../../src/protocol/controlApi.ts';

interface Line {
  segment?: number;
  step: number;
  metrics: Record<string, number | string>;
}
interface Recorded {
  name: string;
  lines: Line[];
}

/** Runs in a store, numbered from 1, and the table that is written of them. */
class Bench {
  readonly folder: string;
  readonly file: string;
  readonly told: TransferProgress[] = [];
  readonly #service: ExportService;

  constructor(context: TestContext, runs: readonly Recorded[]) {
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-table-'));
    this.file = path.join(this.folder, 'out', 'curves.csv');
    const store = new CacheStore(path.join(this.folder, 'cache.db'));
    context.after(() => {
      store.close();
      fs.rmSync(this.folder, { recursive: true, force: true });
    });
    for (const [index, { lines }] of runs.entries()) {
      const text = lines.map(({ segment = 0, step, metrics }) =>
        JSON.stringify({ segment, step, tokens: step * 10, time: 1000 + step, elapsed: step / 4, metrics }),
      );
      const bytes = Buffer.from(text.map((line) => `${line}\n`).join(''));
      store.addBytes(id(index + 1), {
        ...{ file: 'metrics.jsonl', offset: 0, identity: '1:1', reset: false },
        bytes,
      });
    }
    this.#service = new ExportService(
      new TransferDesk(),
      (run) => runs[Number(run.slice(9)) - 1]?.name,
      store,
    );
  }

  async write(runs: readonly number[], metrics: string[] | null): Promise<number> {
    const request = { transfer: 'one', runs: runs.map(id), metrics, file: this.file };
    const { places, points } = await this.#service.exportTable(request, (news) => this.told.push(news));
    assert.deepEqual(places, [this.file]);
    assert.deepEqual(fs.readdirSync(path.dirname(this.file)), ['curves.csv'], 'no part is left');
    return points;
  }

  /** As a reader of CSV files takes it apart. */
  rows(): string[][] {
    const reader = new CsvReader(',');
    return [...reader.push(fs.readFileSync(this.file, 'utf8')), ...reader.end()];
  }
}

function id(index: number): string {
  return `20260101-${String(index).padStart(8, '0')}`;
}

const own = ['segment', 'step', 'tokens', 'time', 'elapsed'];

test('a table of one run holds each of 45,000 points, exactly, with its place', async (context) => {
  const value = (step: number): number => 2 + Math.sin(step) / 3;
  const lines = Array.from({ length: 45_000 }, (_, i) => ({ step: i + 1, metrics: { loss: value(i + 1) } }));
  const bench = new Bench(context, [{ name: 'long', lines }]);
  assert.equal(await bench.write([1], ['loss']), 45_000);
  const [head, ...rows] = bench.rows();
  assert.deepEqual(head, [...own, 'loss']);
  assert.equal(rows.length, 45_000);
  for (const [i, row] of rows.entries()) {
    const step = i + 1;
    assert.deepEqual(row.map(Number), [0, step, step * 10, 1000 + step, step / 4, value(step)]);
  }
  const last = bench.told.at(-1)!;
  assert.deepEqual([last.doing, last.done, last.total], ['exporting run 1 of 1', 360_000, 360_000]);
});

test('what a resumed run computed again is there twice, with both segments', async (context) => {
  const part = (segment: number, from: number, to: number): Line[] =>
    Array.from({ length: to - from + 1 }, (_, i) => ({
      segment,
      step: from + i,
      metrics: { loss: segment + (from + i) / 1000 },
    }));
  const bench = new Bench(context, [{ name: 'resumed', lines: [...part(0, 1, 60), ...part(1, 41, 100)] }]);
  assert.equal(await bench.write([1], null), 120);
  const rows = bench.rows().slice(1);
  const places = rows.map(([segment, step]) => [Number(segment), Number(step)]);
  assert.deepEqual(
    places,
    [...part(0, 1, 60), ...part(1, 41, 100)].map(({ segment, step }) => [segment, step]),
  );
  const at50 = rows.filter(([, step]) => step === '50').map((row) => [row[0], row[5]]);
  assert.deepEqual(at50, [
    ['0', '0.05'],
    ['1', '1.05'],
  ]);
});

test('values that are not finite have words; a metric that comes late or goes leaves its cells empty', async (context) => {
  const bench = new Bench(context, [
    {
      name: 'odd',
      lines: [
        { step: 1, metrics: { loss: 'NaN' } },
        { step: 2, metrics: { loss: 'Infinity', late: 1e308 } },
        { step: 3, metrics: { loss: '-Infinity', late: -0.1 } },
        { step: 4, metrics: { late: 5e-324 } },
      ],
    },
  ]);
  assert.equal(await bench.write([1], null), 6);
  assert.deepEqual(
    bench.rows().map((row) => row.slice(5)),
    [
      ['loss', 'late'],
      ['NaN', ''],
      ['Infinity', '1e+308'],
      ['-Infinity', '-0.1'],
      ['', '5e-324'],
    ],
  );
});

test('only the metrics that were asked for are columns, and only steps that have one are rows', async (context) => {
  const lines = Array.from({ length: 20 }, (_, i) => ({
    step: i + 1,
    metrics: { loss: i, gradNorm: i / 2, ...(i % 5 === 4 ? { 'validation/loss/mlm': i } : {}) },
  }));
  const bench = new Bench(context, [{ name: 'some', lines }]);
  assert.equal(await bench.write([1], ['validation/loss/mlm', 'nobody has it']), 4);
  assert.deepEqual(
    bench.rows().map((row) => [row[1], ...row.slice(5)]),
    [
      ['step', 'validation/loss/mlm', 'nobody has it'],
      ...[5, 10, 15, 20].map((step) => [String(step), String(step - 1), '']),
    ],
  );
});

test('a table of several runs names each in every row, and no name breaks a row or is a formula', async (context) => {
  const names = [
    '=HYPERLINK("http://evil","click")',
    '+1, "two"\nthree',
    '@SUM(A1)',
    '-2+3',
    '\t=1',
    '<b>,</b>',
  ];
  const metrics = ['=cmd()', 'a "b", c', 'two\r\nlines'];
  const runs = names.map((name, i) => ({
    name,
    lines: [{ step: i + 1, metrics: Object.fromEntries(metrics.map((metric) => [metric, i])) }],
  }));
  const bench = new Bench(context, [...runs, { name: 'no points', lines: [] }]);
  const all = [...runs.keys(), runs.length].map((i) => i + 1);
  assert.equal(await bench.write([...all, 1], null), names.length * metrics.length);
  const [head, ...rows] = bench.rows();
  assert.deepEqual(head, ['run', 'name', ...own, "'=cmd()", 'a "b", c', 'two\r\nlines']);
  assert.equal(rows.length, names.length);
  for (const [i, row] of rows.entries()) {
    assert.equal(row.length, head!.length);
    assert.equal(row[0], id(i + 1));
    assert.equal(row[1], /^[=+@\t-]/.test(names[i]!) ? `'${names[i]}` : names[i]);
    assert.deepEqual(row.slice(7), [String(i), String(i), String(i)]);
  }
});

test('a table that cannot be written whole leaves what was there', async (context) => {
  const bench = new Bench(context, [{ name: 'one', lines: [{ step: 1, metrics: { loss: 1 } }] }]);
  await bench.write([1], null);
  const before = fs.readFileSync(bench.file);
  await assert.rejects(bench.write([1, 7], null), { message: `There is no run ${id(7)}.` });
  assert.deepEqual(fs.readFileSync(bench.file), before);
});
