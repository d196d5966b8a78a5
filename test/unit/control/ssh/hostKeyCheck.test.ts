import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Deadline } from '../../../../src/control/nodes/ssh/deadline.ts';
import { HostKeyCheck } from '../../../../src/control/nodes/ssh/hostKeyCheck.ts';
import { resolveSshTarget } from '../../../../src/control/nodes/ssh/sshConfig.ts';
import { testPrompter } from '../../../support/testPrompter.ts';

test('the first key is decided on in time, later ones at once: the same is good, another is refused', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-check-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const target = resolveSshTarget(
    { host: 'atlas' },
    {
      home: folder,
      userFile: path.join(folder, 'config'),
      systemFile: path.join(folder, 'none'),
      localUser: 'me',
      environment: {},
    },
  );
  const prompts = testPrompter({ hostKey: true });
  const check = new HostKeyCheck(target, 'atlas', prompts);
  const deadline = new Deadline(60_000, () => assert.fail('too late'));
  t.after(() => deadline.stop());
  const verify = check.verifier(deadline);
  const key = Buffer.from('\0\0\0\u0003one\0\0\0\u0001a');
  const first = await new Promise<boolean>((resolve) => assert.equal(verify(key, resolve), undefined));
  assert.equal(first, true);
  assert.equal(prompts.hostKeys.length, 1);
  const never = (): void => assert.fail('answered twice');
  assert.equal(verify(Buffer.from(key), never), true);
  assert.equal(verify(Buffer.from('another'), never), false);
  assert.equal(check.refusal?.kind, 'refused');
  assert.match(check.refusal?.message ?? '', /another host key in the middle of the connection/);
});
