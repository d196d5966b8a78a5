import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import {
  checkHostKey,
  hashedHost,
  knownHostsName,
  loadKnownHosts,
} from '../../../src/control/nodes/ssh/knownHosts.ts';
import { makeKey, type Sshd, sshdPath, startSshd } from '../../support/sshd.ts';

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
  const keyOf = (file: string): string => fs.readFileSync(file, 'utf8').split(' ').slice(0, 2).join(' ');
  right = keyOf(sshd.hostKeys[0]!);
  wrong = keyOf(`${makeKey(path.join(folder, 'wrong'))}.pub`);
  wrongType = keyOf(`${makeKey(path.join(folder, 'ecdsa'), { type: 'ecdsa' })}.pub`);
});
after(async () => {
  await sshd?.stop();
  if (folder) fs.rmSync(folder, { recursive: true, force: true });
});

/** ssh's own verdict: BatchMode refuses unknown and changed keys with different words. */
function opensshVerdict(file: string, alias: string | undefined): Promise<string> {
  const options = [
    'BatchMode=yes',
    'StrictHostKeyChecking=ask',
    `UserKnownHostsFile=${file}`,
    'GlobalKnownHostsFile=none',
    'UpdateHostKeys=no',
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    ...(alias ? [`HostKeyAlias=${alias}`] : []),
  ].flatMap((option) => ['-o', option]);
  const argv = ['-F', 'none', ...options, '-i', login, '-p', String(sshd.port), '127.0.0.1', 'true'];
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
    ['upper case pattern', `CLUSTER ${right}\n`, 'cluster'],
  ];
  const file = path.join(folder, 'known_hosts');
  const key = Buffer.from(right.split(' ')[1]!, 'base64');
  for (const [name, text, alias] of table)
    await t.test(name, async () => {
      fs.writeFileSync(file, text);
      const theirs = await opensshVerdict(file, alias);
      const ours = checkHostKey(loadKnownHosts([file]), alias ?? knownHostsName(host, sshd.port), key);
      assert.equal(ours.result, theirs);
    });
});
