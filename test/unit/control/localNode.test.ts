import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { Bundle } from '../../../src/control/nodes/bundle.ts';
import { localNode } from '../../../src/control/nodes/localNode.ts';
import { LocalTransport } from '../../../src/control/nodes/localTransport.ts';
import type { PrepareContext } from '../../../src/control/nodes/transport.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-local-'));
const bundle: Bundle = {
  folder,
  version: '0.1.0',
  hashFor: () => 'hash',
  filesFor: () => [{ path: 'bundle.json', sha256: null }],
};
fs.writeFileSync(path.join(folder, 'bundle.json'), '{}');

test.after(() => fs.rmSync(folder, { recursive: true }));

function prepare(config: { root?: string; nodePath?: string }) {
  return localNode.prepare(new LocalTransport(), {
    config: { name: 'this computer', kind: 'local', ...config },
    bundle,
  } as PrepareContext);
}

test('a root that cannot be one is refused in one sentence', {
  skip: process.platform === 'win32',
}, async () => {
  const file = path.join(folder, 'file');
  fs.writeFileSync(file, '');
  for (const root of [file, path.join(file, 'below')])
    await assert.rejects(prepare({ root }), {
      kind: 'refused',
      message: `${root} cannot be written (EEXIST).`,
      next: 'Set another root for this computer.',
    });
  await assert.rejects(prepare({ root: 'runs' }), {
    kind: 'usage',
    message: 'The root runs is not an absolute path.',
  });
});

test('a program that starts and is no Node is refused', { skip: process.platform === 'win32' }, async () => {
  const root = path.join(folder, 'root');
  for (const nodePath of ['/bin/sh', 'true', '/nowhere/node'])
    await assert.rejects(prepare({ root, nodePath }), {
      kind: 'usage',
      message: `${nodePath} is not a Node that starts.`,
    });
  assert.match((await prepare({ root, nodePath: process.execPath })).findings.join(' '), /Node: .*, v\d+/);
});
