import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ComparedRun } from '../../../../src/protocol/comparison.ts';
import { curveMetrics, metricOnShow } from '../../../../webview/compare/curveMetrics.ts';

const column = (key: string, ...metrics: string[][]) => ({
  key,
  name: key,
  runs: [],
  facts: metrics.map(
    (names): ComparedRun => ({
      ...{ run: key, spec: null, problem: null, elapsed: null, tokensPerSecond: null, threads: null },
      metrics: names.map((name) => ({ name, points: 1, nonFinite: 0, last: null, best: null })),
    }),
  ),
});
const names = (...columns: ReturnType<typeof column>[]): string[] =>
  curveMetrics(columns).map(([name]) => name);

test('the training loss comes first, also where few runs have it', () => {
  assert.deepEqual(names(column('a', ['acc', 'loss']), column('b', ['acc'])), ['loss', 'acc']);
  assert.deepEqual(curveMetrics([]), [['loss', 'training loss']], 'while nothing is known yet');
});

test('of outside runs what most of them have comes first, losses before others', () => {
  const columns = [
    column('a', ['accuracy', 'train/loss', 'eval/loss'], ['train/loss']),
    column('b', ['accuracy', 'train/loss', 'lr']),
  ];
  assert.deepEqual(names(...columns), ['train/loss', 'accuracy', 'eval/loss', 'lr']);
});

test('what was chosen stays as long as a run has it', () => {
  const offered = curveMetrics([column('a', ['train/loss', 'lr'])]);
  assert.equal(metricOnShow('lr', offered), 'lr');
  assert.equal(metricOnShow('loss', offered), 'train/loss');
  assert.equal(metricOnShow('loss', []), 'loss');
});

test('5,000 metrics are not all offered, and a hostile name is text that turns nothing around', () => {
  const many = curveMetrics([
    column(
      'a',
      Array.from({ length: 5000 }, (_, i) => `m${i}`),
    ),
  ]);
  assert.equal(many.length, 200);
  assert.doesNotMatch(curveMetrics([column('a', ['x\u202Ey'])])[0]![1], /\u202E/);
});
