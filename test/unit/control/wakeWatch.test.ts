import assert from 'node:assert/strict';
import { test } from 'node:test';
import { watchForWake } from '../../../src/control/nodes/wakeWatch.ts';

test('a gap in the wall clock is a sleep; a busy second is none', (context) => {
  context.mock.timers.enable({ apis: ['setInterval', 'Date'] });
  let woke = 0;
  const { timers } = context.mock;
  const awake = (seconds: number): void => {
    for (let second = 0; second < seconds; second++) timers.tick(1000);
  };
  const end = watchForWake(() => woke++);
  awake(60);
  assert.equal(woke, 0);
  timers.setTime(Date.now() + 3000);
  awake(1);
  assert.equal(woke, 0);
  timers.setTime(Date.now() + 300_000);
  awake(1);
  assert.equal(woke, 1);
  awake(60);
  assert.equal(woke, 1);
  end();
  timers.setTime(Date.now() + 300_000);
  awake(1);
  assert.equal(woke, 1);
});
