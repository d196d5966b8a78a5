import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CompareRun } from '../../../../src/protocol/comparePage.ts';
import { columnDetail, columnsOf } from '../../../../webview/compare/columns.ts';

function run(index: number, seed: number | null, setup: string | null): CompareRun {
  return {
    ...{ run: `20260101-0000000${index}`, name: `run ${index}`, node: 'atlas', state: 'finished' },
    ...{ createdAt: 0, step: 1, totalSteps: 1, tokens: 1, flopsPerToken: null, seed, setup, phases: [] },
    ...{ cores: null, gpus: null, parent: null, children: [] },
  };
}
const ids = (
  runs: readonly CompareRun[],
  state: { groupSeeds: boolean; baseline: string | null },
): string[] =>
  columnsOf(runs, new Map(), state).map((column) => column.runs.map((r) => r.run.at(-1)).join(''));

test('other seeds of one setup are one column; a repeat of a seed, and what is not known, is one of its own', () => {
  const runs = [
    run(1, 0, 'a'),
    run(2, 0, 'b'),
    run(3, 2, 'a'),
    run(4, 1, 'a'),
    run(5, 0, 'a'),
    run(6, null, 'a'),
    run(7, 0, null),
    run(8, 1, null),
  ];
  assert.deepEqual(ids(runs, { groupSeeds: true, baseline: null }), ['143', '2', '5', '6', '7', '8']);
  assert.deepEqual(ids(runs, { groupSeeds: false, baseline: null }), [
    '1',
    '2',
    '3',
    '4',
    '5',
    '6',
    '7',
    '8',
  ]);
});

test("the baseline's column is first, whichever of its seeds was pinned", () => {
  const runs = [run(1, 0, 'a'), run(2, 0, 'b'), run(3, 1, 'b')];
  assert.deepEqual(ids(runs, { groupSeeds: true, baseline: runs[2]!.run }), ['23', '1']);
});

test('columns say their seeds, or seed and node', () => {
  const [group, single] = columnsOf([run(1, 0, 'a'), run(3, 1, 'a'), run(2, 4, 'b')], new Map(), {
    groupSeeds: true,
    baseline: null,
  });
  assert.equal(columnDetail(group!), '2 seeds: 0, 1');
  assert.equal(columnDetail(single!), 'seed 4 · atlas');
});
