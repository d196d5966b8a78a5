import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { test } from 'node:test';
import { piecesOf, readAhead } from '../../../src/control/nodes/readAhead.ts';
import { sendBytes } from '../../../src/control/nodes/sendBytes.ts';
import { joinWrites } from '../../../src/control/nodes/ssh/joinWrites.ts';
import type { ExecChannel, ExecExit } from '../../../src/control/nodes/transport.ts';

/** A command that takes each piece a turn of the event loop after it was written. */
function command(): { channel: ExecChannel; taken: () => Buffer; end: () => void } {
  const { promise: exit, resolve } = Promise.withResolvers<ExecExit>();
  const taken: Buffer[] = [];
  const stdin = new Writable({
    highWaterMark: 1,
    write: (piece: Buffer, _encoding, done) => {
      setImmediate(() => {
        taken.push(Buffer.from(piece));
        done();
      });
    },
  });
  return {
    channel: { stdin, stdout: new PassThrough(), stderr: Readable.from([]), exit, close: () => {} },
    taken: () => Buffer.concat(taken),
    end: () => resolve({ known: true, code: 1, signal: null }),
  };
}

test('what is read ahead arrives as it is, from any offset, though its memory is used again', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-bytes-'));
  const content = randomBytes(3_000_001);
  fs.writeFileSync(path.join(folder, 'file'), content);
  const handle = await fs.promises.open(path.join(folder, 'file'));
  try {
    const size = content.length;
    for (const [from, to] of [
      [0, size],
      [1, Number.POSITIVE_INFINITY],
      [524_288, 1_048_577],
      [size, size],
      [5, 5],
    ] as const) {
      const { channel, taken } = command();
      const told: number[] = [];
      await sendBytes(channel, readAhead(handle, from, to), (bytes) => told.push(bytes));
      assert.ok(taken().equals(content.subarray(from, to)), `${from} to ${to}`);
      assert.equal(told.at(-1) ?? 0, Math.min(to, size) - from);
      assert.ok(Buffer.concat([...piecesOf(content, from)]).equals(content.subarray(from)));
    }
  } finally {
    await handle.close();
    fs.rmSync(folder, { recursive: true });
  }
});

test('sending ends with the command, though the source hangs or the command takes nothing', async () => {
  const hanging = command();
  async function* stuck(): AsyncGenerator<Buffer> {
    yield Buffer.from('some');
    await new Promise(() => {});
  }
  const sent = sendBytes(hanging.channel, stuck(), () => hanging.end());
  await sent;
  assert.equal(hanging.taken().toString(), 'some');
  const deaf = command();
  deaf.channel.stdin._write = () => deaf.end();
  await sendBytes(deaf.channel, [Buffer.from('a'), Buffer.from('b')], () => assert.fail('nothing was taken'));
});

test('a source that fails is told', async () => {
  async function* broken(): AsyncGenerator<Buffer> {
    yield Buffer.from('some');
    throw new Error('the disk is gone');
  }
  await assert.rejects(
    sendBytes(command().channel, broken(), () => {}),
    /the disk is gone/,
  );
});

test('what is written in one turn leaves in one piece, in order, and before an end', async () => {
  const pieces: string[][] = [];
  const socket = joinWrites(
    new Writable({
      writev: (chunks, done) => {
        pieces.push(chunks.map(({ chunk }) => String(chunk)));
        done();
      },
    }) as PassThrough,
  );
  for (const word of ['length', 'content', 'tag']) socket.write(word);
  await new Promise(setImmediate);
  socket.write('next');
  socket.write('last');
  socket.end();
  await new Promise((resolve) => socket.once('finish', resolve));
  assert.deepEqual(pieces, [
    ['length', 'content', 'tag'],
    ['next', 'last'],
  ]);
});
