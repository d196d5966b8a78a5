import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Turns } from '../../../src/core/turns.ts';

/** Holds the thread for longer than a turn may last. */
function work(result = 0): number {
  const end = performance.now() + 10;
  while (performance.now() < end);
  return result;
}

test('work is done in the order of asking, and the event loop goes on between long pieces', async () => {
  const turns = new Turns();
  const done: string[] = [];
  const pieces = [1, 2, 3].map((i) =>
    turns.do(() => {
      work();
      done.push(`piece ${i}`);
      if (i === 1) setImmediate(() => done.push('loop'));
      return i;
    }),
  );
  assert.equal(done.length, 0, 'not within the call');
  assert.deepEqual(await Promise.all(pieces), [1, 2, 3]);
  assert.deepEqual(
    done.filter((what) => what !== 'loop'),
    ['piece 1', 'piece 2', 'piece 3'],
  );
  assert.ok(done.indexOf('loop') < done.indexOf('piece 3'), done.join());
});

test('a piece that fails fails alone', async () => {
  const turns = new Turns();
  const failed = turns.do(() => {
    throw new Error('no');
  });
  const other = turns.do(() => 1);
  await assert.rejects(failed, /no/);
  assert.equal(await other, 1);
});

test('long lists and long work are cut into turns and done whole', async () => {
  const turns = new Turns();
  let loops = 0;
  const count = (): void => {
    loops++;
    timer = setImmediate(count);
  };
  let timer = setImmediate(count);
  assert.deepEqual(await turns.map([1, 2, 3, 4], (i) => work(i * i)), [1, 4, 9, 16]);
  const after = loops;
  assert.ok(after >= 3, `${after}`);
  let pieces = 0;
  await turns.all(
    (function* () {
      for (; pieces < 4; pieces++) yield work();
    })(),
  );
  clearImmediate(timer);
  assert.equal(pieces, 4);
  assert.ok(loops - after >= 3, `${loops - after}`);
  assert.deepEqual(await turns.map([], () => 1), []);
});
