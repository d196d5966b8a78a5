import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CompareRun } from '../../../../src/protocol/comparePage.ts';
import type { Column } from '../../../../webview/compare/columns.ts';
import { lineageRows } from '../../../../webview/compare/lineageRows.ts';
import { fakeColumn } from './fakeColumns.ts';

const told = (columns: readonly Column[]) =>
  lineageRows(columns).map((row) => [row.label, ...columns.map((_, i) => row.cell(i).text)]);
const parent = (step: number, name: string | null): CompareRun['parent'] => ({
  checkpoint: `20260101-0000000p@${step}`,
  name,
});
const child = (index: number, step: number | null): CompareRun['children'][number] => ({
  ...{ run: `20260101-0000000${index}`, name: `branch-${index}`, step },
});

test('a run says from which step of which run it started, by name where that is known', () => {
  assert.deepEqual(
    told([
      fakeColumn('a', { change: { parent: parent(2500, 'clm-base') } }),
      fakeColumn('b', { change: { parent: parent(500, null) } }),
      fakeColumn('c', {}),
    ]),
    [['started from', 'clm-base at step 2,500 (20260101-0000000p@2500)', '20260101-0000000p@500', '–']],
  );
});

test('a run names the runs that started from its checkpoints, with their steps', () => {
  assert.deepEqual(
    told([fakeColumn('a', { change: { children: [child(1, 1000), child(2, null)] } }), fakeColumn('b', {})]),
    [
      [
        'runs from its checkpoints',
        'branch-1 from step 1,000 (20260101-00000001); branch-2 (20260101-00000002)',
        '–',
      ],
    ],
  );
});

test('seeds of one column that share a parent say it once, others each their own', () => {
  const shared = { change: { parent: parent(500, 'base') } };
  const other = { change: { parent: parent(1000, 'base') } };
  const [row] = lineageRows([fakeColumn('a', shared, shared, other), fakeColumn('b', shared)]);
  assert.equal(
    row!.cell(0).text,
    'base at step 500 (20260101-0000000p@500); base at step 1,000 (20260101-0000000p@1000)',
  );
  assert.equal(row!.cell(1).text, 'base at step 500 (20260101-0000000p@500)');
  assert.equal(row!.differs, true);
  const alike = lineageRows([fakeColumn('a', shared), fakeColumn('b', shared)]);
  assert.equal(alike[0]!.differs, false);
});

test('runs without parents and children have no lineage rows', () => {
  assert.deepEqual(told([fakeColumn('a', {}), fakeColumn('b', {}, {})]), []);
});
