import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { findGpus, parseNvidiaSmi } from '../../../src/agent/probe/gpus.ts';
import { killsAtLogout, logoutWarning } from '../../../src/agent/probe/logoutRule.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-probe-'));
after(() => fs.rmSync(folder, { recursive: true }));

function program(name: string, script: string): string {
  const file = path.join(folder, name);
  fs.writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o700 });
  return file;
}

test('values that are not known are null, and a name may hold commas', () => {
  const text = [
    '0, GPU-aa, NVIDIA H200, 143771, 12, 0',
    '1, GPU-bb, Odd, Name, [N/A], [Not Supported], [Unknown Error]',
    'Unable to determine the device handle',
    ', , , , , ',
    '',
  ].join('\n');
  assert.deepEqual(parseNvidiaSmi(text), [
    {
      index: 0,
      uuid: 'GPU-aa',
      name: 'NVIDIA H200',
      memoryTotalMiB: 143771,
      memoryUsedMiB: 12,
      utilization: 0,
    },
    {
      index: 1,
      uuid: 'GPU-bb',
      name: 'Odd, Name',
      memoryTotalMiB: null,
      memoryUsedMiB: null,
      utilization: null,
    },
  ]);
});

test('no text breaks the reader', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const gpu of parseNvidiaSmi(text)) assert.ok(Number.isInteger(gpu.index));
    }),
  );
});

test('no tool and no device mean no GPU, without a word', async () => {
  assert.deepEqual(await findGpus(path.join(folder, 'none')), { gpus: [] });
  assert.deepEqual(await findGpus(program('six', 'exit 6')), { gpus: [], warning: undefined });
});

test('a driver in trouble is told in one sentence', async () => {
  assert.match((await findGpus(program('nine', 'exit 9'))).warning ?? '', /no NVIDIA driver/);
  assert.match((await findGpus(program('eighteen', 'exit 18'))).warning ?? '', /restarted/);
  const partly = await findGpus(program('partly', 'echo "0, GPU-a, A, 1, 1, 1"; exit 255'));
  assert.equal(partly.gpus.length, 1);
  assert.match(partly.warning ?? '', /255/);
});

test('a tool that hangs is not waited for', async () => {
  const before = process.env.BIPHASE_CLOCK;
  process.env.BIPHASE_CLOCK = '0.02';
  try {
    assert.match((await findGpus(program('hangs', 'exec sleep 1000'))).warning ?? '', /did not answer/);
  } finally {
    if (before === undefined) delete process.env.BIPHASE_CLOCK;
    else process.env.BIPHASE_CLOCK = before;
  }
});

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
