import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runScript } from '../../../src/control/nodes/bootstrap/remoteScript.ts';
import { LocalTransport } from '../../../src/control/nodes/localTransport.ts';

const skip = process.platform === 'win32' ? 'runs sh' : false;
const { signal } = new AbortController();

test('a script answers with its code and what it printed', { skip }, async () => {
  const outcome = await runScript(new LocalTransport(), 'echo "$1"; echo no >&2; exit 3', ["a 'b'"], signal);
  assert.deepEqual(outcome, { code: 3, stdout: "a 'b'\n", stderr: 'no\n' });
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
