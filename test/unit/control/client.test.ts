import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { compareVersions } from '../../../src/control/client/compareVersions.ts';
import { connectControl } from '../../../src/control/client/controlClient.ts';
import { controlSocket, stateFolder } from '../../../src/control/client/stateFolder.ts';

test('versions are compared part by part', () => {
  assert.ok(compareVersions('0.9.0', '0.10.0') < 0);
  assert.ok(compareVersions('1.0.0', '0.9.9') > 0);
  assert.equal(compareVersions('0.1', '0.1.0'), 0);
});

test('a long state folder has a short socket of its own', { skip: process.platform === 'win32' }, () => {
  assert.equal(controlSocket('/home/me/state'), '/home/me/state/control.sock');
  const long = controlSocket(`/home/${'x'.repeat(120)}`, '/tmp');
  assert.match(long, /^\/tmp\/biphase-[0-9a-f]{16}\/control\.sock$/);
  assert.notEqual(long, controlSocket(`/home/${'y'.repeat(120)}`, '/tmp'));
  assert.throws(() => controlSocket('/x'.repeat(80), '/t'.repeat(60)), { kind: 'usage' });
});

test('the state folder can be chosen', () => {
  assert.equal(stateFolder({ BIPHASE_STATE: '/somewhere' }), '/somewhere');
});

test('a state folder that cannot be one is refused, without waiting', {
  skip: process.platform !== 'linux',
}, async (context) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-state-'));
  context.after(() => fs.rmSync(folder, { recursive: true }));
  execFileSync('mkfifo', [path.join(folder, 'control.log')]);
  for (const state of ['/proc/biphase/state', '/dev/null/state', folder])
    await assert.rejects(
      connectControl({
        stateFolder: state,
        controlFile: '/nowhere/control.mjs',
        execPath: process.execPath,
        client: 'cli',
        trusted: () => true,
        version: '0.1.0',
      }),
      {
        kind: 'usage',
        message: new RegExp(`^The state folder ${state} cannot be used`),
        next: /BIPHASE_STATE/,
      },
    );
});
