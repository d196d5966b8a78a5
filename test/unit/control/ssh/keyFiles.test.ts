import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { readKeyFile } from '../../../../src/control/nodes/ssh/keyFiles.ts';

let folder: string;
before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-keys-'));
});
after(() => fs.rmSync(folder, { recursive: true, force: true }));

function field(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content as string);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(bytes.length);
  return Buffer.concat([head, bytes]);
}

const hardwareType = 'sk-ssh-ed25519@openssh.com';
const hardwareKey = Buffer.concat([field(hardwareType), field(Buffer.alloc(32, 1)), field('ssh:')]);

/** A key of OpenSSH's own format, as `ssh-keygen -t ed25519-sk` leaves it. */
function hardwareFile(cipher: 'none' | 'aes256-ctr'): string {
  const locked = cipher !== 'none';
  const bytes = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    field(cipher),
    field(locked ? 'bcrypt' : 'none'),
    field(locked ? Buffer.concat([field(Buffer.alloc(16)), Buffer.from([0, 0, 0, 16])]) : ''),
    Buffer.from([0, 0, 0, 1]),
    field(hardwareKey),
    field(Buffer.alloc(128)),
  ]);
  const text = bytes.toString('base64').replace(/.{70}/g, '$&\n');
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${text}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

function problemsOf(name: string, content: string): string[] {
  const file = path.join(folder, name);
  fs.writeFileSync(file, content);
  const problems: string[] = [];
  assert.equal(readKeyFile(file, true, problems), undefined);
  return problems.map((problem) => problem.replace(`${file} `, ''));
}

test('a security key is named, locked or not, and no passphrase of it is asked for', () => {
  const sentence = ['belongs to a security key, which Biphase cannot use'];
  assert.deepEqual(problemsOf('sk', hardwareFile('none')), sentence);
  assert.deepEqual(problemsOf('sk-locked', hardwareFile('aes256-ctr')), sentence);
  assert.deepEqual(problemsOf('sk.pub', `${hardwareType} ${hardwareKey.toString('base64')} me\n`), sentence);
});

test('a certificate beside a key is named', () => {
  fs.writeFileSync(path.join(folder, 'id-cert.pub'), '');
  const problems = problemsOf('id', 'nothing');
  assert.match(problems[0]!, /id-cert.pub is a certificate, which Biphase cannot use/);
  assert.match(problems[1]!, /^is no key that Biphase can use/);
});
