import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  SeriesSubscriptions,
  type SubscribedSeries,
} from '../../../src/extension/panels/seriesSubscriptions.ts';

test('control is asked for what any panel wants, each series once, also after a panel has gone', async () => {
  const asked: SubscribedSeries[][] = [];
  const subscriptions = new SeriesSubscriptions(async (series) => void asked.push(series));
  const [left, right] = [{}, {}];
  const loss = { run: '20260101-00000001', metric: 'loss' };
  const norm = { run: '20260101-00000001', metric: 'gradNorm' };
  await subscriptions.set(left, [loss, norm]);
  await subscriptions.set(right, [loss]);
  await subscriptions.set(left, []);
  await subscriptions.set(right, []);
  assert.deepEqual(asked, [[loss, norm], [loss, norm], [loss], []]);
});
