import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { NodeRoot } from '../../../src/agent/nodeRoot.ts';
import { unpackFiles } from '../../../src/agent/unpackFiles.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

test('files of a pack are made below its folder only, and only as they should be', async () => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-unpack-'));
  try {
    const cache = path.join(root, 'cache');
    const folder = path.join(cache, 'stage');
    fs.mkdirSync(path.join(folder, 'inner'), { recursive: true });
    const pack = path.join(cache, 'abc.pack');
    const listed = (name: string, text: string) => ({ path: name, bytes: text.length, sha256: sha256(text) });
    const files = [listed('a.txt', 'one'), listed('inner/$(b)\n.txt', 'three'), listed('empty.txt', '')];
    const unpack = (more: object = {}) => unpackFiles(new NodeRoot(root), { pack, folder, files, ...more });
    const ready = () => fs.writeFileSync(pack, 'onethree');
    ready();
    for (const name of ['../out.txt', 'inner/../../out.txt', '.'])
      await assert.rejects(unpack({ files: [listed(name, 'one')] }), { kind: 'refused' }, name);
    await assert.rejects(unpack({ folder: root }), { kind: 'refused' });
    await assert.rejects(unpack({ pack: path.join(root, 'abc.pack') }), { kind: 'refused' });
    await assert.rejects(unpack({ files: [listed('a.txt', 'two')] }), { kind: 'damaged' });
    assert.ok(!fs.existsSync(path.join(cache, 'abc.done')));
    await unpack();
    assert.equal(fs.readFileSync(path.join(folder, 'a.txt'), 'utf8'), 'one');
    assert.equal(fs.readFileSync(path.join(folder, 'inner/$(b)\n.txt'), 'utf8'), 'three');
    assert.equal(fs.readFileSync(path.join(folder, 'empty.txt'), 'utf8'), '');
    assert.deepEqual(fs.readdirSync(cache).sort(), ['abc.done', 'stage']);
  } finally {
    fs.rmSync(root, { recursive: true });
  }
});
