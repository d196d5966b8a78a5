import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { BiphaseError } from '../../../src/core/errors.ts';
import { type AgentProcess, builtMain, TestRoot } from '../../support/agentProcess.ts';

let root: TestRoot;
let agent: AgentProcess;
let run: string;
before(async () => {
  root = new TestRoot();
  agent = root.agent();
  await agent.watch();
  const spec = root.spec(3);
  run = spec.id;
  await agent.peer.call('launch', { spec, environment: {}, setup: [] });
  await agent.untilState(run, 'finished');
});
after(() => root.dispose());

function refuses(kind: BiphaseError['kind']): (error: BiphaseError) => boolean {
  return (error) => error.kind === kind;
}

test('hello names the root for good, whoever asks', async () => {
  const first = await agent.peer.call('hello', { protocol: 1 });
  const second = await root.agent().peer.call('hello', { protocol: 1 });
  assert.equal(first.root, root.path);
  assert.equal(first.rootId, second.rootId);
  assert.match(first.rootId, /^[0-9a-f-]{36}$/);
});

test('an agent that begins to watch clears old bundles that no run needs', async () => {
  const bundles = path.join(root.path, 'bundles');
  const old = Date.now() / 1000 - 30 * 24 * 3600;
  for (const name of ['forgotten', 'kept']) {
    fs.mkdirSync(path.join(bundles, name));
    fs.utimesSync(path.join(bundles, name), old, name === 'kept' ? Date.now() / 1000 : old);
  }
  const cleared = new Promise<void>((resolve) => {
    const watcher = fs.watch(bundles, () => {
      if (fs.readdirSync(bundles).some((name) => name.includes('forgotten'))) return;
      watcher.close();
      resolve();
    });
  });
  await root.agent().watch();
  await cleared;
  assert.ok(fs.readdirSync(bundles).includes('kept'));
});

test('a file of the run is read in slices', async () => {
  const spec = root.file(run, 'spec.json');
  const { value, binary } = await agent.peer.callWithBytes('read', {
    run,
    file: 'spec.json',
    offset: 2,
    length: 10,
  });
  assert.equal(value.size, spec.length);
  assert.deepEqual(Buffer.from(binary!), spec.subarray(2, 12));
  const beyond = await agent.peer.callWithBytes('read', {
    run,
    file: 'spec.json',
    offset: 1 << 20,
    length: 10,
  });
  assert.equal(beyond.binary, undefined);
});

test('nothing outside the run is read', async () => {
  const directory = root.directory(run);
  fs.symlinkSync('/etc/passwd', path.join(directory, 'link'));
  fs.symlinkSync('/etc', path.join(directory, 'folder'));
  fs.symlinkSync('loop', path.join(directory, 'loop'));
  for (const file of [
    '../../id',
    '/etc/passwd',
    'link',
    'folder/passwd',
    'a/../../x',
    'loop',
    '',
    '.',
    'locks',
    'a\0b',
  ])
    await assert.rejects(
      agent.peer.call('read', { run, file, offset: 0, length: 10 }),
      refuses('refused'),
      file,
    );
  await assert.rejects(
    agent.peer.call('read', { run, file: 'none', offset: 0, length: 10 }),
    refuses('missing'),
  );
});

test('what is no run id is refused at the border', async () => {
  for (const bad of ['../../etc', '', '20250101-ABCDEFGH', '20250101-aaaaaaaa/..', '20250101-aaaaaaaa\n']) {
    await assert.rejects(agent.peer.call('stop', { run: bad }), /contract/);
    await assert.rejects(agent.peer.call('delete', { run: bad }), /contract/);
    await assert.rejects(
      agent.peer.call('follow', { run: bad, file: 'metrics.jsonl', offset: 0, identity: null }),
    );
  }
  await assert.rejects(agent.peer.call('stop', { run: '20250101-aaaaaaaa' }), refuses('missing'));
});

test('a link in the place of a run leads nowhere', async () => {
  const id = '20250101-linklink';
  const outside = path.join(root.path, 'outside');
  fs.mkdirSync(outside);
  fs.symlinkSync(outside, root.directory(id));
  const spec = { ...root.spec(3), id };
  await assert.rejects(agent.peer.call('launch', { spec, environment: {}, setup: [] }), refuses('refused'));
  await assert.rejects(agent.peer.call('stop', { run: id }), refuses('missing'));
  await assert.rejects(agent.peer.call('delete', { run: id }), refuses('missing'));
  assert.deepEqual(fs.readdirSync(outside), []);
});

test('folders and corpora are listed, folders first', async () => {
  const { path: listed, entries } = await agent.peer.call('list', { path: root.directory(run) });
  assert.equal(listed, root.directory(run));
  assert.ok(entries.some((e) => e.name === 'metrics.jsonl' && !e.folder && e.bytes > 0));
  assert.equal(entries[0]!.folder, true);
  await assert.rejects(agent.peer.call('list', { path: '/no/such/folder' }), refuses('missing'));
});

test('probe answers with this machine', async () => {
  const probe = await agent.peer.call('probe', {});
  assert.ok(probe.cores >= 1 && probe.memoryFreeBytes > 0 && probe.diskFreeBytes > 0);
});

test('bytes that are no frames end the agent with one sentence, and stdout stays clean', async () => {
  const child = spawn(process.execPath, [builtMain, 'agent', '--root', root.path], { stdio: 'pipe' });
  let stderr = '';
  let stdout = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stdin.on('error', () => {});
  child.stdin.write(Buffer.alloc(64, 0xff));
  const [code] = (await once(child, 'exit')) as [number];
  assert.equal(code, 1);
  assert.match(stderr, /no frames/);
  assert.equal(stdout, '');
});

test('a root that cannot be is said at hello', async () => {
  const file = path.join(root.path, 'a-file');
  fs.writeFileSync(file, '');
  const child = spawn(process.execPath, [builtMain, 'agent', '--root', file], { stdio: 'ignore' });
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});
