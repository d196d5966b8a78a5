import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  groupings,
  groupRuns,
  progressText,
  type RunList,
  runOrder,
  seedsText,
  sortings,
} from '../../../../src/core/runList/runGroups.ts';
import type { RunSummary } from '../../../../src/protocol/controlApi.ts';
import { fakeRun } from '../../../browser/pages/fakeRuns.ts';

const runs = [
  fakeRun(1, 'a', { createdAt: 10, setup: 'x', seed: 0, node: 'n10', tags: ['p', 'q'], loss: 2.5 }),
  fakeRun(2, 'b', {
    createdAt: 30,
    setup: 'x',
    seed: 1,
    node: 'n9',
    tags: ['q'],
    loss: 'NaN',
    state: 'failed',
  }),
  fakeRun(3, 'c', { createdAt: 20, setup: 'y', node: 'n9', group: 'g', loss: 1.5, state: 'finished' }),
  fakeRun(4, 'a10', { createdAt: 40, setup: null, node: 'n10', loss: null, state: 'queued' }),
  fakeRun(5, 'a9', { createdAt: 50, setup: 'x', seed: 1, node: 'n10', loss: 2.5, state: 'finished' }),
];
const numberOf = (run: RunSummary): number => Number(run.run.slice(-1));
const sorted = (sorting: (typeof sortings)[number]): number[] =>
  [...runs].sort(runOrder(sorting)).map(numberOf);
const shape = ({ groups, single }: RunList<RunSummary>): unknown => [
  groups.map(({ name, runs }) => [name, runs.map(numberOf)]),
  single.map(numberOf),
];
const grouped = (grouping: (typeof groupings)[number], of = runs): unknown =>
  shape(groupRuns([...of].sort(runOrder('newest')), grouping));

test('runs are sorted as one asks: a loss that is no number is no winner', () => {
  assert.deepEqual(sorted('newest'), [5, 4, 2, 3, 1]);
  assert.deepEqual(sorted('oldest'), [1, 3, 2, 4, 5]);
  assert.deepEqual(sorted('name'), [1, 5, 4, 2, 3]);
  assert.deepEqual(sorted('loss'), [3, 5, 1, 4, 2]);
  assert.deepEqual(sorted('state'), [1, 4, 2, 5, 3]);
});

test('runs of one setup with other seeds are one group, with n; a run alone needs none', () => {
  assert.deepEqual(grouped('setup'), [[['a', [5, 2, 1]]], [4, 3]]);
  const group = groupRuns(runs, 'setup').groups[0]!;
  assert.equal(seedsText(group.runs), '3 runs, n = 2 seeds');
  assert.equal(seedsText(group.runs.slice(0, 2)), 'n = 2 seeds');
  assert.equal(progressText(group.runs), '1 of 3 active · 1 of 3 finished · 1 failed');
});

test('nodes, tags and groups are in the order of their names; what has none is last', () => {
  assert.deepEqual(grouped('node'), [
    [
      ['n9', [2, 3]],
      ['n10', [5, 4, 1]],
    ],
    [],
  ]);
  assert.deepEqual(grouped('tag'), [
    [
      ['p', [1]],
      ['q', [2, 1]],
      [null, [5, 4, 3]],
    ],
    [],
  ]);
  assert.deepEqual(grouped('group'), [
    [
      ['g', [3]],
      [null, [5, 4, 2, 1]],
    ],
    [],
  ]);
  assert.deepEqual(grouped('none'), [[], [5, 4, 2, 3, 1]]);
});

test('a lineage is a run and all that began from it, named by its root', () => {
  const id = (n: number): string => runs[n - 1]!.run;
  const family = [
    runs[0]!,
    { ...runs[1]!, parent: `${id(1)}@10` },
    { ...runs[2]!, parent: `${id(2)}@5` },
    { ...runs[3]!, parent: '20200101-elsewher@5' },
    runs[4]!,
  ];
  assert.deepEqual(grouped('lineage', family), [[['a', [2, 3, 1]]], [5, 4]]);
  const circle = [
    { ...runs[0]!, parent: `${id(2)}@1` },
    { ...runs[1]!, parent: `${id(1)}@1` },
  ];
  assert.equal(
    groupRuns(circle, 'lineage').groups.flatMap((group) => group.runs).length +
      groupRuns(circle, 'lineage').single.length,
    2,
  );
});

test('no run is lost in groups, and only tags show one twice', () => {
  const some = fc.array(
    fc.record({
      tags: fc.uniqueArray(fc.constantFrom('', '=', '__proto__', 'constructor', 'x')),
      group: fc.option(fc.constantFrom('', 'toString', 'x'), { nil: null }),
      setup: fc.option(fc.constantFrom('s', 't'), { nil: null }),
      parent: fc.option(
        fc.nat(12).map((n) => `${fakeRun(n, '').run}@1`),
        { nil: null },
      ),
      createdAt: fc.nat(5),
    }),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(some, fc.constantFrom(...groupings), (changes, grouping) => {
      const all = changes.map((change, index) => fakeRun(index, `run ${index}`, change));
      const { groups, single } = groupRuns(all, grouping);
      const shown = [...groups.flatMap((group) => group.runs), ...single].map(({ run }) => run);
      assert.deepEqual(new Set(shown), new Set(all.map(({ run }) => run)));
      const expected =
        grouping === 'tag' ? all.reduce((sum, { tags }) => sum + Math.max(1, tags.length), 0) : all.length;
      assert.equal(shown.length, expected);
      assert.equal(new Set(groups.map(({ key }) => key)).size, groups.length);
    }),
  );
});

test('each order is one: the same whatever the runs were in before', () => {
  for (const sorting of sortings)
    fc.assert(
      fc.property(fc.shuffledSubarray(runs, { minLength: runs.length }), (mixed) => {
        assert.deepEqual(mixed.sort(runOrder(sorting)).map(numberOf), sorted(sorting));
      }),
      { numRuns: 30 },
    );
});
