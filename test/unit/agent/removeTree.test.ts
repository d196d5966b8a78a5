import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { removeTree } from '../../../src/agent/space/removeTree.ts';

let folder: string;
const at = (...parts: string[]): string => path.join(folder, ...parts);
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-tree-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

test('files, links and folders go; what a link leads to stays', async () => {
  fs.mkdirSync(at('tree/a/b'), { recursive: true });
  fs.mkdirSync(at('outside'));
  fs.writeFileSync(at('outside/file'), '');
  for (const link of ['tree/link', 'tree/a/b/link']) fs.symlinkSync(at('outside'), at(link));
  fs.symlinkSync('nowhere', at('tree/broken'));
  for (let i = 0; i < 100; i++) fs.writeFileSync(at(`tree/a/${i}`), '');
  fs.symlinkSync(at('outside'), at('alone'));
  for (const place of ['tree', 'alone', 'none']) await removeTree(at(place));
  assert.deepEqual(fs.readdirSync(folder), ['outside']);
  assert.deepEqual(fs.readdirSync(at('outside')), ['file']);
});

test('two that delete the same end both', async () => {
  for (let i = 0; i < 50; i++) {
    fs.mkdirSync(at(`tree/${i}`), { recursive: true });
    for (let j = 0; j < 20; j++) fs.writeFileSync(at(`tree/${i}/${j}`), '');
  }
  await Promise.all([removeTree(at('tree')), removeTree(at('tree'))]);
  assert.deepEqual(fs.readdirSync(folder), []);
});

test('a few files are deleted at a time, however many there are', async () => {
  fs.mkdirSync(at('tree'));
  for (let i = 0; i < 500; i++) fs.writeFileSync(at(`tree/${i}`), '');
  let open = 0;
  let most = 0;
  const { unlink } = fs.promises;
  const counted = mock.method(fs.promises, 'unlink', async (place: string) => {
    most = Math.max(most, ++open);
    await unlink(place);
    open--;
  });
  await removeTree(at('tree'));
  counted.mock.restore();
  assert.equal(counted.mock.callCount(), 500);
  assert.ok(most <= 32, `${most} at a time`);
});
