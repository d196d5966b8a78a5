import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Column } from '../../../../webview/compare/columns.ts';
import { costRows } from '../../../../webview/compare/costRows.ts';
import type { Cell, Row } from '../../../../webview/compare/row.ts';
import { fakeColumn } from './fakeColumns.ts';

const rowOf = (label: string, columns: readonly Column[], baseline: number | null = null): Row | undefined =>
  costRows(columns, baseline).find((row) => row.label === label);
const cellsOf = (label: string, columns: readonly Column[], baseline: number | null = null): Cell[] => {
  const row = rowOf(label, columns, baseline);
  return row ? columns.map((_, i) => row.cell(i)) : [];
};
const texts = (cells: readonly Cell[]) => cells.map(({ text, more }) => [text, more ?? '']);

test('GPU-hours are time of training × GPUs held, CPU-hours × threads of the run file, else × cores', () => {
  const columns = [
    // 90 minutes on 2 GPUs and 4 of 8 cores: 3 GPU-hours, 6 CPU-hours.
    fakeColumn('two', { change: { gpus: 2 }, fact: { elapsed: 5400, threads: 4 } }),
    // Two hours on one GPU and all 8 cores: 2 and 16.
    fakeColumn('one', { change: { gpus: 1 } }),
    // No GPU held: that is none, not unknown.
    fakeColumn('none', {}),
  ];
  assert.deepEqual(
    cellsOf('GPU-hours', columns).map(({ value, text }) => [value, text]),
    [
      [3, '3'],
      [2, '2'],
      [0, '0'],
    ],
  );
  assert.deepEqual(
    cellsOf('CPU-hours', columns).map(({ value }) => value),
    [6, 16, 16],
  );
});

test('tokens, FLOPs, speed and time of one run are its own; state too', () => {
  const columns = [
    fakeColumn('a', { change: { tokens: 3.5e6, flopsPerToken: 2e6 } }),
    fakeColumn('b', { change: { state: 'failed', step: 400 } }),
  ];
  assert.deepEqual(texts(cellsOf('steps', columns)), [
    ['1,000', ''],
    ['400', ''],
  ]);
  assert.deepEqual(texts(cellsOf('tokens', columns)), [
    ['3.5M', ''],
    ['4M', ''],
  ]);
  assert.equal(cellsOf('FLOPs of training', columns)[0]!.text, '7.00e12');
  assert.equal(cellsOf('tokens/s', columns)[0]!.text, '500');
  assert.equal(cellsOf('time of training', columns)[0]!.text, '2 h');
  const states = cellsOf('state', columns);
  assert.deepEqual(
    states.map(({ text, tone }) => [text, tone]),
    [
      ['finished', undefined],
      ['failed', 'bad'],
    ],
  );
});

test('of several seeds the mean of a run stands with the sum, but speeds are not added', () => {
  // 1, 2 and 3 hours on one GPU each: 2 a run, 6 together.
  const seeds = fakeColumn(
    'seeds',
    ...[3600, 7200, 10_800].map((elapsed) => ({ change: { gpus: 1 }, fact: { elapsed } })),
  );
  const [gpu] = cellsOf('GPU-hours', [seeds]);
  assert.deepEqual([gpu!.text, gpu!.more, gpu!.value], ['2 a run', '6 together', 2]);
  assert.equal(gpu!.interval?.n, 3);
  assert.deepEqual(texts(cellsOf('tokens', [seeds])), [['4M a run', '12M together']]);
  assert.deepEqual(texts(cellsOf('time of training', [seeds])), [['2 h a run', '6 h together']]);
  assert.deepEqual(texts(cellsOf('tokens/s', [seeds])), [['500 a run', '']]);
  const mixed = fakeColumn('mixed', {}, { change: { state: 'lost' } }, {});
  assert.equal(cellsOf('state', [mixed])[0]!.text, '2 finished, 1 lost');
});

test('what is not known is left out of mean and sum, and it is said of how many', () => {
  const part = fakeColumn(
    'part',
    { change: { gpus: 1 } },
    { change: { gpus: 1 }, fact: null },
    { change: { gpus: 1 }, fact: { elapsed: 14_400 } },
  );
  const alone = fakeColumn('alone', { change: { gpus: 4 } }, { change: { gpus: null } });
  const unknown = fakeColumn('unknown', { change: { gpus: null } });
  const cells = cellsOf('GPU-hours', [part, alone, unknown]);
  assert.deepEqual(texts(cells), [
    ['3 a run', '6 together · 1 of 3 not known'],
    ['8 a run', '1 of 2 not known'],
    ['–', ''],
  ]);
  assert.equal(cells[2]!.value, null);
  assert.equal(cells[2]!.full?.(), 'not known');
});

test('a row that no run fills is left out: no clock, no tokens counted, no node', () => {
  const imported = fakeColumn('imported', {
    change: { tokens: 0, flopsPerToken: null, cores: null, gpus: null },
    fact: { elapsed: 0, tokensPerSecond: null },
  });
  assert.deepEqual(
    costRows([imported], null).map(({ label }) => label),
    ['state', 'steps'],
  );
  const clocked = fakeColumn('clocked', { change: { cores: null, gpus: null } });
  for (const label of ['CPU-hours', 'GPU-hours']) assert.equal(rowOf(label, [clocked]), undefined, label);
});

test('with a baseline the change to it stands in percent, and alike rows are no difference', () => {
  const columns = [
    fakeColumn('base', { change: { gpus: 1 } }),
    fakeColumn('more', { change: { gpus: 1 }, fact: { elapsed: 9000 } }),
    fakeColumn('less', { change: { gpus: 1 }, fact: { elapsed: 3600 } }),
  ];
  assert.deepEqual(texts(cellsOf('GPU-hours', columns, 0)), [
    ['2', ''],
    ['2.5', '+25 %'],
    ['1', '−50 %'],
  ]);
  assert.equal(rowOf('GPU-hours', columns, 0)!.differs, true);
  assert.equal(rowOf('steps', columns, 0)!.differs, false);
});
