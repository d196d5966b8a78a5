import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LiveNews } from '../../../webview/curves/liveNews.ts';

test('news of points are told once in ten seconds, of all runs that had any, and wait for what else is said', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const told: string[][] = [];
  const news = new LiveNews((runs) => told.push([...runs]));
  for (let i = 0; i < 9; i++) {
    news.arrived('a');
    context.mock.timers.tick(1000);
  }
  news.arrived('b');
  assert.deepEqual(told, []);
  context.mock.timers.tick(1000);
  assert.deepEqual(told, [['a', 'b']]);
  context.mock.timers.tick(60_000);
  assert.equal(told.length, 1, 'without new points nothing is told');
  news.arrived('b');
  context.mock.timers.tick(9000);
  news.said();
  context.mock.timers.tick(9000);
  assert.equal(told.length, 1);
  context.mock.timers.tick(1000);
  assert.deepEqual(told[1], ['b']);
});
