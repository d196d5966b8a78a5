import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ControlClient, connectControl } from '../../../src/control/client/controlClient.ts';
import { newRunId } from '../../../src/core/newRunId.ts';
import type { NodeConfig, RunSummary } from '../../../src/protocol/controlApi.ts';
import { makePrivateHome, type PrivateHome, removePrivateHome } from '../../support/privateHome.ts';
import { sshdPath } from '../../support/sshd.ts';
import { type SshNode, startSshNode } from '../../support/sshNode.ts';

const skip = sshdPath() && process.platform === 'linux' ? false : 'needs sshd on Linux';
let person: PrivateHome;
let node: SshNode;
let client: ControlClient;
/** Where a shell that reads a field as text would leave a file of its name. */
let canaries: string;

before(async () => {
  if (skip) return;
  person = makePrivateHome();
  canaries = path.join(person.folder, 'canaries');
  fs.mkdirSync(canaries);
  node = await startSshNode(person);
  client = await connectControl({
    stateFolder: path.join(person.folder, 's'),
    controlFile: path.resolve(import.meta.dirname, '../../../dist/control.mjs'),
    execPath: process.execPath,
    client: 'window',
    trusted: () => true,
    version: '0.1.0',
    environment: { ...person.environment, CANARIES: `${canaries}/` },
  });
});

after(async () => {
  client?.dispose();
  await node?.sshd.stop();
  if (person) await removePrivateHome(person);
});

/** Text that would leave a canary in whatever quotes a shell might read it; `join` where a line break is no part of it. */
function hostile(field: string, join = '\n'): string {
  const touch = `touch ${canaries}/${field}`;
  return [
    `$(${touch})`,
    `\`${touch}\``,
    `';${touch};'`,
    `";${touch};"`,
    `&& ${touch} #`,
    '-rf * ~ ünï→ \\',
  ].join(join);
}

/** The same as one name of a folder, which has no slash: the place of the canary comes from a variable. */
function hostileName(field: string): string {
  const touch = `touch $CANARIES${field}`;
  return `it's "$(${touch})\`${touch}\`;${touch}& *~ ünï→`;
}

function nothingSang(): void {
  assert.deepEqual(fs.readdirSync(canaries), []);
}

async function untilState(run: string, ...states: RunSummary['state'][]): Promise<RunSummary> {
  const late = AbortSignal.timeout(90_000);
  for (;;) {
    const { runs } = await client.call('runs', {});
    const found = runs.find((each) => each.run === run);
    if (found && states.includes(found.state)) return found;
    if (late.aborted) throw new Error(`${run} is ${found?.state}: ${found?.reason}`);
    await sleep(50);
  }
}

test('hostile texts in every field of a node and a run reach no shell', { skip }, async () => {
  const folder = path.join(person.folder, hostileName('folder'));
  fs.mkdirSync(folder);
  const nodeLink = path.join(folder, hostileName('node'));
  fs.symlinkSync(process.execPath, nodeLink);
  const text = path.join(folder, `${hostileName('text')}.txt`);
  fs.writeFileSync(text, 'The quick brown fox jumps over the lazy dog.\n'.repeat(4000));
  const key = path.join(folder, hostileName('key'));
  fs.copyFileSync(path.join(person.home, '.ssh', `key-${node.host}`), key);
  fs.chmodSync(key, 0o600);
  const config: NodeConfig = {
    name: hostile('name', ' ').replace(/[/\\]/g, '').slice(0, 100),
    kind: 'ssh',
    host: node.host,
    identityFile: key,
    root: path.join(folder, hostileName('root')),
    nodePath: nodeLink,
    setup: ['test "$HOSTILE" != ""'],
    environment: { HOSTILE: hostile('environment'), CANARIES: `${canaries}/` },
    slots: 1,
  };
  await client.call('addNode', { config });
  const tested = await client.call('testNode', { name: config.name });
  assert.ok(tested.ok, tested.findings.join('\n'));
  const file = {
    name: hostile('run', ' ').slice(0, 190),
    model: { hiddenSize: 16, layers: 1, heads: 2, intermediateSize: 32 },
    data: {
      source: text,
      packing: { length: 32 },
      tokenizer: { train: { vocabSize: 300 } },
      validation: { tokens: 1000 },
    },
    batch: { samples: 4 },
    phases: [{ objective: 'clm', until: 5 }],
    engine: { name: 'wasm', threads: 1 },
  };
  const run = newRunId();
  await client.call('checkLaunch', { file, node: config.name });
  await client.call('launch', { file, node: config.name, run });
  const finished = await untilState(run, 'finished', 'failed');
  assert.equal(finished.state, 'finished', finished.reason);
  assert.ok(fs.existsSync(path.join(config.root!, 'runs', run, 'exit.json')));
  nothingSang();
});

test('what cannot be a name is refused before anything is started', { skip }, async () => {
  const good: NodeConfig = { name: 'good', kind: 'ssh', host: node.host };
  await client.call('addNode', { config: good });
  for (const [field, bad] of [
    ['host', hostile('host')],
    ['host', `-oProxyCommand=touch ${canaries}/option`],
    ['user', hostile('user')],
    ['user', `-l${canaries}`],
    ['name', hostile('line')],
    ['root', hostile('root')],
  ] as const)
    await assert.rejects(client.call('addNode', { config: { ...good, [field]: bad } }), `${field}: ${bad}`);
  for (const run of ['../../etc', hostile('id'), `20260101-a;touch ${canaries}/id`])
    await assert.rejects(client.call('launch', { file: {}, node: 'good', run }));
  // As a shell would have to see it: no quotes and no blanks.
  const config = { ...good, name: 'odd', host: `$(touch\${IFS}${canaries}/hostname)` };
  await client.call('addNode', { config }).catch(() => undefined);
  const { ok } = await client.call('testNode', { name: 'odd' }).catch(() => ({ ok: false }));
  assert.equal(ok, false);
  nothingSang();
});
