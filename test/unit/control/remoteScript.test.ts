import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { runScript } from '../../../src/control/nodes/bootstrap/remoteScript.ts';
import { LocalTransport } from '../../../src/control/nodes/localTransport.ts';

const skip = process.platform === 'win32' ? 'runs sh' : false;
const { signal } = new AbortController();
/** Goes on until the file is gone, whatever it is told. */
const stubborn = `trap '' TERM; while [ -e "$1" ]; do sleep 0.05; done`;

test('a script answers with its code and what it printed', { skip }, async () => {
  const outcome = await runScript(new LocalTransport(), 'echo "$1"; echo no >&2; exit 3', ["a 'b'"], signal);
  assert.deepEqual(outcome, { code: 3, stdout: "a 'b'\n", stderr: 'no\n' });
});

test('a script that something else ends has judged nothing: it is tried again', { skip }, async () => {
  for (const script of ['echo half; kill -KILL $$', 'echo half; exit 137'])
    await assert.rejects(runScript(new LocalTransport(), script, [], signal), {
      kind: 'unreachable',
      message: /was ended by (SIGKILL|code 137)/,
    });
});

test('a node that prints without end is let go, and not kept in memory', {
  skip,
  timeout: 30_000,
}, async () => {
  for (const script of ['exec yes', 'exec yes >&2'])
    await assert.rejects(runScript(new LocalTransport(), script, [], signal), {
      kind: 'refused',
      message: 'this computer prints without end.',
    });
});

test('a command that does not end is not waited for', { skip, timeout: 30_000 }, async (context) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-script-'));
  context.after(() => fs.rmSync(folder, { recursive: true }));
  const { BIPHASE_CLOCK } = process.env;
  const cancel = new AbortController();
  const cancelled = runScript(new LocalTransport(), stubborn, [folder], cancel.signal);
  cancel.abort();
  await assert.rejects(cancelled, { kind: 'cancelled' });
  process.env.BIPHASE_CLOCK = '0.001';
  context.after(() => {
    if (BIPHASE_CLOCK === undefined) delete process.env.BIPHASE_CLOCK;
    else process.env.BIPHASE_CLOCK = BIPHASE_CLOCK;
  });
  await assert.rejects(runScript(new LocalTransport(), stubborn, [folder], signal), { kind: 'unreachable' });
});
