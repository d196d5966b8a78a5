import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { ControlConnection } from '../../../src/control/client/controlConnection.ts';
import type { BiphaseError } from '../../../src/core/errors.ts';
import type { SpaceItem } from '../../../src/protocol/diskSpace.ts';
import { controlOptions } from '../../support/controlWindow.ts';
import { makePrivateHome, type PrivateHome, removePrivateHome } from '../../support/privateHome.ts';
import { writeRunFolder } from '../../support/runFolder.ts';
import { sshdPath } from '../../support/sshd.ts';
import { type SshNode, startSshNode } from '../../support/sshNode.ts';

const skip = sshdPath() && process.platform === 'linux' ? false : 'needs sshd on Linux';
const run = '20250101-aaaaaaaa';

let person: PrivateHome;
let node: SshNode;
let window: ControlConnection;

before(async () => {
  if (skip) return;
  person = makePrivateHome();
  node = await startSshNode(person);
  writeRunFolder(node.root, run, { name: 'red\u001b[31m', state: 'stopped', steps: [10, 20] });
  window = new ControlConnection(controlOptions(person));
  await window.connect();
  for (const name of ['atlas', 'twin'])
    await window.call('addNode', { config: { name, kind: 'ssh', host: node.host } });
});
after(async () => {
  window?.dispose();
  await node?.sshd.stop();
  if (person) await removePrivateHome(person);
});

const refused = (why: RegExp) => (error: BiphaseError) => error.kind === 'refused' && why.test(error.message);
const names = async (): Promise<string[]> =>
  (await window.call('nodes', {})).nodes.map(({ config }) => config.name);
const shown = async () => (await window.call('runs', {})).runs.find((each) => each.run === run);

test('space on a node is measured and freed through control, and the run goes on being known', {
  skip,
}, async () => {
  const use = await window.call('diskUse', { name: 'atlas', ask: 'a' });
  assert.equal(use.root, node.root);
  const [measured] = use.runs;
  assert.doesNotMatch(measured?.name ?? '\u001b', /\p{Cc}/u);
  assert.equal((await shown())?.disk?.bytes, measured?.bytes);
  assert.deepEqual(
    use.runs.map(({ checkpoints }) => checkpoints.map(({ step, kept }) => [step, kept])),
    [
      [
        [10, null],
        [20, 'last'],
      ],
    ],
  );
  const item: SpaceItem = { kind: 'checkpoints', run, steps: [10], kept: false };
  const { results } = await window.call('freeSpace', { name: 'atlas', items: [item] });
  assert.equal(results[0]?.problem, null);
  assert.deepEqual(fs.readdirSync(path.join(node.root, 'runs', run, 'checkpoints')), ['step-000020']);
  const after = await shown();
  assert.deepEqual([after?.onNode, after?.disk], [true, undefined]);
});

test('a folder goes with its node only under the path that was shown, and where no other node has it', {
  skip,
}, async () => {
  const remove = (name: string, deleteRoot: string) => window.call('removeNode', { name, deleteRoot });
  await assert.rejects(remove('atlas', '/etc'), refused(/The folder of atlas is .*, not \/etc/));
  await window.call('testNode', { name: 'twin' });
  await assert.rejects(remove('atlas', node.root), refused(/is also the folder of twin/));
  await assert.rejects(remove('this computer', node.root), /cannot be removed/);
  assert.deepEqual(await names(), ['this computer', 'atlas', 'twin']);
  assert.deepEqual(await window.call('removeNode', { name: 'twin' }), { left: [] });
  assert.ok(fs.existsSync(path.join(node.root, 'runs', run)));
  const logins = node.sshd.logins();
  assert.deepEqual(await remove('atlas', node.root), { left: [] });
  assert.deepEqual(await names(), ['this computer']);
  assert.equal(fs.existsSync(node.root), false);
  assert.equal((await shown())?.onNode, false);
  assert.equal(node.sshd.logins(), logins);
});
