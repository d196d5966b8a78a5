import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { binaryFrom } from '../../../../src/control/nodes/bootstrap/fetchNode.ts';
import { readFacts } from '../../../../src/control/nodes/bootstrap/nodeFacts.ts';
import { nodeReleases } from '../../../../src/control/nodes/bootstrap/nodeRelease.ts';

test('the builds that are fetched are those that the lockfile pins', () => {
  const lockfile = path.join(import.meta.dirname, '../../../../package-lock.json');
  const { packages } = JSON.parse(fs.readFileSync(lockfile, 'utf8')) as {
    packages: Record<string, { version: string; integrity: string }>;
  };
  for (const release of Object.values(nodeReleases)) {
    const locked = packages[`node_modules/${release.package}`];
    assert.equal(release.version, locked?.version);
    assert.equal(release.integrity, locked?.integrity);
  }
});

test('the binary of an installed build is the pinned one', () => {
  const folder = path.join(import.meta.dirname, '../../../../node_modules');
  for (const release of Object.values(nodeReleases)) {
    assert.match(release.sha256, /^[0-9a-f]{64}$/);
    const file = path.join(folder, release.package, 'bin/node');
    // Only this machine's is installed.
    if (!fs.existsSync(file)) continue;
    assert.equal(createHash('sha256').update(fs.readFileSync(file)).digest('hex'), release.sha256);
  }
});

test('a package with another hash is not unpacked', async () => {
  await assert.rejects(binaryFrom(Buffer.from('x'), nodeReleases['linux-x64']!), { kind: 'damaged' });
});

test('odd nodes get one sentence', () => {
  const answer = (os: string, arch: string, more = '') =>
    `biphase:root=/r\nbiphase:os=${os}\nbiphase:arch=${arch}\n${more}biphase:end=yes\n`;
  const read = (text: string) => readFacts(text, 'atlas', '~/.biphase');
  assert.equal(read(answer('Linux', 'aarch64', 'biphase:musl=yes\n')).platform, 'linux-arm64-musl');
  assert.deepEqual(read(answer('Linux', 'x86_64', 'biphase:glibc=2.36\n')).glibc, [2, 36]);
  assert.throws(() => read(answer('AIX', 'ppc64')), { kind: 'missing', message: /AIX on ppc64/ });
  assert.throws(() => read(`Welcome\n${answer('Linux', 'x86_64')}`), {
    message: /start files .* print text/,
  });
  assert.throws(() => read('This account is disabled.\n'), { message: /no POSIX shell/ });
});
