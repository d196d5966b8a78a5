import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Prompter } from '../../../src/control/nodes/prompter.ts';
import { connectSsh, type SshConnection } from '../../../src/control/nodes/ssh/connect.ts';
import { SshTransport } from '../../../src/control/nodes/ssh/sshTransport.ts';
import { type Asker, PromptDesk } from '../../../src/control/server/promptDesk.ts';
import type { BiphaseError } from '../../../src/core/errors.ts';
import { knownHostsLine, makeKey, type Sshd, sshdPath, startSshd } from '../../support/sshd.ts';
import { testPrompter } from '../../support/testPrompter.ts';

const skip = sshdPath() && process.platform === 'linux' ? false : 'needs sshd on Linux';
let folder: string;
let home: string;
let sshd: Sshd;
let key: string;
/** As netcat; leaves its pid, says what it was called with, and goes on when its input ends. */
let relay: string;

before(async () => {
  if (skip) return;
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-proxy-'));
  home = path.join(folder, 'home');
  fs.mkdirSync(path.join(home, '.ssh'), { recursive: true });
  key = makeKey(path.join(folder, 'key'));
  sshd = await startSshd({
    folder: path.join(folder, 'sshd'),
    authorized: [`${key}.pub`],
    environment: { HOME: path.join(folder, 'node-home') },
  });
  fs.mkdirSync(path.join(folder, 'node-home'));
  fs.writeFileSync(
    path.join(home, '.ssh/known_hosts'),
    `${knownHostsLine(sshd)}${knownHostsLine(sshd, 'atlas')}`,
  );
  relay = path.join(folder, 'relay.mjs');
  fs.writeFileSync(
    relay,
    `import net from 'node:net';
import fs from 'node:fs';
fs.writeFileSync(${JSON.stringify(path.join(folder, 'pid'))}, String(process.pid));
process.stderr.write('called with ' + process.argv.slice(2).join(' ') + '\\n');
const socket = net.connect(${sshd.port}, '127.0.0.1');
process.stdin.pipe(socket, { end: false });
socket.pipe(process.stdout);
socket.on('close', () => process.exit(0));
`,
  );
});

after(async () => {
  await sshd?.stop();
  if (folder) fs.rmSync(folder, { recursive: true, force: true });
});

const canaryFile = (): string => path.join(folder, 'canary');
const node = (): string => `${process.execPath} ${relay}`;

interface Attempt {
  prompts?: Prompter;
  host?: string;
  signal?: AbortSignal;
  log?: (line: string) => void;
}

/** Connects to a host of this configuration, as a person whose files lie in the private home. */
function connect(config: string, attempt: Attempt = {}): Promise<SshConnection> {
  const userFile = path.join(home, '.ssh/config');
  const rest = `\nHost *\n  IdentityFile ${key}\n  IdentitiesOnly yes\n  IdentityAgent none\n`;
  fs.writeFileSync(userFile, config + rest);
  const { host = 'atlas', prompts = testPrompter({ confirm: true }) } = attempt;
  const { signal = new AbortController().signal, log = () => undefined } = attempt;
  const sources = {
    ...{ home, userFile, systemFile: path.join(folder, 'none'), localUser: os.userInfo().username },
    environment: { PATH: process.env.PATH, SHELL: '/bin/sh' },
  };
  return connectSsh({ host }, { node: 'atlas', prompts, signal, sources, log });
}

async function failure(attempt: Promise<SshConnection>): Promise<BiphaseError> {
  const error = await attempt.then(
    (connection) => connection.close(),
    (thrown: BiphaseError) => thrown,
  );
  assert.ok(error instanceof Error, 'it should not have connected');
  return error;
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // One that nobody has waited for yet is gone all the same.
    return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Waits until the process is gone. */
async function gone(pid: number): Promise<void> {
  for (const end = Date.now() + 10_000; Date.now() < end; await new Promise((next) => setTimeout(next, 20)))
    if (!runs(pid)) return;
  assert.fail(`process ${pid} still runs`);
}

const pidOf = (name: string): number => Number(fs.readFileSync(path.join(folder, name), 'utf8'));

test('a ProxyCommand is the way to a host: asked about exactly, logged, and ended with the link', {
  skip,
}, async () => {
  const prompts = testPrompter({ confirm: true });
  const lines: string[] = [];
  const config = `\nHost atlas\n  Port 2200\n  HostName atlas\n  HostKeyAlias [127.0.0.1]:${sshd.port}\n  ProxyCommand ${node()} %h %p %r "%n  %%"\n`;
  const connection = await connect(config, { prompts, log: (line) => lines.push(line) });
  const { username } = os.userInfo();
  const command = `${node()} atlas 2200 ${username} "atlas  %"`;
  assert.deepEqual(prompts.confirms, [
    {
      node: 'atlas',
      title: 'The SSH configuration runs a command to reach atlas.',
      detail: `ProxyCommand in line 6 of ${path.join(home, '.ssh/config')}\n${command}`,
      yes: 'Run it',
      remember: JSON.stringify(['atlas', 'ProxyCommand', command]),
    },
  ]);
  assert.ok(lines.includes(`ProxyCommand: called with atlas 2200 ${username} atlas  %`), lines.join('\n'));
  const transport = new SshTransport(connection);
  const channel = await transport.exec(['sh', '-c', 'head -c 3000000 /dev/zero | wc -c; cat | wc -c']);
  channel.stdin.end(Buffer.alloc(2_000_000));
  let said = '';
  for await (const chunk of channel.stdout) said += String(chunk);
  assert.deepEqual(said.trim().split(/\s+/), ['3000000', '2000000']);
  const pid = pidOf('pid');
  assert.ok(runs(pid));
  connection.close();
  await connection.closed;
  await gone(pid);
});

test('ssh -W works as ProxyCommand, also to the first host of a ProxyJump', { skip }, async () => {
  const jump = path.join(folder, 'jump_config');
  const known = path.join(home, '.ssh/known_hosts');
  fs.writeFileSync(
    jump,
    `Host gate\n  HostName 127.0.0.1\n  Port ${sshd.port}\n  IdentityFile ${key}\n  UserKnownHostsFile ${known}\n`,
  );
  const config = `Host atlas\n  HostName 127.0.0.1\n  Port ${sshd.port}\n  ProxyJump outer\nHost outer\n  HostName 127.0.0.1
  Port ${sshd.port}\n  ProxyCommand ssh -F ${jump} -W %h:%p gate\n`;
  const logins = sshd.logins();
  const connection = await connect(config);
  assert.equal(sshd.logins(), logins + 3);
  connection.close();
  await connection.closed;
});

test('a person who says no, or nobody to ask: nothing runs', { skip }, async () => {
  const configs = [
    `Host atlas\n  ProxyCommand touch ${canaryFile()}\n`,
    `Match host atlas exec "touch ${canaryFile()}"\n  Port 1\n`,
  ];
  for (const config of configs) {
    const no = await failure(connect(config, { prompts: testPrompter({ confirm: false }) }));
    assert.equal(no.kind, 'refused');
    assert.match(
      no.message,
      /^The command of (ProxyCommand|Match exec) in line \d of .*config may not run\.$/,
    );
    assert.match(no.next ?? '', /Reconnect/);
    const desk = new PromptDesk();
    for (const prompts of [desk.prompts, desk.quietPrompts])
      assert.equal((await failure(connect(config, { prompts }))).kind, 'needs-person');
  }
  assert.ok(!fs.existsSync(canaryFile()));
});

test('a person who agreed once is not asked again for that command and node, but for another', {
  skip,
}, async () => {
  const desk = new PromptDesk();
  const asked: string[] = [];
  const window: Asker = {
    kind: 'window',
    focusedAt: 1,
    ask: (prompt) => {
      asked.push(prompt.kind === 'confirm' ? prompt.detail : prompt.kind);
      setImmediate(() => desk.answer(prompt.id, 'yes'));
    },
    done: () => undefined,
  };
  desk.add(window);
  const config = (more: string): string =>
    `Host atlas\n  HostKeyAlias [127.0.0.1]:${sshd.port}\n  ProxyCommand ${node()} ${more}\n`;
  for (const [more, prompts, questions] of [
    ['one', desk.prompts, 1],
    ['one', desk.prompts, 1],
    ['one', desk.quietPrompts, 1],
    ['two', desk.prompts, 2],
  ] as const) {
    (await connect(config(more), { prompts })).close();
    assert.equal(asked.length, questions);
  }
  assert.equal(
    (await failure(connect(config('three'), { prompts: desk.quietPrompts }))).kind,
    'needs-person',
  );
  desk.remove(window);
  assert.equal((await failure(connect(config('one'), { prompts: desk.quietPrompts }))).kind, 'needs-person');
});

test('a command that ends is told with its last words', { skip }, async () => {
  const lines: string[] = [];
  const config = `Host atlas\n  ProxyCommand sh -c 'echo "no \u001b[2J way" >&2; exit 3'\n`;
  const error = await failure(connect(config, { log: (line) => lines.push(line) }));
  assert.equal(error.kind, 'unreachable');
  assert.equal(error.message, 'The ProxyCommand that leads to atlas:22 ended with code 3: no \ufffd[2J way.');
  assert.deepEqual(lines, ['ProxyCommand: no \ufffd[2J way']);
});

test('a command that never answers is given up with what it started', { skip }, async () => {
  const pids = ['outer', 'inner'].map((name) => path.join(folder, name));
  const config = `Host atlas\n  ConnectTimeout 1\n  ProxyCommand sh -c 'trap "" TERM; echo $$ > ${pids[0]}; (echo $$ > ${pids[1]}; sleep 600) | cat'\n`;
  const error = await failure(connect(config));
  assert.match(error.message, /did not answer within 1 s/);
  await gone(pidOf('outer'));
  await gone(pidOf('inner'));
});

test('a connection that is no longer wanted runs nothing', { skip }, async () => {
  const abort = new AbortController();
  const prompts = testPrompter();
  prompts.confirm = async () => {
    abort.abort();
    return true;
  };
  const config = `Match host atlas exec "touch ${canaryFile()}"\n`;
  assert.equal((await failure(connect(config, { prompts, signal: abort.signal }))).kind, 'cancelled');
  assert.ok(!fs.existsSync(canaryFile()));
});

test('Match exec decides by its exit status, in the shell of the person', { skip }, async () => {
  const flag = path.join(folder, 'flag');
  const prompts = testPrompter({ confirm: true });
  const config = `Match host atlas exec "echo asked >&2; test -e ${flag}"\n  Port ${sshd.port}\nMatch host atlas !exec "test -e '${flag}'"
  Port 1\nHost atlas\n  HostName 127.0.0.1\n`;
  const lines: string[] = [];
  assert.match(
    (await failure(connect(config, { prompts, log: (line) => lines.push(line) }))).message,
    /:1 refuses/,
  );
  fs.writeFileSync(flag, '');
  (await connect(config, { prompts })).close();
  assert.equal(prompts.confirms.length, 4);
  assert.deepEqual(lines, ['Match exec: asked']);
  const killed = await failure(connect('Match host atlas exec "kill -9 $$"\n'));
  assert.match(killed.message, /was ended by SIGKILL/);
});

test('a hostile host name reaches no shell and no person', { skip }, async () => {
  const prompts = testPrompter({ confirm: true });
  const evil = `x$(touch\${IFS}${canaryFile()})`;
  const config = `Match host x* exec "true %h"\n  Port 1\nHost y\n  HostName "${evil}"\n  ProxyCommand nc %h\nHost *\n  ProxyCommand nc %n\n`;
  for (const host of [evil, 'y', `;touch ${canaryFile()}`, '-oProxyCommand=x'])
    assert.equal((await failure(connect(config, { prompts, host }))).kind, 'refused', host);
  assert.deepEqual(prompts.confirms, []);
  assert.ok(!fs.existsSync(canaryFile()));
});
