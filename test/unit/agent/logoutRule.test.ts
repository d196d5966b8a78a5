import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { detachment } from '../../../src/agent/detachment.ts';
import { killsAtLogout, logoutWarning } from '../../../src/agent/probe/logoutRule.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-logout-'));
after(() => fs.rmSync(folder, { recursive: true }));

test('the last word on KillUserProcesses decides', () => {
  assert.equal(killsAtLogout([]), false);
  assert.equal(killsAtLogout(['[Login]\n#KillUserProcesses=yes\n']), false);
  assert.equal(killsAtLogout(['[Login]\n KillUserProcesses = yes\n']), true);
  assert.equal(killsAtLogout(['KillUserProcesses=yes', 'KillUserProcesses=no']), false);
});

function system(name: string): { prefix: string; put: (file: string, text: string) => void } {
  const prefix = path.join(folder, name);
  const put = (file: string, text: string): void => {
    fs.mkdirSync(path.dirname(path.join(prefix, file)), { recursive: true });
    fs.writeFileSync(path.join(prefix, file), text);
  };
  put('etc/systemd/logind.conf.d/site.conf', '[Login]\nKillUserProcesses=yes\n');
  return { prefix, put };
}

test('the warning is for users that do not linger, and for nodes where a scope cannot be had', () => {
  const { prefix, put } = system('warned');
  assert.equal(logoutWarning(false, prefix), undefined, 'systemd does not run');
  fs.mkdirSync(path.join(prefix, 'run/systemd/system'), { recursive: true });
  assert.match(logoutWarning(true, prefix) ?? '', /enable-linger/);
  put(`var/lib/systemd/linger/${os.userInfo().username}`, '');
  assert.equal(logoutWarning(true, prefix), undefined);
  assert.match(logoutWarning(false, prefix) ?? '', /systemd-run/, 'lingering alone does not keep a session');
});

test('where a logout would end it a run starts in a scope of its own, if that works, and keeps its number', () => {
  const { prefix } = system('detached');
  const programs = path.join(folder, 'programs');
  fs.mkdirSync(programs);
  const shim = path.join(programs, 'systemd-run');
  // As the real one with --scope: it becomes the command.
  fs.writeFileSync(shim, '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done; shift; exec "$@"\n', {
    mode: 0o700,
  });
  const environment = { PATH: `${programs}:/usr/bin:/bin` };
  assert.deepEqual(detachment(prefix, environment), [], 'no systemd: nothing ends it');
  fs.mkdirSync(path.join(prefix, 'run/systemd/system'), { recursive: true });
  const [command, ...words] = detachment(prefix, environment);
  assert.deepEqual([command, ...words], ['systemd-run', '--user', '--scope', '--quiet', '--collect', '--']);
  const child = spawnSync(command!, [...words, 'sh', '-c', 'echo $$'], {
    env: environment,
    encoding: 'utf8',
  });
  assert.equal(child.stdout.trim(), String(child.pid));
  fs.writeFileSync(shim, '#!/bin/sh\nexit 1\n', { mode: 0o700 });
  assert.deepEqual(detachment(prefix, environment), []);
});
