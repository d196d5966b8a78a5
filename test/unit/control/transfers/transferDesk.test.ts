import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TransferDesk } from '../../../../src/control/transfers/transferDesk.ts';
import type { TransferProgress } from '../../../../src/protocol/controlApi.ts';

test('the same copy asked for twice is made once, and both are told', async () => {
  const desk = new TransferDesk();
  const told: string[] = [];
  let finish = (): void => {};
  const work = async ({
    tell,
  }: {
    tell: (p: Omit<TransferProgress, 'transfer'>) => void;
  }): Promise<number> => {
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    tell({ doing: 'copying', done: 1, total: 2 });
    return 7;
  };
  const first = desk.run('a', ({ done }) => void told.push(`first ${done}`), work);
  const second = desk.run('a', ({ done }) => void told.push(`second ${done}`), work);
  assert.ok(desk.busy);
  finish();
  assert.deepEqual(await Promise.all([first, second]), [7, 7]);
  assert.deepEqual(told, ['first 1', 'second 1']);
  assert.ok(!desk.busy);
});

test('a cancelled copy says so whatever its work says, and others go on', async () => {
  const desk = new TransferDesk();
  const untilAborted = ({ signal }: { signal: AbortSignal }): Promise<never> =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('broken pipe'))));
  const copy = desk.run('a', () => {}, untilAborted);
  const other = desk.run('b', () => {}, untilAborted);
  assert.equal(desk.cancel('none'), false);
  assert.equal(desk.cancel('a'), true);
  await assert.rejects(copy, { kind: 'cancelled' });
  assert.ok(desk.busy);
  desk.close();
  await assert.rejects(other, { kind: 'cancelled' });
});

test('a cancel is answered at once, and the place is free when what was cancelled has ended', async () => {
  const desk = new TransferDesk();
  let end = (): void => {};
  const deaf = desk.run(
    'a',
    () => {},
    ({ signal }) =>
      desk.alone(
        'place',
        signal,
        () =>
          new Promise<void>((resolve) => {
            end = resolve;
          }),
      ),
  );
  await new Promise(setImmediate);
  desk.cancel('a');
  await assert.rejects(deaf, { kind: 'cancelled' });
  let began = false;
  const next = desk.run(
    'b',
    () => {},
    ({ signal }) =>
      desk.alone('place', signal, async () => {
        began = true;
      }),
  );
  await new Promise(setImmediate);
  assert.ok(!began);
  end();
  await next;
  assert.ok(began);
});

test('one at a time writes to a place, whether or not the one before came through', async () => {
  const desk = new TransferDesk();
  const { signal } = new AbortController();
  const order: string[] = [];
  const work = (name: string, fails: boolean) => async (): Promise<void> => {
    order.push(`${name} begins`);
    await new Promise(setImmediate);
    order.push(`${name} ends`);
    if (fails) throw new Error(name);
  };
  const first = desk.alone('place', signal, work('first', true));
  const second = desk.alone('place', signal, work('second', false));
  const stopped = new AbortController();
  const third = desk.alone('place', stopped.signal, work('third', false));
  stopped.abort();
  await assert.rejects(first, { message: 'first' });
  await second;
  await assert.rejects(third);
  assert.deepEqual(order, ['first begins', 'first ends', 'second begins', 'second ends']);
});
