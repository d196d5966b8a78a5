import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Prompter } from '../../../src/control/nodes/prompter.ts';
import { connectSsh, type SshConnection } from '../../../src/control/nodes/ssh/connect.ts';
import type { SshHop, SshSources } from '../../../src/control/nodes/ssh/sshConfig.ts';
import { SshTransport } from '../../../src/control/nodes/ssh/sshTransport.ts';
import { PromptDesk } from '../../../src/control/server/promptDesk.ts';
import { BiphaseError } from '../../../src/core/errors.ts';
import { startCodeServer } from '../../support/codeServer.ts';
import { startFaultProxy } from '../../support/faultProxy.ts';
import { holdersOf } from '../../support/holdersOf.ts';
import { freePort, knownHostsLine, makeKey, type Sshd, sshdPath, startSshd } from '../../support/sshd.ts';
import { type TestPrompter, testPrompter } from '../../support/testPrompter.ts';

const canary = 'canary-7d1f-passphrase';
let folder: string;
let home: string;
let sshd: Sshd;
let plain: string;
let locked: string;
let stranger: string;

before(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-ssh-'));
  home = path.join(folder, 'home');
  fs.mkdirSync(path.join(home, '.ssh'), { recursive: true, mode: 0o700 });
  plain = makeKey(path.join(folder, 'plain'));
  locked = makeKey(path.join(folder, 'locked'), { passphrase: canary });
  stranger = makeKey(path.join(folder, 'stranger'), { type: 'ecdsa' });
  sshd = await startSshd({
    folder: path.join(folder, 'sshd'),
    authorized: [`${plain}.pub`, `${locked}.pub`],
    hostKeyTypes: ['ed25519', 'rsa'],
    environment: { HOME: path.join(folder, 'node-home') },
  });
  fs.mkdirSync(path.join(folder, 'node-home'));
});

after(async () => {
  await sshd?.stop();
  fs.rmSync(folder, { recursive: true, force: true });
});

function sources(config = '', environment: NodeJS.ProcessEnv = {}): SshSources {
  fs.writeFileSync(path.join(home, '.ssh', 'config'), config);
  return {
    home,
    userFile: path.join(home, '.ssh', 'config'),
    systemFile: path.join(folder, 'none'),
    localUser: os.userInfo().username,
    environment,
  };
}

const knownHosts = (): string => path.join(home, '.ssh', 'known_hosts');

async function connect(
  hop: Partial<SshHop>,
  prompts: TestPrompter = testPrompter(),
  from: SshSources = sources(),
): Promise<SshConnection> {
  return connectSsh(
    { host: '127.0.0.1', port: sshd.port, ...hop },
    { node: 'atlas', prompts, signal: new AbortController().signal, sources: from },
  );
}

async function failure(attempt: Promise<SshConnection>): Promise<BiphaseError> {
  try {
    (await attempt).close();
  } catch (error) {
    assert.ok(error instanceof BiphaseError, String(error));
    return error;
  }
  assert.fail('the connection should have been refused');
}

async function run(connection: SshConnection, ...argv: string[]): Promise<string> {
  const channel = await new SshTransport(connection).exec(argv);
  channel.stdin.end();
  channel.stderr.resume();
  let text = '';
  for await (const chunk of channel.stdout) text += chunk;
  assert.deepEqual(await channel.exit, { known: true, code: 0, signal: null });
  return text;
}

const skip = sshdPath() ? false : 'no sshd on this machine';

test('an unknown host key is asked about, appended once and known afterwards', { skip }, async () => {
  fs.writeFileSync(knownHosts(), 'other.example ssh-ed25519 AAAA', { mode: 0o600 });
  const prompts = testPrompter({ hostKey: true });
  const first = await connect({ identityFile: plain }, prompts);
  first.close();
  assert.equal(await first.closed, undefined);
  assert.equal(prompts.hostKeys.length, 1);
  const expected = execFileSync('ssh-keygen', ['-lf', sshd.hostKeys[0]!], { encoding: 'utf8' });
  assert.ok(expected.includes(prompts.hostKeys[0]!.fingerprint));
  const lines = fs.readFileSync(knownHosts(), 'utf8').split('\n');
  assert.equal(lines[0], 'other.example ssh-ed25519 AAAA');
  assert.equal(`${lines[1]}\n`, knownHostsLine(sshd));
  const again = testPrompter();
  (await connect({ identityFile: plain }, again)).close();
  assert.equal(again.hostKeys.length, 0);
});

test('HashKnownHosts hides the name, and the hidden name is found again', { skip }, async () => {
  fs.rmSync(knownHosts());
  const from = sources('Host *\n  HashKnownHosts yes\n');
  (await connect({ identityFile: plain }, testPrompter({ hostKey: true }), from)).close();
  assert.match(fs.readFileSync(knownHosts(), 'utf8'), /^\|1\|/);
  assert.equal(fs.statSync(knownHosts()).mode & 0o777, 0o600);
  (await connect({ identityFile: plain })).close();
});

test('an accepted key that cannot be written down serves this connection', { skip }, async () => {
  for (const [file, notes] of [
    ['/dev/null', []],
    [
      `${plain}/known_hosts`,
      [/host key of 127.0.0.1:\d+ will be asked about again: .*known_hosts cannot be written/],
    ],
  ] as const) {
    const prompts = testPrompter({ hostKey: true });
    const from = sources(`UserKnownHostsFile ${file}\n`);
    const connection = await connect({ identityFile: plain }, prompts, from);
    assert.equal(prompts.hostKeys.length, 1);
    assert.equal(connection.notes.length, notes.length);
    for (const [index, note] of notes.entries()) assert.match(connection.notes[index]!, note);
    connection.close();
  }
});

test('a refused prompt sends nothing', { skip }, async () => {
  fs.rmSync(knownHosts());
  const attempts = userauths();
  const error = await failure(connect({ identityFile: plain }));
  assert.equal(error.kind, 'refused');
  assert.equal(userauths(), attempts);
});

test('a host known by its RSA key is asked for that one', { skip }, async () => {
  const rsa = fs.readFileSync(sshd.hostKeys[1]!, 'utf8').split(' ');
  fs.writeFileSync(knownHosts(), `[127.0.0.1]:${sshd.port} ${rsa[0]} ${rsa[1]}\n`);
  (await connect({ identityFile: plain })).close();
});

test('a changed host key is refused before any credential is sent', { skip }, async () => {
  const other = makeKey(path.join(folder, 'other_host'));
  const [type, key] = fs.readFileSync(`${other}.pub`, 'utf8').split(' ');
  fs.writeFileSync(knownHosts(), `[127.0.0.1]:${sshd.port} ${type} ${key}\n`);
  const attempts = userauths();
  const prompts = testPrompter({ hostKey: true });
  const error = await failure(connect({ identityFile: plain }, prompts));
  assert.equal(error.kind, 'refused');
  assert.match(error.message, /another host key .* than the one on file .*line 1/);
  assert.equal(prompts.hostKeys.length, 0);
  assert.equal(userauths(), attempts);
});

test('a revoked host key is refused, also when it is known', { skip }, async () => {
  fs.writeFileSync(knownHosts(), `${knownHostsLine(sshd)}@revoked ${knownHostsLine(sshd, '*')}`);
  const error = await failure(connect({ identityFile: plain }, testPrompter({ hostKey: true })));
  assert.equal(error.kind, 'refused');
  assert.match(error.message, /revoked/);
});

test('RevokedHostKeys refuses a key that known_hosts has, and every key where it cannot be read', {
  skip,
}, async () => {
  fs.writeFileSync(knownHosts(), knownHostsLine(sshd));
  const file = path.join(folder, 'revoked');
  const from = () => sources(`RevokedHostKeys ${file}\n`);
  const attempts = userauths();
  const refusal = async (): Promise<string> => {
    const argv = ['-F', from().userFile, '-o', `UserKnownHostsFile=${knownHosts()}`, '-o', 'BatchMode=yes'];
    const login = ['-i', plain, '-p', String(sshd.port), '127.0.0.1', 'true'];
    assert.equal(spawnSync('ssh', [...argv, ...login]).status, 255, 'as ssh does');
    const error = await failure(connect({ identityFile: plain }, testPrompter({ hostKey: true }), from()));
    assert.equal(error.kind, 'refused');
    return error.message;
  };
  assert.match(await refusal(), /revoked host keys in .* cannot be read/);
  fs.writeFileSync(file, `# old\n${fs.readFileSync(sshd.hostKeys[0]!, 'utf8')}`);
  assert.match(await refusal(), /has a host key that .*revoked revokes; no credential was sent/);
  execFileSync('ssh-keygen', ['-q', '-k', '-f', file, sshd.hostKeys[0]!]);
  assert.match(await refusal(), /binary revocation list/);
  assert.equal(userauths(), attempts);
  fs.writeFileSync(file, `# ${fs.readFileSync(sshd.hostKeys[0]!, 'utf8')}`);
  (await connect({ identityFile: plain }, testPrompter(), from())).close();
});

test('a host known only through an authority is named', { skip }, async () => {
  fs.writeFileSync(knownHosts(), `@cert-authority ${knownHostsLine(sshd, '*')}`);
  const error = await failure(connect({ identityFile: plain }, testPrompter({ hostKey: true })));
  assert.match(error.message, /certificate authority/);
});

test('a key with a passphrase unlocks after one wrong answer', { skip }, async () => {
  fs.writeFileSync(knownHosts(), knownHostsLine(sshd));
  const prompts = testPrompter({ secrets: ['wrong', canary] });
  const connection = await connect({ identityFile: locked }, prompts);
  assert.deepEqual(
    prompts.secrets.map((each) => [each.purpose, each.storageKey, each.retry]),
    [
      ['passphrase', `passphrase:${locked}`, false],
      ['passphrase', `passphrase:${locked}`, true],
    ],
  );
  assert.deepEqual(holdersOf(canary, [folder]), []);
  connection.close();
});

test('a passphrase that stays wrong ends in one sentence', { skip }, async () => {
  const prompts = testPrompter({ secrets: ['a', 'b', 'c', 'd'] });
  const error = await failure(connect({ identityFile: locked }, prompts));
  assert.equal(error.kind, 'needs-person');
  assert.equal(error.message, `The passphrase of ${locked} was wrong 3 times.`);
  assert.equal(prompts.secrets.length, 3);
});

test('a passphrase is asked only after the host key was accepted', { skip }, async () => {
  // An old format hides the public half, so that such a key must be unlocked before it can be offered.
  const hidden = makeKey(path.join(folder, 'hidden'), { type: 'rsa', passphrase: canary, pem: true });
  fs.rmSync(`${hidden}.pub`);
  for (const identityFile of [locked, hidden]) {
    fs.writeFileSync(knownHosts(), '');
    const refusing = testPrompter({ hostKey: false, secrets: [canary] });
    assert.equal((await failure(connect({ identityFile }, refusing))).kind, 'refused');
    assert.equal(refusing.secrets.length, 0, identityFile);
    const accepting = testPrompter({ hostKey: true, secrets: ['wrong', 'wrong', 'wrong'] });
    assert.match((await failure(connect({ identityFile }, accepting))).message, /was wrong 3 times/);
    assert.equal(accepting.hostKeys.length, 1);
  }
});

test('an encrypted key behind another one is unlocked only when the node accepts it', { skip }, async () => {
  const config = `Host *\n  IdentityFile ${stranger}\n  IdentityFile ${locked}\n`;
  const prompts = testPrompter({ secrets: [canary] });
  (await connect({}, prompts, sources(config))).close();
  assert.equal(prompts.secrets.length, 1);
  const refused = await startSshd({ folder: path.join(folder, 'sshd2') });
  try {
    fs.appendFileSync(knownHosts(), knownHostsLine(refused));
    const silent = testPrompter({ secrets: [canary] });
    const error = await failure(connect({ port: refused.port }, silent, sources(config)));
    assert.equal(error.kind, 'needs-person');
    assert.match(error.message, /refused the login of .*: 2 keys were not accepted/);
    assert.equal(silent.secrets.length, 0);
  } finally {
    await refused.stop();
  }
});

test('keys of every usual type and form log in, from files and from an agent', { skip }, async (t) => {
  const keys = ['ed25519', 'ecdsa', 'rsa'].flatMap((type) =>
    ['', canary].map((passphrase) =>
      makeKey(path.join(folder, `${type}${passphrase && '-locked'}`), { type, passphrase }),
    ),
  );
  // The older form hides the public half of a locked key.
  for (const passphrase of ['', canary]) {
    const file = path.join(folder, `pem${passphrase && '-locked'}`);
    execFileSync('ssh-keygen', ['-q', '-t', 'rsa', '-b', '2048', '-m', 'PEM', '-N', passphrase, '-f', file]);
    fs.renameSync(`${file}.pub`, `${file}.public`);
    keys.push(file);
  }
  const server = await startSshd({
    folder: path.join(folder, 'types'),
    authorized: keys.map((key) => (key.includes('pem') ? `${key}.public` : `${key}.pub`)),
  });
  t.after(() => server.stop());
  fs.appendFileSync(knownHosts(), knownHostsLine(server));
  for (const identityFile of keys) {
    const prompts = testPrompter({ secrets: [canary] });
    (await connect({ port: server.port, identityFile }, prompts)).close();
    assert.equal(prompts.secrets.length, identityFile.endsWith('-locked') ? 1 : 0, identityFile);
  }
  const socket = path.join(folder, 'types.sock');
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  t.after(() => agent.kill());
  while (!fs.existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 5));
  const environment = { ...process.env, SSH_AUTH_SOCK: socket };
  for (const key of keys.filter((each) => !each.endsWith('-locked'))) {
    execFileSync('ssh-add', ['-q', key], { env: environment, stdio: 'ignore' });
    (await connect({ port: server.port }, testPrompter(), sources('', { SSH_AUTH_SOCK: socket }))).close();
    execFileSync('ssh-add', ['-q', '-D'], { env: environment, stdio: 'ignore' });
  }
});

test('an agent signs, and is not forwarded', { skip }, async () => {
  const socket = path.join(folder, 'agent.sock');
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  try {
    while (!fs.existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 5));
    const environment = { ...process.env, SSH_AUTH_SOCK: socket };
    execFileSync('ssh-add', ['-q', plain], { env: environment, stdio: 'ignore' });
    execFileSync('ssh-add', ['-q', stranger], { env: environment, stdio: 'ignore' });
    const connection = await connect({}, testPrompter(), sources('', { SSH_AUTH_SOCK: socket }));
    assert.equal(await run(connection, 'sh', '-c', 'echo "[$SSH_AUTH_SOCK]"'), '[]\n');
    connection.close();
    const only = `Host *\n  IdentitiesOnly yes\n  IdentityFile ${stranger}\n`;
    const error = await failure(connect({}, testPrompter(), sources(only, { SSH_AUTH_SOCK: socket })));
    assert.match(error.message, /1 key was not accepted/);
    const named = `Host *\n  IdentityAgent ${socket}\n  IdentitiesOnly yes\n  IdentityFile ${plain}.pub\n`;
    (await connect({}, testPrompter(), sources(named))).close();
  } finally {
    agent.kill();
  }
});

test('a login that needs what Biphase does not have is named, with what to do', { skip }, async (t) => {
  const only = await startCodeServer({
    folder: path.join(folder, 'gssapi'),
    methods: ['gssapi-with-mic', 'hostbased'],
  });
  t.after(() => only.close());
  const [type, hostKey] = fs.readFileSync(only.hostKey, 'utf8').split(' ');
  fs.writeFileSync(knownHosts(), `${knownHostsLine(sshd)}[127.0.0.1]:${only.port} ${type} ${hostKey}\n`);
  const gssapi = await failure(connect({ port: only.port, identityFile: plain }));
  assert.equal(gssapi.kind, 'needs-person');
  assert.equal(
    gssapi.message,
    '127.0.0.1 offers gssapi-with-mic, hostbased to log in, which Biphase cannot use.',
  );
  assert.match(gssapi.next ?? '', /login by key/);
  assert.deepEqual(only.authentications, ['none']);

  const certificate = path.join(folder, 'signed-cert.pub');
  const config = `Host *\n  IdentityFile ${stranger}\n  CertificateFile ${certificate}\n`;
  const refused = await failure(connect({}, testPrompter(), sources(config)));
  assert.match(
    refused.message,
    /1 key was not accepted \(.*signed-cert.pub is a certificate, which Biphase cannot use\)/,
  );
  assert.match(refused.next ?? '', /Make an ordinary key/);
});

test('a key and then a code: the question is shown whole, and the code is not remembered', {
  skip,
}, async (t) => {
  const site = await startCodeServer({
    folder: path.join(folder, 'site'),
    keyFirst: `${plain}.pub`,
    code: '1234',
    question: {
      title: 'Two factors',
      instructions: `${'x'.repeat(400)}\nToken 7`,
      prompt: 'One-time password:\u001b ',
    },
  });
  t.after(() => site.close());
  const [type, hostKey] = fs.readFileSync(site.hostKey, 'utf8').split(' ');
  fs.appendFileSync(knownHosts(), `[127.0.0.1]:${site.port} ${type} ${hostKey}\n`);
  const hop = { port: site.port, identityFile: plain };
  const prompts = testPrompter({ secrets: ['1234'] });
  (await connect(hop, prompts)).close();
  assert.deepEqual(site.authentications, ['none', 'publickey', 'publickey', 'none', 'keyboard-interactive']);
  const [asked] = prompts.secrets;
  assert.match(asked!.title, /^x+ Token 7 One-time password of /);
  assert.deepEqual([asked!.purpose, asked!.storageKey], ['code', null]);
  const wrong = testPrompter({ secrets: ['1', '2', '3', '4'] });
  const error = await failure(connect(hop, wrong));
  assert.match(
    error.message,
    /: a key was accepted, but alone it is not enough, keyboard-interactive was not accepted\.$/,
  );
  assert.equal(wrong.secrets.length, 3);
  assert.deepEqual(site.answers, ['1234', '1', '2', '3']);
  const nobody = await failure(connect(hop, testPrompter()));
  assert.equal(nobody.message, 'The question was closed.');
  assert.equal(site.answers.length, 4, 'no answer is not an empty answer');
});

test('a password is asked for three times at most, and never sent twice', { skip }, async (t) => {
  const site = await startCodeServer({
    folder: path.join(folder, 'password'),
    code: 'right',
    methods: ['password'],
  });
  t.after(() => site.close());
  const [type, hostKey] = fs.readFileSync(site.hostKey, 'utf8').split(' ');
  fs.appendFileSync(knownHosts(), `[127.0.0.1]:${site.port} ${type} ${hostKey}\n`);
  const hop = { port: site.port, user: 'ana' };
  const prompts = testPrompter({ secrets: ['wrong', 'right'] });
  (await connect(hop, prompts)).close();
  const storageKey = `password:ana@127.0.0.1:${site.port}`;
  assert.deepEqual(
    prompts.secrets.map((each) => [each.purpose, each.title, each.storageKey, each.retry]),
    [
      ['password', 'Password of ana@127.0.0.1', storageKey, false],
      ['password', 'Password of ana@127.0.0.1', storageKey, true],
    ],
  );
  const error = await failure(connect(hop, testPrompter({ secrets: ['1', '2', '3', '4'] })));
  assert.equal(error.message, '127.0.0.1 refused the login of ana: password was not accepted.');
  assert.equal(error.kind, 'needs-person');
  await failure(connect(hop, testPrompter()));
  assert.deepEqual(site.answers, ['wrong', 'right', '1', '2', '3']);
});

test('a password is remembered for one host only, also where others have its name', { skip }, async (t) => {
  const site = await startCodeServer({
    folder: path.join(folder, 'same-name'),
    code: 'right',
    methods: ['password'],
  });
  t.after(() => site.close());
  const [type, hostKey] = fs.readFileSync(site.hostKey, 'utf8').split(' ');
  fs.appendFileSync(
    knownHosts(),
    [`[127.0.0.1]:${site.port}`, 'lab'].map((name) => `${name} ${type} ${hostKey}\n`).join(''),
  );
  const pipe = path.join(folder, 'pipe.mjs');
  fs.writeFileSync(
    pipe,
    `import net from 'node:net';\nconst link = net.connect(${site.port}, '127.0.0.1');\nprocess.stdin.pipe(link).pipe(process.stdout);\n`,
  );
  const here = `HostName 127.0.0.1\n  Port ${site.port}\n  User ana\n`;
  const config = `Host direct\n  ${here}Host behind\n  ${here}  ProxyJump gate\nHost command\n  ${here}  ProxyCommand ${process.execPath} ${pipe}\nHost alias\n  ${here}  HostKeyAlias lab\nHost gate\n  HostName 127.0.0.1\n  Port ${sshd.port}\n  IdentityFile ${plain}\n`;
  const keys = new Set<string | null>();
  for (const host of ['direct', 'behind', 'command', 'alias']) {
    const prompts = testPrompter({ secrets: ['right'], confirm: true });
    (await connect({ host, port: undefined }, prompts, sources(config))).close();
    for (const { storageKey } of prompts.secrets) keys.add(storageKey);
  }
  assert.equal(keys.size, 4);
  assert.ok(!keys.has(null));
});

test('a host that closes the link instead of refusing a password gets it once', { skip }, async (t) => {
  const site = await startCodeServer({
    folder: path.join(folder, 'closing'),
    code: 'right',
    methods: ['password'],
    closesOnWrong: true,
  });
  t.after(() => site.close());
  const [type, hostKey] = fs.readFileSync(site.hostKey, 'utf8').split(' ');
  fs.appendFileSync(knownHosts(), `[127.0.0.1]:${site.port} ${type} ${hostKey}\n`);
  const desk = new PromptDesk(0);
  const words = ['wrong', 'right'];
  const retries: boolean[] = [];
  desk.add({
    kind: 'cli',
    focusedAt: 1,
    ask: (prompt) => {
      if (prompt.kind === 'secret') retries.push(prompt.retry);
      queueMicrotask(() => desk.answer(prompt.id, words.shift() ?? null));
    },
    done: () => undefined,
  });
  const attempt = (prompts: Prompter): Promise<SshConnection> =>
    connectSsh(
      { host: '127.0.0.1', port: site.port, user: 'ana' },
      { node: 'atlas', prompts, signal: new AbortController().signal, sources: sources() },
    );
  const error = await failure(attempt(desk.prompts));
  assert.equal(error.kind, 'needs-person', error.message);
  assert.match(error.message, /ended the login of ana without an answer to the password/);
  assert.equal((await failure(attempt(desk.quietPrompts))).kind, 'needs-person');
  assert.deepEqual(site.answers, ['wrong']);
  const connection = await attempt(desk.prompts);
  connection.close();
  await connection.closed;
  (await attempt(desk.quietPrompts)).close();
  assert.deepEqual(site.answers, ['wrong', 'right', 'right']);
  assert.deepEqual(retries, [false, true]);
});

test('an agent that does not sign in time needs a person, who is not asked again and again', {
  skip,
}, async (t) => {
  const real = path.join(folder, 'real.sock');
  const agent = spawn('ssh-agent', ['-D', '-a', real], { stdio: 'ignore' });
  t.after(() => agent.kill());
  while (!fs.existsSync(real)) await new Promise((resolve) => setTimeout(resolve, 5));
  execFileSync('ssh-add', ['-q', plain], { env: { ...process.env, SSH_AUTH_SOCK: real }, stdio: 'ignore' });
  const signRequest = 13;
  let asked = 0;
  const waiting = path.join(folder, 'waiting.sock');
  const server = net.createServer((client) => {
    const agentEnd = net.connect(real);
    client.on('data', (bytes) => {
      if (bytes[4] === signRequest) asked++;
      else agentEnd.write(bytes);
    });
    agentEnd.pipe(client);
    for (const each of [client, agentEnd]) each.on('error', () => undefined);
    client.on('close', () => agentEnd.destroy());
  });
  await new Promise<void>((resolve) => server.listen(waiting, resolve));
  t.after(() => server.close());
  const config = 'Host *\n  ConnectTimeout 1\n';
  const from = sources(config, { SSH_AUTH_SOCK: waiting });
  const error = await failure(connect({}, testPrompter(), from));
  assert.equal(error.kind, 'needs-person', error.message);
  assert.match(error.message, /The agent at .*waiting\.sock did not sign in time/);
  assert.equal(asked, 1);
});

test('two keys where a host wants two, and none that it does not want', { skip }, async (t) => {
  const strict = await startSshd({
    folder: path.join(folder, 'two-keys'),
    authorized: [`${plain}.pub`, `${stranger}.pub`],
    extra: ['AuthenticationMethods publickey,publickey'],
  });
  t.after(() => strict.stop());
  fs.appendFileSync(knownHosts(), knownHostsLine(strict));
  const config = `Host *\n  IdentityFile ${stranger}\n  IdentityFile ${plain}\n  IdentityFile ${locked}\n`;
  const prompts = testPrompter();
  (await connect({ port: strict.port }, prompts, sources(config))).close();
  assert.equal(prompts.secrets.length, 0);
  const error = await failure(connect({ port: strict.port, identityFile: plain }));
  assert.match(error.message, /: a key was accepted, but alone it is not enough\.$/);
});

test('a host that ends the login after too many keys needs a person, and is not tried again', {
  skip,
}, async (t) => {
  const strict = await startSshd({ folder: path.join(folder, 'strict'), extra: ['MaxAuthTries 1'] });
  t.after(() => strict.stop());
  fs.writeFileSync(knownHosts(), knownHostsLine(sshd) + knownHostsLine(strict));
  const config = `Host *\n  IdentityFile ${stranger}\n  IdentityFile ${plain}\n`;
  const error = await failure(connect({ port: strict.port }, testPrompter(), sources(config)));
  assert.equal(error.kind, 'needs-person');
  assert.equal(error.message, '127.0.0.1 ended the login after too many keys.');
  assert.match(error.next ?? '', /IdentitiesOnly/);
});

test('StrictHostKeyChecking no changes nothing, and every hop says so', { skip }, async () => {
  const config = `Host deep gate\n  HostName 127.0.0.1\n  Port ${sshd.port}\n  IdentityFile ${plain}
Host deep\n  ProxyJump gate\nHost *\n  StrictHostKeyChecking no\n`;
  const hop = { host: 'deep', port: undefined };
  fs.writeFileSync(knownHosts(), '');
  const prompts = testPrompter();
  assert.equal((await failure(connect(hop, prompts, sources(config)))).kind, 'refused');
  assert.equal(prompts.hostKeys.length, 1);
  const [type, key] = fs.readFileSync(`${stranger}.pub`, 'utf8').split(' ');
  fs.writeFileSync(knownHosts(), `[127.0.0.1]:${sshd.port} ${type} ${key}\n`);
  const changed = await failure(connect(hop, testPrompter({ hostKey: true }), sources(config)));
  assert.match(changed.next ?? '', /StrictHostKeyChecking no is not honoured for gate/);
  fs.writeFileSync(knownHosts(), knownHostsLine(sshd));
  const connection = await connect(hop, testPrompter(), sources(config));
  assert.deepEqual(new SshTransport(connection).notes, [
    'StrictHostKeyChecking no is not honoured for gate: host keys are always checked.',
    'StrictHostKeyChecking no is not honoured for deep: host keys are always checked.',
  ]);
  connection.close();
});

test('a jump is checked and passed through; its own settings come from the configuration', {
  skip,
}, async () => {
  const inner = await startSshd({ folder: path.join(folder, 'inner'), authorized: [`${plain}.pub`] });
  try {
    const config = `Host deep\n  HostName 127.0.0.1\n  Port ${inner.port}\n  ProxyJump gate\n  IdentityFile ${plain}
Host gate\n  HostName 127.0.0.1\n  Port ${sshd.port}\n  IdentityFile ${plain}\n`;
    const hop = { host: 'deep', port: undefined };
    const other = fs.readFileSync(`${stranger}.pub`, 'utf8').split(' ');
    fs.writeFileSync(
      knownHosts(),
      `[127.0.0.1]:${sshd.port} ${other[0]} ${other[1]}\n${knownHostsLine(inner)}`,
    );
    const logins = inner.logins();
    assert.equal((await failure(connect(hop, testPrompter(), sources(config)))).kind, 'refused');
    fs.writeFileSync(knownHosts(), knownHostsLine(sshd) + knownHostsLine(inner));
    const connection = await connect(hop, testPrompter(), sources(config));
    assert.equal(await run(connection, 'echo', 'inside'), 'inside\n');
    assert.equal(inner.logins(), logins + 1);
    connection.close();
    await connection.closed;
    fs.writeFileSync(
      knownHosts(),
      `${knownHostsLine(sshd)}[127.0.0.1]:${inner.port} ${other[0]} ${other[1]}\n`,
    );
    const refused = await failure(connect(hop, testPrompter(), sources(config)));
    assert.equal(refused.kind, 'refused');
    assert.equal(inner.logins(), logins + 1);
  } finally {
    await inner.stop();
  }
  fs.writeFileSync(knownHosts(), knownHostsLine(sshd));
});

test('a port where nobody listens is one sentence', { skip }, async () => {
  const port = await freePort();
  const error = await failure(connect({ port, identityFile: plain }));
  assert.equal(error.kind, 'unreachable');
  assert.equal(error.message, `127.0.0.1:${port} refuses connections: no ssh server listens there.`);
});

test('a server that says nothing is given up on, but not while a person reads', { skip }, async () => {
  process.env.BIPHASE_CLOCK = '0.05';
  const proxy = await startFaultProxy(sshd.port);
  try {
    proxy.stall();
    const error = await failure(connect({ port: proxy.port, identityFile: plain }));
    assert.equal(error.message, `127.0.0.1:${proxy.port} did not answer within 20 s.`);
    proxy.resume();
    const slow = testPrompter();
    slow.hostKey = () => new Promise((resolve) => setTimeout(() => resolve(true), 1500));
    (await connect({ port: proxy.port, identityFile: plain }, slow)).close();
  } finally {
    delete process.env.BIPHASE_CLOCK;
    await proxy.close();
  }
});

test('a link that stalls is noticed by keepalive, and waiting commands hear of it', { skip }, async () => {
  process.env.BIPHASE_CLOCK = '0.02';
  const proxy = await startFaultProxy(sshd.port);
  try {
    fs.appendFileSync(knownHosts(), knownHostsLine(sshd, `[127.0.0.1]:${proxy.port}`));
    const connection = await connect({ port: proxy.port, identityFile: plain });
    const channel = await new SshTransport(connection).exec(['cat']);
    channel.stdout.resume();
    channel.stderr.resume();
    proxy.stall();
    const exit = await channel.exit;
    assert.equal(exit.known, false);
    assert.equal((await connection.closed)?.message, `127.0.0.1:${proxy.port} no longer answers.`);
  } finally {
    delete process.env.BIPHASE_CLOCK;
    await proxy.close();
  }
});

test('a link that is closed while it stalls ends, and waiting commands hear of it', { skip }, async () => {
  const proxy = await startFaultProxy(sshd.port);
  try {
    fs.appendFileSync(knownHosts(), knownHostsLine(sshd, `[127.0.0.1]:${proxy.port}`));
    const connection = await connect({ port: proxy.port, identityFile: plain });
    const channel = await new SshTransport(connection).exec(['cat']);
    channel.stdout.resume();
    channel.stderr.resume();
    process.env.BIPHASE_CLOCK = '0.02';
    proxy.stall();
    connection.close();
    assert.equal((await channel.exit).known, false);
    assert.equal(await connection.closed, undefined);
  } finally {
    delete process.env.BIPHASE_CLOCK;
    await proxy.close();
  }
});

test('a host that changes session keys often and allows one session at a time', { skip }, async (t) => {
  const strict = await startSshd({
    folder: path.join(folder, 'rekeying'),
    authorized: [`${plain}.pub`],
    extra: ['RekeyLimit 512K', 'MaxSessions 1', 'ClientAliveInterval 1'],
  });
  t.after(() => strict.stop());
  fs.appendFileSync(knownHosts(), knownHostsLine(strict));
  const prompts = testPrompter();
  const connection = await connect({ port: strict.port, identityFile: plain }, prompts);
  t.after(() => connection.close());
  const transport = new SshTransport(connection);
  const [local, back] = [path.join(folder, 'rekeyed'), path.join(folder, 'rekeyed-back')];
  fs.writeFileSync(local, randomBytes(4 << 20));
  const remote = path.join(folder, 'node-home', 'rekeyed');
  await transport.upload(local, remote);
  await transport.download(remote, back);
  assert.ok(fs.readFileSync(back).equals(fs.readFileSync(local)));
  for (let i = 0; i < 3; i++) assert.equal(await run(connection, 'echo', String(i)), `${i}\n`);
  assert.equal(prompts.hostKeys.length, 0);
});

test('a cut during a transfer ends it and leaves no half file under its name', { skip }, async () => {
  const proxy = await startFaultProxy(sshd.port);
  try {
    fs.appendFileSync(knownHosts(), knownHostsLine(sshd, `[127.0.0.1]:${proxy.port}`));
    const local = path.join(folder, 'big');
    fs.writeFileSync(local, Buffer.alloc(8 << 20, 7));
    const remote = path.join(folder, 'node-home', "it's $(here) ü");
    for (const cut of [() => proxy.cutAfter(3 << 20), () => setTimeout(() => proxy.finish(), 5)]) {
      const connection = await connect({ port: proxy.port, identityFile: plain });
      cut();
      await assert.rejects(new SshTransport(connection).upload(local, remote), { kind: 'unreachable' });
      assert.equal((await connection.closed)?.kind, 'unreachable');
      assert.equal(fs.existsSync(remote), false);
    }
    const connection = await connect({ port: proxy.port, identityFile: plain });
    const transport = new SshTransport(connection);
    const seen: number[] = [];
    await transport.upload(local, remote, (fraction) => seen.push(fraction));
    assert.equal(seen.at(-1), 1);
    const back = path.join(folder, 'back');
    await transport.download(remote, back);
    assert.ok(fs.readFileSync(back).equals(fs.readFileSync(local)));
    await assert.rejects(transport.download(`${remote}-missing`, back), { kind: 'missing' });
    await assert.rejects(transport.upload(local, `${remote}/no/such`), { kind: 'missing' });
    connection.close();
  } finally {
    await proxy.close();
  }
});

/** Login attempts that reached the server's user authentication. */
function userauths(): number {
  return [...sshd.log().matchAll(/^(Accepted|Failed|Postponed|Connection closed by authenticating user) /gm)]
    .length;
}
