import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { ControlConnection } from '../../../src/control/client/controlConnection.ts';
import type { RunSummary } from '../../../src/protocol/controlApi.ts';
import { type CodeServer, startCodeServer } from '../../support/codeServer.ts';
import { controlOptions } from '../../support/controlWindow.ts';
import { holdersOf } from '../../support/holdersOf.ts';
import {
  makePrivateHome,
  type PrivateHome,
  processesOf,
  removePrivateHome,
} from '../../support/privateHome.ts';
import { makeKey, type Sshd, sshdPath, startSshd } from '../../support/sshd.ts';
import { until } from '../../support/until.ts';

const passphrase = 'canary-1c3e-passphrase';
const code = '736251';
const skip = sshdPath() && process.platform === 'linux' ? false : 'needs sshd on Linux';

const fields = ['node', 'root', 'environment', 'run', 'host', 'user', 'identityFile', 'nodePath'] as const;

let person: PrivateHome;
let nodePerson: PrivateHome;
let gate: Sshd;
let cluster: CodeServer;
let window: ControlConnection;
let canaries: string;
/** Purposes of the secrets that were asked of the person, in order. */
const asked: string[] = [];
let codes: string[] = [];

before(async () => {
  if (skip) return;
  canaries = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-canaries-'));
  // By variables, because the name of a node holds no slash.
  const nests = Object.fromEntries(fields.map((field) => [`NEST_${field}`, path.join(canaries, field)]));
  person = makePrivateHome(nests);
  nodePerson = makePrivateHome(nests);
  const ssh = path.join(person.home, '.ssh');
  fs.mkdirSync(ssh, { mode: 0o700 });
  const key = makeKey(path.join(ssh, 'gate_key'), { passphrase });
  gate = await startSshd({
    folder: path.join(nodePerson.folder, 'gate'),
    authorized: [`${key}.pub`],
    environment: { HOME: nodePerson.home },
  });
  cluster = await startCodeServer({
    folder: path.join(nodePerson.folder, 'cluster'),
    code,
    environment: nodePerson.environment,
  });
  fs.writeFileSync(
    path.join(ssh, 'config'),
    `Host gate
  HostName 127.0.0.1
  Port ${gate.port}
  IdentityFile ~/.ssh/gate_key
Host cluster
  HostName 127.0.0.1
  Port ${cluster.port}
  User researcher
  ProxyJump gate
  ForwardAgent yes
  StrictHostKeyChecking no
`,
  );
  writeKnownHosts();
  window = new ControlConnection(controlOptions(person));
  window.on('prompt', (prompt) => {
    let answer: string | null = null;
    if (prompt.kind === 'secret' && !prompt.quiet) {
      asked.push(prompt.purpose);
      answer = prompt.purpose === 'passphrase' ? passphrase : (codes.shift() ?? null);
    }
    void window.call('answerPrompt', { id: prompt.id, answer }).catch(() => undefined);
  });
  await window.connect();
  await window.call('focus', {});
});

after(async () => {
  window?.dispose();
  await cluster?.close();
  await gate?.stop();
  if (person) await removePrivateHome(person);
  if (nodePerson) await removePrivateHome(nodePerson);
  if (canaries) fs.rmSync(canaries, { recursive: true });
});

/** Both hosts by their own keys, or one of them by a key that it does not have. */
function writeKnownHosts(changed?: 'gate' | 'cluster'): void {
  const other = `${makeKey(path.join(nodePerson.folder, 'other_host'))}.pub`;
  const line = (host: 'gate' | 'cluster', port: number, file: string): string => {
    const [type, key] = fs.readFileSync(changed === host ? other : file, 'utf8').split(' ');
    return `[127.0.0.1]:${port} ${type} ${key}\n`;
  };
  fs.writeFileSync(
    path.join(person.home, '.ssh/known_hosts'),
    line('gate', gate.port, gate.hostKeys[0]!) + line('cluster', cluster.port, cluster.hostKey),
  );
}

/** Login attempts that reached the gate's user authentication. */
function gateAuthentications(): number {
  return [...gate.log().matchAll(/^(Accepted|Failed|Postponed|Connection closed by authenticating user) /gm)]
    .length;
}

/** Text that a shell would turn into a file named after the field. */
function hostile(field: (typeof fields)[number]): string {
  const touch = `touch $NEST_${field}`;
  const text = `ü "$(${touch})" \`${touch}\` ';${touch};'`;
  // These are one word.
  return field === 'host' || field === 'user' ? text.replaceAll(' ', '${IFS}') : text;
}

const node = hostile('node');
const run = '20260102-twohops1';
const root = (): string => path.join(nodePerson.folder, hostile('root'));

async function testNode(config: object = {}): Promise<{ ok: boolean; findings: string[] }> {
  await window.call('addNode', {
    config: {
      name: node,
      kind: 'ssh',
      host: 'cluster',
      root: root(),
      nodePath: process.execPath,
      environment: { NESTED: `${hostile('environment')}\n$(touch $NEST_environment)` },
      ...config,
    },
  });
  return window.call('testNode', { name: node });
}

for (const hop of ['gate', 'cluster'] as const)
  test(`a changed host key of ${hop} is refused before that host is told anything about the person`, {
    skip,
  }, async () => {
    writeKnownHosts(hop);
    const told = gateAuthentications();
    const { ok, findings } = await testNode();
    assert.equal(ok, false);
    assert.match(findings[0]!, /another host key .* than the one on file .*; no credential was sent/);
    assert.equal(gateAuthentications() > told, hop === 'cluster');
    assert.deepEqual(cluster.authentications, []);
  });

test('a run starts through a gate with a locked key and a host that asks for a one-time code', {
  skip,
}, async () => {
  writeKnownHosts();
  codes = ['000000', code];
  const { ok, findings } = await testNode();
  assert.ok(ok, findings.join('\n'));
  assert.match(findings.join('\n'), /StrictHostKeyChecking no is not honoured for cluster/);
  assert.deepEqual(asked, ['passphrase', 'code', 'code']);
  const file = {
    name: hostile('run'),
    model: 'micro',
    data: { source: 'world', tokenizer: { train: { vocabSize: 512 } }, packing: { length: 64 } },
    batch: { samples: 2 },
    phases: [{ objective: 'clm', until: 1_000_000 }],
    checkpoints: { every: 1_000_000 },
    validate: { every: 1_000_000 },
    engine: { threads: 1 },
  };
  await window.call('launch', { file, node: node, run });
  const summary = async (): Promise<RunSummary | undefined> =>
    (await window.call('runs', {})).runs.find((each) => each.run === run);
  await until('step 5', async () => ((await summary())?.step ?? 0) >= 5 || undefined);
  await window.call('stop', { run });
  const ended = await until('the end', async () => {
    const now = await summary();
    return now?.state === 'stopped' ? now : undefined;
  });
  assert.equal(ended.name, file.name);
  assert.ok(fs.existsSync(path.join(root(), 'runs', run, 'metrics.jsonl')));
  assert.deepEqual(asked, ['passphrase', 'code', 'code'], 'one login serves everything');
  assert.equal(cluster.agentRequests, 0);
  codes = [code];
  const other = await testNode({
    user: hostile('user'),
    identityFile: hostile('identityFile'),
    nodePath: hostile('nodePath'),
  });
  assert.match(other.findings[0]!, /is not a Node that can be started/);
  assert.match((await testNode({ host: hostile('host') })).findings[0]!, /is no host name/);
  assert.deepEqual(fs.readdirSync(canaries), []);
  for (const field of fields)
    execFileSync('/bin/sh', ['-c', `: ${hostile(field)}`], { env: nodePerson.environment });
  assert.equal(fs.readdirSync(canaries).length, fields.length, 'each of them would have reached a shell');
  for (const secret of [passphrase, code])
    assert.deepEqual(holdersOf(secret, [person.folder, nodePerson.folder]), []);
});

test('a control that starts again leaves a node without live runs alone, and shows their curves', {
  skip,
}, async () => {
  const logins = [cluster.authentications.length, gateAuthentications()];
  const [control] = processesOf(person).filter(({ command }) => command.includes('dist/control.mjs'));
  process.kill(control!.pid, 'SIGKILL');
  const connection = async (): Promise<string | undefined> =>
    (await window.call('nodes', {})).nodes.find(({ config }) => config.name === node)?.connection;
  await until('a new control', async () => ((await connection()) === 'idle' ? true : undefined));
  assert.deepEqual([cluster.authentications.length, gateAuthentications()], logins);
  assert.equal(asked.length, 4);
  const { value } = await window.callWithBytes('series', {
    ...{ run, metric: 'loss', x: 'step', from: null, to: null, pixels: 800, smoothing: null },
  });
  const lines = fs.readFileSync(path.join(root(), 'runs', run, 'metrics.jsonl'), 'utf8').split('\n');
  assert.equal(value.total, lines.filter((line) => line.includes('"loss"')).length);
  assert.equal(await connection(), 'idle');
});
