import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { test } from 'node:test';
import { prepareNode } from '../../../../src/control/nodes/bootstrap/prepareNode.ts';
import type { Bundle } from '../../../../src/control/nodes/bundle.ts';
import type { Transport } from '../../../../src/control/nodes/transport.ts';
import { testPrompter } from '../../../support/testPrompter.ts';

/** A node whose probe prints these facts; nothing else may be asked of it. */
function nodeWith(facts: Record<string, string>): Transport {
  const lines = Object.entries({ root: '/r', free: '99999999', gzip: 'yes', ...facts, end: 'yes' });
  let asked = 0;
  return {
    description: 'me@odd:22',
    closed: new Promise(() => {}),
    exec: async () => {
      assert.equal(asked++, 0, 'nothing is copied to a node that cannot run it');
      const text = lines.map(([key, value]) => `biphase:${key}=${value}\n`).join('');
      return {
        stdin: new PassThrough(),
        stdout: Readable.from([Buffer.from(text)]),
        stderr: Readable.from([]),
        exit: Promise.resolve({ known: true, code: 0, signal: null }),
        close: () => {},
      };
    },
    upload: () => assert.fail('no upload'),
    download: () => assert.fail('no download'),
    close: () => {},
  };
}

const bundle: Bundle = {
  folder: '/nowhere/dist/bundle',
  version: '1',
  hashFor: (platform) => `hash-${platform}`,
  filesFor: () => [],
};

const glibc = { os: 'Linux', arch: 'x86_64', glibc: '2.36' };
const cases: [name: string, facts: Record<string, string>, message: RegExp][] = [
  ['musl', { os: 'Linux', arch: 'x86_64', musl: 'yes' }, /has no Node 24, and there is no build for musl/],
  ['musl on ARM', { os: 'Linux', arch: 'aarch64', musl: 'yes' }, /no build for musl/],
  ['an old glibc', { ...glibc, glibc: '2.17' }, /has glibc 2\.17, and Node needs 2\.28 or newer/],
  ['an old glibc on ARM', { ...glibc, arch: 'aarch64', glibc: '2.27' }, /has glibc 2\.27/],
  ['a C library that does not tell', { os: 'Linux', arch: 'x86_64' }, /tell the version of its C library/],
  ['an old Node and musl', { ...glibc, glibc: '', musl: 'yes', node: '22.1.0 /usr/bin/node' }, /no Node 24/],
];

for (const [name, facts, message] of cases)
  test(`a node that nothing can be brought to is one sentence: ${name}`, async () => {
    const prompts = testPrompter({ confirm: true });
    const context = {
      config: { name: 'odd', kind: 'ssh' as const },
      bundle,
      prompts,
      onProgress: () => {},
      signal: new AbortController().signal,
    };
    await assert.rejects(prepareNode(nodeWith(facts), context), {
      kind: 'missing',
      message,
      next: 'Install Node 24 there and name it in the node’s settings.',
    });
    assert.equal(prompts.confirms.length, 0);
  });

test('the platform is told apart by system, processor and C library', async () => {
  const platforms: [string, string, string, string][] = [
    ['Linux', 'x86_64', 'glibc', 'linux-x64-gnu'],
    ['Linux', 'amd64', 'musl', 'linux-x64-musl'],
    ['Linux', 'aarch64', 'glibc', 'linux-arm64-gnu'],
    ['Linux', 'arm64', 'musl', 'linux-arm64-musl'],
    ['Darwin', 'arm64', '', 'darwin-arm64'],
    ['Darwin', 'x86_64', '', 'darwin-x64'],
  ];
  for (const [os, arch, libc, platform] of platforms) {
    const facts = {
      os,
      arch,
      ...(libc && { [libc]: libc === 'glibc' ? '2.36' : 'yes' }),
      node: '24.1.0 /opt/node/bin/node',
      bundle: `hash-${platform}`,
    };
    const context = {
      config: { name: 'odd', kind: 'ssh' as const },
      bundle,
      prompts: testPrompter(),
      onProgress: () => {},
      signal: new AbortController().signal,
    };
    const prepared = await prepareNode(nodeWith(facts), context);
    assert.deepEqual(prepared.agentArgv, [
      '/opt/node/bin/node',
      `/r/bundles/hash-${platform}/biphase.mjs`,
      'agent',
      '--root',
      '/r',
    ]);
  }
});
