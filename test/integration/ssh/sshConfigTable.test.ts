import assert from 'node:assert/strict';
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import {
  resolveSshTarget,
  type SshHop,
  type SshSources,
  type SshTarget,
} from '../../../src/control/nodes/ssh/sshConfig.ts';

const skip = fs.existsSync('/usr/bin/ssh') ? false : 'no ssh on this machine';
const { homedir: home, username } = os.userInfo();
let folder: string;

before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-config-'));
  fs.mkdirSync(path.join(folder, 'conf.d'));
  fs.writeFileSync(path.join(folder, 'conf.d/10-lab'), 'Host lab\n  User from-10\n  Port 1010\n');
  fs.writeFileSync(path.join(folder, 'conf.d/20-all'), 'Host *\n  User from-20\n  Port 2020\n');
  fs.writeFileSync(path.join(folder, 'bare'), 'User bare\n');
});
after(() => fs.rmSync(folder, { recursive: true, force: true }));

function sourcesOf(config: string): SshSources {
  const userFile = path.join(folder, 'config');
  fs.writeFileSync(userFile, config.replaceAll('FOLDER', folder));
  return {
    home,
    userFile,
    systemFile: path.join(folder, 'none/ssh_config'),
    localUser: username,
    environment: process.env,
  };
}

/** What both sides say about a host, in the same form. */
type Answer = Record<string, string>;

/** `ssh -G`, without the system's file. Where it refuses the file: its word for that. */
function theirs(hop: SshHop, sources: SshSources): Answer {
  const argv = ['-G', '-F', sources.userFile];
  if (hop.user !== undefined) argv.push('-l', hop.user);
  if (hop.port !== undefined) argv.push('-p', String(hop.port));
  const said = new Map<string, string[]>();
  try {
    const text = execFileSync('ssh', [...argv, hop.host], { encoding: 'utf8', stdio: 'pipe' });
    for (const line of text.trimEnd().split('\n')) {
      const [key, ...value] = line.split(' ');
      said.set(key!, [...(said.get(key!) ?? []), value.join(' ')]);
    }
  } catch {
    return { error: 'yes' };
  }
  const one = (key: string, fallback = ''): string => said.get(key)?.[0] ?? fallback;
  // Options without a line in ssh -G are at their default.
  const identities = (said.get('identityfile') ?? []).map((file) => file.replace(/^~/, home));
  const agent = one('identityagent', '$SSH_AUTH_SOCK').replace(/^SSH_AUTH_SOCK$/, '$SSH_AUTH_SOCK');
  const aliveSeconds = one('serveraliveinterval');
  return {
    host: one('hostname'),
    port: one('port'),
    user: one('user'),
    identities: identities.filter((file) => !/\/\.ssh\/id_(xmss|dsa)$|^none$/.test(file)).join('|'),
    identitiesOnly: one('identitiesonly'),
    agent: agent.startsWith('$') ? (process.env[agent.slice(1)] ?? 'none') : agent,
    alias: one('hostkeyalias'),
    userKnownHosts: one('userknownhostsfile').replace('none', ''),
    hash: one('hashknownhosts'),
    jump: one('proxyjump'),
    proxy: one('proxycommand').replace(/^none$/i, ''),
    // On purpose: Biphase never goes without either limit.
    alive: `${aliveSeconds === '0' ? 15 : aliveSeconds}×${one('serveralivecountmax')}`,
    timeout: one('connecttimeout').replace('none', '20'),
    ...(said.has('globalknownhostsfile') && !one('globalknownhostsfile').startsWith('/etc/ssh/')
      ? { globalKnownHosts: one('globalknownhostsfile') }
      : {}),
  };
}

function ours(hop: SshHop, sources: SshSources): Answer {
  let target: SshTarget;
  try {
    target = resolveSshTarget(hop, sources, ({ text }) => spawnSync('/bin/sh', ['-c', text]).status === 0);
  } catch {
    return { error: 'yes' };
  }
  const jump = target.jumps.map(({ user, host, port }) => {
    const name = host.includes(':') ? `[${host}]` : host;
    return `${user === undefined ? '' : `${user}@`}${name}${port === undefined ? '' : `:${port}`}`;
  });
  const global = target.globalKnownHostsFiles.filter((file) => !file.startsWith(path.join(folder, 'none')));
  return {
    host: target.host,
    port: String(target.port),
    user: target.user,
    identities: target.identityFiles.map((each) => each.file).join('|'),
    identitiesOnly: target.identitiesOnly ? 'yes' : 'no',
    agent: target.identityAgent ?? 'none',
    alias: target.hostKeyAlias ?? '',
    userKnownHosts: target.userKnownHostsFiles.join(' '),
    hash: target.hashKnownHosts ? 'yes' : 'no',
    jump: jump.join(','),
    proxy: target.proxyCommand?.text ?? '',
    alive: `${target.serverAliveSeconds}×${target.serverAliveCount}`,
    timeout: String(target.connectTimeoutSeconds),
    ...(global.length > 0 ? { globalKnownHosts: global.join(' ') } : {}),
  };
}

const table: [name: string, config: string, ...hops: (string | SshHop)[]][] = [
  ['nothing', '', 'a', 'Mixed.Case', { host: 'a', user: 'u', port: 7 }],
  ['first value wins', 'Host a\n Port 1\n User x\nHost *\n Port 2\n User y\n', 'a', 'b'],
  ['settings before any Host', 'User early\nHost a\n User late\n', 'a'],
  ['command line wins', 'Host *\n Port 1\n User x\n', { host: 'a', user: 'u', port: 7 }],
  ['wildcards', 'Host *.lab ?x\n User w\n', 'a.lab', 'ax', 'axx', 'lab'],
  ['negation', 'Host *.lab !old.lab\n User w\n', 'old.lab', 'new.lab'],
  ['negation alone', 'Host !a\n User w\n', 'a', 'b'],
  ['negation first', 'Host !a *\n User w\n', 'a', 'b'],
  ['host names keep their case', 'Host Atlas\n User w\n', 'atlas', 'Atlas'],
  ['quoted patterns', 'Host "a" "b"\n User w\n', 'a', 'b', 'c'],
  ['equals signs', 'Host=a\n User = w\n Port=77\n', 'a'],
  ['tabs and no indent', 'Host\ta\n\tUser\tw\nPort\t78\n', 'a'],
  ['keywords in any case', 'HOST a\n uSER w\n PORT 79\n', 'a'],
  ['comments', '# c\nHost a # end\n User w # me\n Port 80 # p\n', 'a'],
  ['carriage returns', 'Host a\r\n User w\r\n Port 81\r\n', 'a'],
  ['blank lines and a torn end', '\n\nHost a\n\n User w', 'a'],
  ['HostName and its token', 'Host a\n HostName %h.Example.ORG\n', 'a'],
  ['HostName with a literal percent', 'Host a\n HostName x%%y\n', 'a'],
  ['several identity files', 'Host a\n IdentityFile ~/.ssh/one\nHost *\n IdentityFile /two\n', 'a', 'b'],
  ['identity files twice', 'Host a\n IdentityFile /one\n IdentityFile /two\n IdentityFile /one\n', 'a'],
  ['identity file with blanks', 'Host a\n IdentityFile "/x y/z"\n', 'a'],
  ['identity file none', 'Host a\n IdentityFile none\n', 'a'],
  ['none and another', 'Host a\n IdentityFile none\nHost *\n IdentityFile /two\n', 'a'],
  ['identities only', 'Host a\n IdentitiesOnly yes\nHost b\n IdentitiesOnly true\n', 'a', 'b', 'c'],
  ['agent', 'Host a\n IdentityAgent ~/%u.sock\nHost b\n IdentityAgent none\n', 'a', 'b', 'c'],
  ['agent by environment', 'Host a\n IdentityAgent SSH_AUTH_SOCK\nHost b\n IdentityAgent $HOME\n', 'a', 'b'],
  ['agent by braces', 'Host a\n IdentityAgent ${HOME}/agent\n', 'a'],
  ['alias', 'Host a\n HostKeyAlias Cluster\n', 'a'],
  ['known hosts', 'Host a\n UserKnownHostsFile ~/one %d/two\n GlobalKnownHostsFile /g1 /g2\n', 'a'],
  ['known hosts none', 'Host a\n UserKnownHostsFile none\n', 'a'],
  ['known hosts once', 'UserKnownHostsFile /one\nUserKnownHostsFile /two\n', 'a'],
  [
    'known hosts by tokens',
    'Host a\n HostName b\n Port 5\n User w\n UserKnownHostsFile /%h/%n/%p/%r/%u/%k/%L\n',
    'a',
  ],
  ['known hosts by the hash token', 'Host a\n HostName b\n User w\n UserKnownHostsFile /%C\n', 'a'],
  ['hashed names', 'Host a\n HashKnownHosts yes\n', 'a'],
  ['alive', 'Host a\n ServerAliveInterval 1m30s\n ServerAliveCountMax 5\n ConnectTimeout 7\n', 'a'],
  ['alive off', 'Host a\n ServerAliveInterval 0\n', 'a'],
  ['jump', 'Host a\n ProxyJump ana@gate:2200\nHost b\n ProxyJump one,two\n', 'a', 'b'],
  ['jump none', 'Host a\n ProxyJump none\nHost *\n ProxyJump gate\n', 'a', 'b'],
  ['jump by address', 'Host a\n ProxyJump ssh://ana@gate:2200\nHost b\n ProxyJump [::1]:22\n', 'a', 'b'],
  ['jump to nothing', 'Host a\n ProxyJump gate:\n', 'a'],
  ['include', 'Include FOLDER/conf.d/10-lab\nHost *\n User late\n', 'lab', 'x'],
  ['include by wildcard', 'Include FOLDER/conf.d/*\n', 'lab', 'x'],
  ['include of several', 'Include FOLDER/conf.d/20-all FOLDER/conf.d/10-lab\n', 'lab'],
  ['include of nothing', 'Include FOLDER/missing FOLDER/no/*\nUser w\n', 'a'],
  ['include in a block', 'Host a\n Include FOLDER/bare\n Port 9\nHost *\n User other\n', 'a', 'b'],
  ['hosts in an include in a block', 'Host lab\n Include FOLDER/conf.d/10-lab\n', 'lab', 'x'],
  ['a block ends the include', 'Include FOLDER/conf.d/10-lab\nUser after\n', 'lab', 'x'],
  ['match all', 'Match all\n User w\n', 'a'],
  ['match host', 'Host a\n HostName real.lab\nMatch host *.lab\n User w\n', 'a', 'b.lab', 'c'],
  ['match host list', 'Match host a,b,!c\n User w\n', 'a', 'b', 'c'],
  ['match originalhost', 'Host a\n HostName b\nMatch originalhost a\n User w\n', 'a', 'b'],
  ['match user', 'Match user root,ana\n Port 5\n', { host: 'a', user: 'ana' }, { host: 'a', user: 'bob' }],
  ['match user of the block', 'Host a\n User ana\nMatch user ana\n Port 5\n', 'a', 'b'],
  ['match localuser', `Match localuser ${username}\n Port 5\nMatch localuser nobody-else\n User w\n`, 'a'],
  ['match negated', 'Match !host a\n User w\n', 'a', 'b'],
  ['match several', 'Match host a user ana\n Port 5\n', { host: 'a', user: 'ana' }, { host: 'a', user: 'b' }],
  ['match final', 'Match final\n User w\nHost a\n HostName b\n', 'a'],
  ['match final host', 'Match final host b\n User w\nHost a\n HostName b\n', 'a', 'c'],
  ['match negated final', 'Match !final host a\n Port 5\nMatch final host a\n User w\n', 'a'],
  ['match with equals', 'Match host=a\n User w\n', 'a', 'b'],
  ['match in capitals', 'MATCH HOST a\n User w\n', 'a', 'b'],
  ['match canonical', 'Match canonical\n User w\n', 'a'],
  ['match all after another', 'Match host a all\n User w\n', 'a'],
  ['match nothing', 'Match\n User w\n', 'a'],
  ['a match that lacks its word', 'Match host\n User w\n', 'a'],
  ['unknown match', 'Match weather rain\n User w\n', 'a'],
  ['port no number', 'Port many\n', 'a'],
  ['port out of range', 'Port 70000\n', 'a'],
  ['port zero', 'Port 0\n', 'a'],
  ['unknown option ignored', 'IgnoreUnknown Colour\nHost a\n Colour blue\n User w\n', 'a'],
  ['a value is missing', 'Host a\n User\n', 'a'],
  ['open quote', 'Host "a\n User w\n', 'a'],
  ['escaped quote', 'Host a\n IdentityFile "/x\\"y"\n', 'a'],
  ['escaped blank', 'Host a\n IdentityFile /x\\ y\n', 'a'],
  ['match negated final alone', 'Match !final\n Port 5\nMatch final\n Port 6\n User w\n', 'a'],
  ['match negated all', 'Match !all\n User w\n', 'a'],
  ['match by quotes', 'Match host "a" user "root"\n Port 5\n', 'a'],
  ['match negated originalhost', 'Match !originalhost a,b\n User w\n', 'a', 'c'],
  ['match exec', 'Match exec true\n User w\nMatch exec false\n Port 5\nMatch !exec "exit 3"\n Port 6\n', 'a'],
  [
    'match exec after another',
    'Match host b exec "exit 0"\n User w\nMatch exec "test %n = b"\n Port 5\n',
    'a',
    'b',
  ],
  [
    'match exec with tokens of what was read',
    'Host a\n HostName node.%h\n User ana\nMatch exec "test %h:%p:%r:%n = node.a:22:ana:a"\n Port 5\n',
    ...['a', 'b'],
  ],
  ['match exec with quotes', "Match exec \"test 'a  b' = 'a b' # or not\"\n User w\n", 'a'],
  [
    'match exec that names a criterion',
    'Match exec "test x = x -o y = !all " !final exec "true"\n User w\n',
    'a',
  ],
  ['match exec with a token that is none', 'Match exec "echo %z"\n User w\n', 'a'],
  ['match exec without a command', 'Match exec\n User w\n', 'a'],
  ['match of a comment', 'Match # all\n User w\n', 'a'],
  ['proxy command as it stands', 'ProxyCommand  ssh -W "[gate way]:22"  \'x\' \\" # no comment \n', 'a'],
  [
    'proxy command with =',
    'Host a\n proxycommand = nc --x=y gate 22\nHost *\n ProxyCommand late\n',
    'a',
    'b',
  ],
  ['proxy command none', 'Host a\n ProxyCommand none\nHost *\n ProxyCommand nc gate 22\n', 'a', 'b'],
  ['proxy command without a command', 'Host a\n ProxyCommand \n User x\n', 'a'],
  [
    'the first of jump and command',
    'Host a\n ProxyJump g\nHost b\n ProxyCommand nc\nHost *\n ProxyCommand x\n ProxyJump y\n',
    'a',
    'b',
    'c',
  ],
  ['single quotes', "Host a\n IdentityFile '/x y'\n", 'a'],
];

/** Where Biphase differs on purpose: what it makes of a host, and whether ssh takes the file. */
const differences: [reason: string, config: string, ours: Answer, theirs: Answer][] = [
  ['a file may hold what only another ssh knows', 'Colour blue\nUser w\n', { user: 'w' }, { error: 'yes' }],
  ['values of other hosts are not judged', 'Host b\n Port many\n', { port: '22' }, { error: 'yes' }],
  ['what is not yes is no', 'IdentitiesOnly perhaps\n', { identitiesOnly: 'no' }, { error: 'yes' }],
  ['a host name is not looked up', 'CanonicalizeHostname yes\n', { host: 'a' }, { host: 'a' }],
  ['a link is never left unwatched', 'ServerAliveCountMax 0\n', { alive: '15×3' }, { alive: '15×0' }],
];

test('differences to ssh are those on purpose', { skip }, async (t) => {
  for (const [reason, config, mine, its] of differences)
    await t.test(reason, () => {
      const sources = sourcesOf(config);
      const pick = (answer: Answer, like: Answer): Answer =>
        Object.fromEntries(Object.keys(like).map((key) => [key, answer[key] ?? '']));
      assert.deepEqual(pick(ours({ host: 'a' }, sources), mine), mine);
      assert.deepEqual(pick(theirs({ host: 'a' }, sources), its), its);
    });
});

test('hosts are resolved as ssh -G does', { skip }, async (t) => {
  for (const [name, config, ...hops] of table)
    for (const each of hops) {
      const hop = typeof each === 'string' ? { host: each } : each;
      await t.test(`${name}: ${hop.user ?? ''}${hop.host}`, () => {
        const sources = sourcesOf(config);
        assert.deepEqual(ours(hop, sources), theirs(hop, sources));
      });
    }
});

test('tokens in the names of key files are those of ssh', { skip }, async () => {
  // ssh -G prints these names unexpanded; ssh -v prints what it tries once a server has answered.
  const server = net.createServer((socket) => socket.end('SSH-2.0-none\r\n')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  try {
    const letters = ['C', 'L', 'd', 'h', 'i', 'k', 'l', 'n', 'p', 'r', 'u', '%'];
    const names = letters.map((letter) => ` IdentityFile /none/x%${letter}\n`);
    const config = `Host a\n HostName 127.0.0.1\n Port ${port}\n User ana\n HostKeyAlias Al\n${names.join('')} IdentityFile \${HOME}/e\n`;
    const sources = sourcesOf(config);
    const log = await new Promise<string>((resolve) => {
      execFile('ssh', ['-v', '-F', sources.userFile, 'a'], (_error, _stdout, stderr) => resolve(stderr));
    });
    const tried = [...log.matchAll(/identity file (.+) type -?\d+/g)].map((match) => match[1]!);
    const files = resolveSshTarget({ host: 'a' }, sources).identityFiles.map((each) => each.file);
    assert.deepEqual(
      files,
      tried.filter((file) => !file.endsWith('-cert')),
    );
    assert.equal(files.length, letters.length + 1);
  } finally {
    server.close();
  }
});
