import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { ConfigCommand } from '../../../../src/control/nodes/ssh/configCommand.ts';
import {
  resolveSshTarget,
  type SshHop,
  type SshSources,
  sshHosts,
} from '../../../../src/control/nodes/ssh/sshConfig.ts';

let home: string;

before(() => {
  home = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-config-'));
  fs.mkdirSync(path.join(home, '.ssh/conf.d'), { recursive: true });
});
after(() => fs.rmSync(home, { recursive: true, force: true }));

function sources(config: string, environment: NodeJS.ProcessEnv = {}): SshSources {
  fs.writeFileSync(path.join(home, '.ssh/config'), config);
  return {
    home,
    userFile: path.join(home, '.ssh/config'),
    systemFile: path.join(home, 'etc/ssh_config'),
    localUser: 'me',
    environment,
  };
}

const resolve = (config: string, hop: SshHop | string, environment: NodeJS.ProcessEnv = {}) =>
  resolveSshTarget(typeof hop === 'string' ? { host: hop } : hop, sources(config, environment));

test('aliases, wildcards and negation; the first value wins', () => {
  const config = `host ATLAS atlas\n  hostname=node1.%h.example\n  user ana\n  port 2222
Host *.lab !old.lab\n  User lab
Host *\n  User other\n  IdentityFile ~/.ssh/%r_key\n  IdentityFile "~/with space"\n`;
  const atlas = resolve(config, 'atlas');
  assert.deepEqual([atlas.host, atlas.user, atlas.port], ['node1.atlas.example', 'ana', 2222]);
  assert.deepEqual(
    atlas.identityFiles.map((each) => each.file),
    [path.join(home, '.ssh/ana_key'), path.join(home, 'with space')],
  );
  assert.equal(resolve(config, 'new.lab').user, 'lab');
  assert.equal(resolve(config, 'old.lab').user, 'other');
  assert.equal(resolve(config, { host: 'atlas', user: 'bob', port: 7 }).user, 'bob');
  assert.equal(resolve(config, { host: 'atlas', user: 'bob', port: 7 }).port, 7);
});

test('without a configuration the defaults of ssh hold', () => {
  const target = resolve('', 'Plain.Example', { SSH_AUTH_SOCK: '/agent' });
  assert.deepEqual([target.host, target.port, target.user], ['plain.example', 22, 'me']);
  assert.equal(target.identityAgent, '/agent');
  assert.equal(target.hashKnownHosts, false);
  assert.equal(target.userKnownHostsFiles[0], path.join(home, '.ssh/known_hosts'));
  assert.ok(target.identityFiles.every((each) => !each.explicit));
});

test('agents, known_hosts files and aliases of host keys', () => {
  const config = `Host a\n  IdentityAgent none\n  IdentitiesOnly yes\n  HostKeyAlias Cluster
  UserKnownHostsFile ~/one "~/two words"\n  GlobalKnownHostsFile none\n  HashKnownHosts yes
  ServerAliveInterval 1m\n  StrictHostKeyChecking no
Host b\n  IdentityAgent $MY_AGENT\nHost c\n  IdentityAgent ~/%u.sock\n`;
  const a = resolve(config, 'a', { SSH_AUTH_SOCK: '/agent' });
  assert.equal(a.identityAgent, null);
  assert.equal(a.identitiesOnly, true);
  assert.equal(a.hostKeyAlias, 'cluster');
  assert.deepEqual(a.userKnownHostsFiles, [path.join(home, 'one'), path.join(home, 'two words')]);
  assert.deepEqual(a.globalKnownHostsFiles, []);
  assert.equal(a.serverAliveSeconds, 60);
  assert.match(a.notes[0]!, /StrictHostKeyChecking no is not honoured/);
  assert.deepEqual(resolve('CanonicalizeHostname yes\nStrictHostKeyChecking ask\n', 'x').notes, [
    'CanonicalizeHostname is not followed for x: its name is taken as it stands.',
  ]);
  assert.equal(resolve(config, 'b', { MY_AGENT: '/mine' }).identityAgent, '/mine');
  assert.equal(resolve(config, 'c').identityAgent, path.join(home, 'me.sock'));
});

test('jumps with users, ports and addresses; none switches them off', () => {
  const jumps = (value: string) => resolve(`Host x\n  ProxyJump ${value}\n`, 'x').jumps;
  assert.deepEqual(jumps('ana@gate:2200,[::1]:22,ssh://far'), [
    { host: 'gate', user: 'ana', port: 2200 },
    { host: '::1', user: undefined, port: 22 },
    { host: 'far', user: undefined, port: undefined },
  ]);
  assert.deepEqual(jumps('%r@%n-gate'), [{ host: 'x-gate', user: 'me', port: undefined }]);
  assert.deepEqual(jumps('none'), []);
  const { identityFiles } = resolve('ProxyJump one,ana@two:7\nIdentityFile /keys/%j\n', 'x');
  assert.equal(identityFiles[0]!.file, '/keys/two');
  assert.deepEqual(
    resolve('Host x\n  ProxyJump none\nHost *\n  ProxyJump gate\n  ProxyCommand nc\n', 'x').jumps,
    [],
  );
});

test('Include is expanded in place, with wildcards, also inside a block; loops end', () => {
  fs.writeFileSync(path.join(home, '.ssh/conf.d/b'), 'Host inc-b\n  User from-b\n');
  fs.writeFileSync(path.join(home, '.ssh/conf.d/a'), 'Host inc-a\n  User from-a\nUser swallowed\n');
  fs.writeFileSync(path.join(home, '.ssh/loop'), 'Include loop\n');
  const config = 'Host top\n  Include conf.d/b\n  Port 5\nInclude conf.d/*\nHost inc-b\n  User late\n';
  // The last Include belongs to the block before it, as in ssh: only the host "top" reads it.
  assert.equal(resolve(config, 'inc-b').user, 'late');
  assert.equal(resolve(`Include conf.d/* missing\n${config}`, 'inc-b').user, 'from-b');
  assert.equal(resolve(config, 'top').port, 5);
  assert.deepEqual(sshHosts(sources(`Include conf.d/*\nHost *.x one !two three*\n`)), [
    'inc-a',
    'inc-b',
    'one',
  ]);
  assert.throws(() => resolve('Include loop\n', 'x'), { kind: 'usage', message: /deeper than 16/ });
});

test('Match works on names and users, and never runs anything', () => {
  const canary = path.join(home, 'canary');
  const config = `Host alias\n  HostName real.example
Match host real.example user me\n  Port 99
Match originalhost nope exec "touch ${canary}"\n  Port 1
Match !host real.example\n  Port 98
Match final host *.example\n  User finally
Match all\n  Port 1\n`;
  assert.equal(resolve(config, 'alias').port, 99);
  assert.equal(resolve(config, 'alias').user, 'finally');
  assert.equal(resolve(config, 'other').port, 98);
  assert.throws(() => resolve(config, 'nope'), { kind: 'needs-person', message: /Match exec in line 5 of/ });
  resolve(`Host x\n  ProxyCommand touch ${canary}\n`, 'x');
  assert.equal(fs.existsSync(canary), false);
});

test('a command is told exactly, with its file and line; its outcome decides', () => {
  fs.writeFileSync(
    path.join(home, '.ssh/more'),
    '# one\nMatch host x exec "test -e \'/a  b\' && x=%p"\n  Port 7\n',
  );
  const config = sources('Include more\r\n\r\n  ProxyCommand ssh -W "%h:%p" gate # %% %r\t\r\n');
  const asked: ConfigCommand[] = [];
  const target = (outcome: boolean) =>
    resolveSshTarget({ host: 'x' }, config, (command) => {
      asked.push(command);
      return outcome;
    });
  const yes = target(true);
  const file = (name: string) => path.join(home, '.ssh', name);
  assert.equal(yes.port, 7);
  assert.equal(target(false).port, 22);
  assert.deepEqual(asked[0], {
    ...{ keyword: 'Match exec', text: "test -e '/a  b' && x=22", file: file('more'), line: 2 },
  });
  assert.deepEqual(yes.proxyCommand, {
    ...{ keyword: 'ProxyCommand', text: 'ssh -W "x:7" gate # % me', file: file('config'), line: 3 },
  });
});

test('names with characters of a shell are refused before anything could run', () => {
  const evil = [
    'a;b',
    '$(touch x)',
    '`x`',
    'a b',
    '-oProxyCommand=x',
    'a|b',
    "a'b",
    'a\nb',
    'a\\b',
    'a&',
    'a>b',
    '{a}',
  ];
  for (const host of evil) {
    assert.throws(() => resolve('', host), { kind: 'refused', message: /is no host name/ }, host);
    const hidden = `Host x\n  HostName "${host.replaceAll('\n', '\u007f')}"\n  ProxyCommand nc %h 22\n`;
    assert.throws(() => resolve(hidden, 'x'), { kind: 'refused' }, host);
  }
  for (const user of ['a;b', '$(x)', 'a -o', '-x', 'a\\'])
    assert.throws(() => resolve('ProxyCommand ssh -l %r gate\n', { host: 'x', user }), {
      kind: 'refused',
      message: /is no user name/,
    });
  assert.equal(resolve('', { host: 'fe80::1%eth0', user: 'DOMAIN\\ana' }).user, 'DOMAIN\\ana');
  assert.throws(() => resolve('ProxyCommand nc %q\n', 'x'), {
    kind: 'usage',
    message: /has %q, which is no token/,
  });
});

test('nonsense is a sentence that names the file', () => {
  assert.throws(() => resolve('Host "open\n  Port 1\n', 'x'), {
    kind: 'usage',
    message: /config is not a valid/,
  });
  assert.throws(() => resolve('Port many\n', 'x'), { kind: 'usage', message: /Port "many"/ });
  assert.throws(() => resolve('Port 70000\n', 'x'), { kind: 'usage', message: /Port "70000" .* not a port/ });
  assert.throws(() => resolve('Host x\n User\n Port 3\n', 'x'), { message: /config .*: User has no value/ });
  assert.throws(() => resolve('Match weather rain\n  Port 1\n', 'x'), { message: /Match weather/ });
});
