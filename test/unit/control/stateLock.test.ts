import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { listenPrivately } from '../../../src/control/server/controlSocket.ts';
import { StateLock } from '../../../src/control/server/stateLock.ts';

const skip = process.platform === 'win32';

function temporaryFolder(context: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-lock-'));
  context.after(() => fs.rmSync(folder, { recursive: true }));
  return folder;
}

test('one holds the lock at a time', (context) => {
  const folder = temporaryFolder(context);
  const lock = StateLock.take(folder);
  assert.ok(lock);
  assert.equal(StateLock.take(folder), undefined);
  lock.release();
  const next = StateLock.take(folder);
  assert.ok(next);
  next.release();
});

test('where there can be no lock, the file and what to do are told', { skip }, (context) => {
  const folder = temporaryFolder(context);
  fs.mkdirSync(path.join(folder, 'control.lock'));
  assert.throws(() => StateLock.take(folder), {
    kind: 'refused',
    message: new RegExp(`^${folder}/control\\.lock cannot be locked: `),
    next: /BIPHASE_STATE/,
  });
});

test('a folder in the place of the socket is told, not removed', { skip }, async (context) => {
  const address = path.join(temporaryFolder(context), 'control.sock');
  fs.mkdirSync(address);
  await assert.rejects(listenPrivately(net.createServer(), address), { kind: 'refused', next: /Remove it/ });
});
