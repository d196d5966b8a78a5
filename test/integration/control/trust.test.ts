import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type ControlClient, connectControl } from '../../../src/control/client/controlClient.ts';
import type { Prompt } from '../../../src/protocol/controlApi.ts';
import { makePrivateHome, type PrivateHome, removePrivateHome } from '../../support/privateHome.ts';
import { sshdPath } from '../../support/sshd.ts';
import { type SshNode, startSshNode } from '../../support/sshNode.ts';

const skip = sshdPath() && process.platform === 'linux' ? false : 'needs sshd on Linux';

let person: PrivateHome;
let node: SshNode;
let canary: string;
const open: ControlClient[] = [];

before(async () => {
  if (skip) return;
  person = makePrivateHome();
  node = await startSshNode(person);
  canary = path.join(person.folder, 'canary');
  const config = path.join(person.home, '.ssh/config');
  const command = `Match host ${node.host} exec "touch ${canary}"\n  ServerAliveInterval 7\n`;
  fs.writeFileSync(config, command + fs.readFileSync(config, 'utf8'));
});

after(async () => {
  for (const client of open) client.dispose();
  await node?.sshd.stop();
  if (person) await removePrivateHome(person);
});

/** A window that keeps the questions it is asked. */
async function join(
  trusted: boolean,
): Promise<{ client: ControlClient; asked: Prompt[]; next: () => Promise<Prompt> }> {
  const client = await connectControl({
    stateFolder: path.join(person.folder, 's'),
    controlFile: path.resolve(import.meta.dirname, '../../../dist/control.mjs'),
    execPath: process.execPath,
    client: 'window',
    trusted: () => trusted,
    version: '0.1.0',
    environment: person.environment,
  });
  open.push(client);
  const asked: Prompt[] = [];
  let came = (_prompt: Prompt): void => undefined;
  client.on('prompt', (prompt) => {
    asked.push(prompt);
    came(prompt);
  });
  const next = (): Promise<Prompt> =>
    new Promise((resolve) => {
      came = resolve;
    });
  return { client, asked, next };
}

test('a window that is not trusted sees and answers no question; one that is trusted does', {
  skip,
}, async () => {
  const stranger = await join(false);
  const { client } = stranger;
  await client.call('focus', {});
  await client.call('addNode', { config: { name: 'atlas', kind: 'ssh', host: node.host } });
  const alone = await client.call('testNode', { name: 'atlas' });
  assert.equal(alone.ok, false);
  assert.match(alone.findings[0]!, /Nobody is there to answer/);
  const { nodes } = await client.call('nodes', {});
  assert.equal(nodes.find(({ config }) => config.name === 'atlas')?.connection, 'needs-you');

  const trusted = await join(true);
  const question = trusted.next();
  const wanted = client.call('testNode', { name: 'atlas' });
  const prompt = await question;
  assert.ok(prompt.kind === 'confirm');
  assert.match(prompt.detail, new RegExp(`^Match exec in line 1 of .*/.ssh/config\ntouch ${canary}$`));
  await assert.rejects(client.call('answerPrompt', { id: prompt.id, answer: 'yes' }), { kind: 'refused' });
  assert.ok(!fs.existsSync(canary));
  await trusted.client.call('answerPrompt', { id: prompt.id, answer: null });
  assert.match((await wanted).findings[0]!, /may not run/);
  assert.ok(!fs.existsSync(canary));

  const again = trusted.next();
  const connected = client.call('reconnectNode', { name: 'atlas' });
  await trusted.client.call('answerPrompt', { id: (await again).id, answer: 'yes' });
  await connected;
  assert.ok(fs.existsSync(canary));
  assert.deepEqual(stranger.asked, []);

  // What was agreed to is not asked again, but does not run while only a stranger is there.
  await client.call('reconnectNode', { name: 'atlas' });
  assert.equal(trusted.asked.length, 2);
  trusted.client.dispose();
  // Control hears of it a moment later.
  const refusal = async (): Promise<unknown> => {
    fs.rmSync(canary, { force: true });
    return client.call('reconnectNode', { name: 'atlas' }).then(
      () => undefined,
      (error: unknown) => error,
    );
  };
  let refused: unknown;
  for (let attempt = 0; attempt < 50 && refused === undefined; attempt++) refused = await refusal();
  assert.equal((refused as { kind?: string } | undefined)?.kind, 'needs-person');
  assert.ok(!fs.existsSync(canary));

  // Trust that is given later counts from then on.
  await client.call('trust', {});
  await client.call('reconnectNode', { name: 'atlas' });
  assert.ok(fs.existsSync(canary));
});
