import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { connectSsh } from '../../../src/control/nodes/ssh/connect.ts';
import {
  checkHostKey,
  hashedHost,
  knownHostsName,
  loadKnownHosts,
} from '../../../src/control/nodes/ssh/knownHosts.ts';
import { makeKey, type Sshd, sshdPath, startSshd } from '../../support/sshd.ts';
import { testPrompter } from '../../support/testPrompter.ts';

const skip = sshdPath() ? false : 'no sshd on this machine';
let folder: string;
let sshd: Sshd;
let login: string;
let right: string;
let wrong: string;
let wrongType: string;

before(async () => {
  if (skip) return;
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-table-'));
  login = makeKey(path.join(folder, 'login'));
  sshd = await startSshd({ folder: path.join(folder, 'sshd'), authorized: [`${login}.pub`] });
  right = keyOf(sshd.hostKeys[0]!);
  wrong = keyOf(`${makeKey(path.join(folder, 'wrong'))}.pub`);
  wrongType = keyOf(`${makeKey(path.join(folder, 'ecdsa'), { type: 'ecdsa' })}.pub`);
});
after(async () => {
  await sshd?.stop();
  if (folder) fs.rmSync(folder, { recursive: true, force: true });
});

function keyOf(publicFile: string): string {
  return fs.readFileSync(publicFile, 'utf8').split(' ').slice(0, 2).join(' ');
}

/** Files of one lookup: the user's, in order, and the system's. */
interface Files {
  user: string[];
  global?: string;
}

/** ssh's own verdict: BatchMode refuses unknown and changed keys with different words. */
function opensshVerdict(files: Files, alias?: string, server = sshd): Promise<string> {
  const options = [
    'BatchMode=yes',
    'StrictHostKeyChecking=ask',
    `UserKnownHostsFile=${files.user.join(' ')}`,
    `GlobalKnownHostsFile=${files.global ?? 'none'}`,
    'UpdateHostKeys=no',
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    ...(alias ? [`HostKeyAlias=${alias}`] : []),
  ].flatMap((option) => ['-o', option]);
  const argv = ['-F', 'none', ...options, '-i', login, '-p', String(server.port), '127.0.0.1', 'true'];
  return new Promise((resolve) => {
    execFile('ssh', argv, (error, _stdout, stderr) => {
      if (!error) resolve('known');
      else if (/REVOKED HOST KEY/.test(stderr)) resolve('revoked');
      else if (/IDENTIFICATION HAS CHANGED/.test(stderr)) resolve('changed');
      else if (/Host key verification failed/.test(stderr)) resolve('unknown');
      else resolve(`error: ${stderr}`);
    });
  });
}

test('verdicts equal those of OpenSSH', { skip }, async (t) => {
  const host = '127.0.0.1';
  const named = `[${host}]:${sshd.port}`;
  const table: [name: string, text: string, alias?: string][] = [
    ['empty', ''],
    ['plain', `${named} ${right}\n`],
    ['no final newline', `${named} ${right}`],
    ['a comment behind the key', `${named} ${right} admin@lab\n`],
    ['comma list', `a.example,${named},b.example ${right}\n`],
    ['hashed', `${hashedHost(named)} ${right}\n`],
    ['hashed for another host', `${hashedHost('[127.0.0.2]:1')} ${right}\n`],
    ['hashed with broken base64', `|1|!!|?? ${right}\n`],
    ['hashed of an unknown kind', `${hashedHost(named).replace('|1|', '|2|')} ${right}\n`],
    ['changed', `${named} ${wrong}\n`],
    ['hashed and changed', `${hashedHost(named)} ${wrong}\n`],
    ['another type only', `${named} ${wrongType}\n`],
    ['changed, then right', `${named} ${wrong}\n${named} ${right}\n`],
    ['revoked', `@revoked ${named} ${right}\n`],
    ['right, then revoked', `${named} ${right}\n@revoked * ${right}\n`],
    ['another key revoked', `@revoked * ${wrong}\n${named} ${right}\n`],
    ['wildcard', `[127.*]:* ${right}\n`],
    ['question mark', `[127.0.0.?]:${sshd.port} ${right}\n`],
    ['negation', `*,!${named} ${right}\n`],
    ['negation of another host', `*,!other ${right}\n`],
    ['bare host vouches for a port', `${host} ${right}\n`],
    ['bare host with another key', `${host} ${wrong}\n`],
    ['another port', `[${host}]:1 ${right}\n`],
    ['authority only', `@cert-authority * ${right}\n`],
    ['authority and plain', `@cert-authority * ${wrong}\n${named} ${right}\n`],
    ['unknown marker', `@trusted ${named} ${right}\n`],
    ['two markers', `@revoked @cert-authority ${named} ${right}\n`],
    ['garbage lines around', `\n# note\nxx\n${named}\n${named} ssh-ed25519\n${named} ${right}\n\u0000\n`],
    ['type and key differ', `${named} ssh-rsa ${right.split(' ')[1]}\n`],
    ['truncated key', `${named} ${right.slice(0, -20)}\n`],
    ['leading blanks and tabs', ` \t${named}\t${right.replace(' ', '\t')}\n`],
    ['carriage returns', `${named} ${right}\r\n`],
    ['alias', `cluster ${right}\n`, 'cluster'],
    ['alias ignores the address', `${named} ${wrong}\ncluster ${right}\n`, 'cluster'],
    ['alias changed', `${named} ${right}\ncluster ${wrong}\n`, 'cluster'],
    ['upper case address', `[127.0.0.1]:${sshd.port},CLUSTER ${right}\n`],
    ['comment line with a key', `#${named} ${right}\n`],
    ['hashed among carriage returns', `# a\r\n${hashedHost(named)} ${right}\r\n`],
    ['a comment of words', `${named} ${right} the admin # said so\n`],
    ['revoked for another host', `@revoked other ${right}\n${named} ${right}\n`],
    ['revoked, bare host', `@revoked ${host} ${right}\n`],
    ['revoked, bare host, port known', `@revoked ${host} ${right}\n${named} ${right}\n`],
    ['negated revocation', `@revoked *,!${named} ${right}\n${named} ${right}\n`],
    ['a blank in the hosts', `${named}, other ${right}\n`],
    ['an empty name in the list', `,${named}, ${right}\n`],
    ['a byte order mark', `\ufeff${named} ${right}\n`],
    ['marker in capitals', `@REVOKED ${named} ${right}\n${named} ${right}\n`],
    ['marker without a line', `@revoked\n${named} ${right}\n`],
    ['alias on a port', `[cluster]:${sshd.port} ${right}\n`, 'cluster'],
    ['upper case pattern', `CLUSTER ${right}\n`, 'cluster'],
  ];
  const file = path.join(folder, 'known_hosts');
  const key = Buffer.from(right.split(' ')[1]!, 'base64');
  for (const [name, text, alias] of table)
    await t.test(name, async () => {
      fs.writeFileSync(file, text);
      const theirs = await opensshVerdict({ user: [file] }, alias);
      const ours = checkHostKey(loadKnownHosts([file]), alias ?? knownHostsName(host, sshd.port), key);
      assert.equal(ours.result, theirs);
    });
});

test('verdicts over several files and several keys a host equal those of OpenSSH', { skip }, async (t) => {
  const server = await startSshd({
    folder: path.join(folder, 'sshd-many'),
    authorized: [`${login}.pub`],
    hostKeyTypes: ['ecdsa', 'rsa', 'ed25519'],
  });
  t.after(() => server.stop());
  const shown = (type: string): string => keyOf(path.join(folder, 'sshd-many', `host_${type}.pub`));
  const other = (type: string): string =>
    keyOf(`${makeKey(path.join(folder, `other_${type}`), { type })}.pub`);
  const named = `[127.0.0.1]:${server.port}`;
  const line = (key: string, hosts = named): string => `${hosts} ${key}\n`;
  const [ed, rsa, ecdsa] = ['ed25519', 'rsa', 'ecdsa'].map(shown) as [string, string, string];
  const [badEd, badRsa, badEcdsa] = ['ed25519', 'rsa', 'ecdsa'].map(other) as [string, string, string];
  const table: [name: string, one: string, two?: string, global?: string][] = [
    ['nothing in any file', ''],
    ['second file', '', line(ed)],
    ['global file', '', '', line(rsa)],
    ['user right, global wrong', line(ed), '', line(badEd)],
    ['user wrong, global right', line(badEd), '', line(ed)],
    ['user wrong, second right', line(badEd), line(ed)],
    ['revoked in the second file', line(ed), `@revoked ${line(ed)}`],
    ['revoked in the global file', line(ed), '', `@revoked ${line(ed, '*')}`],
    ['authority in the global file', line(ecdsa), '', `@cert-authority ${line(badEd, '*')}`],
    ['rsa only', line(rsa)],
    ['ecdsa only', line(ecdsa)],
    ['all three', line(ecdsa) + line(rsa) + line(ed)],
    ['one of two is another', line(ed) + line(badRsa)],
    ['the first of two is another', line(badEd) + line(rsa)],
    ['ecdsa is another, rsa right', line(badEcdsa) + line(rsa)],
    ['all are others', line(badEd) + line(badRsa) + line(badEcdsa)],
    ['one revoked, another right', `@revoked ${line(ed)}${line(rsa)}`],
    ['two of a type', line(badEd) + line(ed)],
    ['several names, hashed', line(rsa, hashedHost('elsewhere')) + line(rsa, hashedHost(named))],
    ['bare host by rsa', line(rsa, '127.0.0.1')],
    ['bare host by another, port by rsa', line(badEd, '127.0.0.1') + line(rsa)],
    ['a type that nobody has', line(rsa).replace('ssh-rsa', 'ssh-dss')],
    ['another type by a wildcard', line(badEcdsa, '*') + line(rsa)],
  ];
  const paths = ['one', 'two', 'global'].map((name) => path.join(folder, `known_${name}`));
  const [one, two, global] = paths as [string, string, string];
  fs.writeFileSync(
    path.join(folder, 'config'),
    `UserKnownHostsFile ${one} ${two}\nGlobalKnownHostsFile ${global}\n`,
  );
  for (const [name, ...texts] of table)
    await t.test(name, async () => {
      for (const [index, file] of paths.entries()) fs.writeFileSync(file, texts[index] ?? '');
      const theirs = await opensshVerdict({ user: [one, two], global }, undefined, server);
      assert.equal(await biphaseVerdict(server), theirs);
    });
});

/** What a whole connection comes to, so that also the key that is asked for counts. */
async function biphaseVerdict(server: Sshd): Promise<string> {
  const prompts = testPrompter({ hostKey: false });
  const sources = {
    home: folder,
    userFile: path.join(folder, 'config'),
    systemFile: path.join(folder, 'none'),
    localUser: os.userInfo().username,
    environment: {},
  };
  const hop = { host: '127.0.0.1', port: server.port, identityFile: login };
  const signal = new AbortController().signal;
  try {
    (await connectSsh(hop, { node: 'atlas', prompts, signal, sources })).close();
    return 'known';
  } catch (error) {
    const { message } = error as Error;
    if (/revoked host key/.test(message)) return 'revoked';
    if (/another host key/.test(message)) return 'changed';
    return prompts.hostKeys.length === 1 || /certificate authority/.test(message) ? 'unknown' : message;
  }
}
