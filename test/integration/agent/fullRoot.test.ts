import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { NodeRoot } from '../../../src/agent/nodeRoot.ts';
import { thisMachine } from '../../../src/agent/processTable.ts';
import { freeSpace } from '../../../src/agent/space/freeSpace.ts';
import type { SpaceItem } from '../../../src/protocol/diskSpace.ts';
import { writeRunFolder } from '../../support/runFolder.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-full-root-'));
after(() => fs.rmSync(folder, { recursive: true, force: true }));
const [a, b] = ['20250101-aaaaaaaa', '20250101-bbbbbbbb'] as const;

/** Writes until nothing more fits: not a byte, nor a file. */
function fill(place: string): void {
  const is = (thrown: unknown): boolean => (thrown as NodeJS.ErrnoException).code === 'ENOSPC';
  const fd = fs.openSync(path.join(place, 'ballast'), 'w');
  try {
    for (;;) fs.writeSync(fd, Buffer.alloc(4096));
  } catch (thrown) {
    assert.ok(is(thrown));
  } finally {
    fs.closeSync(fd);
  }
  try {
    for (let i = 0; ; i++) fs.writeFileSync(path.join(place, `empty-${i}`), '');
  } catch (thrown) {
    assert.ok(is(thrown));
  }
}

test('on a disk that takes not one more file, checkpoints, cache entries and runs are deleted all the same', async (t) => {
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m,nr_inodes=200', 'tmpfs', folder]).status !== 0)
    return t.skip('mounting a tmpfs needs root');
  try {
    const root = new NodeRoot(folder);
    root.prepare();
    // It ended on this machine: nobody of these numbers lives any more.
    for (const run of [a, b]) writeRunFolder(folder, run, { state: 'stopped', steps: [10, 20] });
    fs.mkdirSync(path.join(root.cache, 'tokens/key'), { recursive: true });
    fs.writeFileSync(path.join(root.cache, 'tokens/key/shard'), Buffer.alloc(5000));
    const items: SpaceItem[] = [
      { kind: 'checkpoints', run: a, steps: [10], kept: false },
      { kind: 'cache', entry: 'tokens/key' },
      { kind: 'run', run: b },
    ];
    for (const item of items) {
      fill(folder);
      const [freed] = await freeSpace(root, [item], { table: thisMachine, ownBundle: 'own' });
      assert.equal(freed?.problem, null);
      assert.ok(freed.bytes >= 5000);
    }
    assert.deepEqual(fs.readdirSync(root.runs), [a]);
    assert.deepEqual(fs.readdirSync(path.join(root.runs, a, 'checkpoints')), ['step-000020']);
    assert.deepEqual(fs.readdirSync(path.join(root.cache, 'tokens')), []);
  } finally {
    spawnSync('umount', [folder]);
  }
});
