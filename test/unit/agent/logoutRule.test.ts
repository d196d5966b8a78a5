import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { killsAtLogout, logoutWarning } from '../../../src/agent/probe/logoutRule.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-logout-'));
after(() => fs.rmSync(folder, { recursive: true }));

test('the last word on KillUserProcesses decides', () => {
  assert.equal(killsAtLogout([]), false);
  assert.equal(killsAtLogout(['[Login]\n#KillUserProcesses=yes\n']), false);
  assert.equal(killsAtLogout(['[Login]\n KillUserProcesses = yes\n']), true);
  assert.equal(killsAtLogout(['KillUserProcesses=yes', 'KillUserProcesses=no']), false);
});

test('the warning is for users that do not linger', () => {
  const prefix = path.join(folder, 'system');
  const put = (file: string, text: string): void => {
    fs.mkdirSync(path.dirname(path.join(prefix, file)), { recursive: true });
    fs.writeFileSync(path.join(prefix, file), text);
  };
  put('etc/systemd/logind.conf.d/site.conf', '[Login]\nKillUserProcesses=yes\n');
  assert.equal(logoutWarning(prefix), undefined, 'systemd does not run');
  fs.mkdirSync(path.join(prefix, 'run/systemd/system'), { recursive: true });
  assert.match(logoutWarning(prefix) ?? '', /linger/);
  put(`var/lib/systemd/linger/${os.userInfo().username}`, '');
  assert.equal(logoutWarning(prefix), undefined);
});
