import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CompareFacts } from '../../../src/extension/panels/compareFacts.ts';
import type { ComparedRun } from '../../../src/protocol/comparison.ts';

const fact = (run: string): ComparedRun => ({
  ...{ run, spec: null, problem: null, metrics: [], elapsed: null, tokensPerSecond: null, threads: null },
});
const turn = (): Promise<void> => new Promise((done) => setImmediate(done));

test('any number of runs is asked for in portions, one after the other, and each answer told at once', async () => {
  const asked: number[] = [];
  const told: number[] = [];
  let atOnce = 0;
  const facts = new CompareFacts({
    ask: async (runs) => {
      asked.push(runs.length);
      assert.equal(++atOnce, 1);
      await turn();
      atOnce--;
      return runs.map(fact);
    },
    tell: (answers) => told.push(answers.length),
    failed: () => assert.fail(),
  });
  facts.want(Array.from({ length: 1000 }, (_, i) => `run ${i}`));
  while (told.reduce((a, b) => a + b, 0) < 1000) await turn();
  assert.equal(Math.max(...asked), 20);
  assert.deepEqual(asked, told);
});

test('runs that control does not know, and calls that fail, are told as such', async () => {
  const failed: string[][] = [];
  const facts = new CompareFacts({
    ask: async (runs) => {
      if (runs.includes('bad')) throw new Error('gone');
      return runs.filter((run) => run !== 'unknown').map(fact);
    },
    tell: () => {},
    failed: (runs) => failed.push(runs),
  });
  facts.want(['known', 'unknown']);
  await turn();
  facts.want(['bad']);
  await turn();
  assert.deepEqual(failed, [['unknown'], ['bad']]);
});

test('an answer that comes after the page went away is not told', async () => {
  let answer: (facts: ComparedRun[]) => void = () => {};
  const facts = new CompareFacts({
    ask: () => new Promise((resolve) => (answer = resolve)),
    tell: () => assert.fail(),
    failed: () => assert.fail(),
  });
  facts.want(['a']);
  facts.clear();
  answer([fact('a')]);
  await turn();
});
