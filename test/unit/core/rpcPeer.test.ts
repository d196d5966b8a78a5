import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as z from 'zod';
import { BiphaseError } from '../../../src/core/errors.ts';
import { type Handlers, RpcPeer } from '../../../src/core/rpcPeer.ts';
import { method } from '../../../src/protocol/contract.ts';
import { encodeFrame } from '../../../src/protocol/frames.ts';

type None = Record<never, never>;
const methods = {
  double: method(z.object({ value: z.number() }), z.object({ value: z.number() })),
  bytes: method(z.object({}), z.object({ length: z.number() })),
  fail: method(z.object({}), z.object({})),
  wrongAnswer: method(z.object({}), z.object({ value: z.number() })),
};
const events = { tick: z.object({ count: z.number() }) };
const handlers: Handlers<typeof methods> = {
  double: async ({ value }) => ({ value: value * 2 }),
  bytes: async (_, binary) => ({
    withBytes: { value: { length: binary?.length ?? 0 }, binary: binary?.map((b) => b + 1) },
  }),
  fail: async () => {
    throw new BiphaseError('full', 'The disk is full.', { next: 'Free space.' });
  },
  wrongAnswer: async () => ({ value: 'text' }) as unknown as { value: number },
};

function pair() {
  const server: RpcPeer<typeof methods, None, typeof events, None> = new RpcPeer(
    { served: methods, called: {}, sent: events, received: {} },
    handlers,
    (bytes) => queueMicrotask(() => client.receive(bytes)),
  );
  const client: RpcPeer<None, typeof methods, None, typeof events> = new RpcPeer(
    { served: {}, called: methods, sent: {}, received: events },
    {},
    (bytes) => queueMicrotask(() => server.receive(bytes)),
  );
  return { server, client };
}

test('a call is answered, with bytes both ways', async () => {
  const { client } = pair();
  assert.deepEqual(await client.call('double', { value: 21 }), { value: 42 });
  const { value, binary } = await client.callWithBytes('bytes', {}, new Uint8Array([1, 2]));
  assert.deepEqual(value, { length: 2 });
  assert.deepEqual([...binary!], [2, 3]);
});

test('an error keeps its kind, its sentence and what to do next', async () => {
  const { client } = pair();
  await assert.rejects(client.call('fail', {}), (e: BiphaseError) => {
    assert.deepEqual([e.kind, e.message, e.next], ['full', 'The disk is full.', 'Free space.']);
    return e instanceof BiphaseError;
  });
});

test('a call or an answer that breaks the contract fails that call alone', async () => {
  const { client } = pair();
  await assert.rejects(client.call('double', { value: 'x' as unknown as number }), {
    message: /^A call of double broke the contract: value: [^\n{]*number[^\n{]*\.$/,
  });
  await assert.rejects(client.call('wrongAnswer', {}), /broke the contract/);
  assert.deepEqual(await client.call('double', { value: 1 }), { value: 2 });
});

test('unknown methods, __proto__ and envelopes of no kind leave the peer alive', async () => {
  const { client, server } = pair();
  server.receive(encodeFrame({ id: 901, method: '__proto__', params: {} }));
  server.receive(encodeFrame({ id: 902, method: 'nothingLikeThis', params: {} }));
  server.receive(encodeFrame([1, 2, 3]));
  server.receive(encodeFrame({ event: 'tick', data: {} }));
  assert.deepEqual(await client.call('double', { value: 2 }), { value: 4 });
});

test('events that fit the schema arrive, others are dropped', async () => {
  const { client, server } = pair();
  const seen: number[] = [];
  client.on('tick', ({ count }) => seen.push(count));
  server.emit('tick', { count: 1 });
  client.receive(encodeFrame({ event: 'tick', data: { count: 'two' } }));
  server.emit('tick', { count: 3 });
  await client.call('double', { value: 0 });
  assert.deepEqual(seen, [1, 3]);
});

test('closing fails what waits and what comes later', async () => {
  const { client } = pair();
  const waiting = client.call('double', { value: 1 });
  client.close();
  await assert.rejects(waiting, /connection was closed/);
  await assert.rejects(client.call('double', { value: 1 }), /connection was closed/);
});
