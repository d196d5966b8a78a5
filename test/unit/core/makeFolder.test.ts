import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { makeFolder } from '../../../src/core/makeFolder.ts';

test('a folder is made with all above it, for this user alone, also where it is there already', (context) => {
  const top = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-folder-'));
  context.after(() => fs.rmSync(top, { recursive: true }));
  const folder = path.join(top, 'a/b/c');
  makeFolder(folder);
  makeFolder(folder);
  assert.equal(fs.statSync(folder).mode & 0o777, 0o700);
  fs.writeFileSync(path.join(top, 'file'), '');
  assert.throws(() => makeFolder(path.join(top, 'file')), { code: 'EEXIST' });
  assert.throws(() => makeFolder(path.join(top, 'file/x/y')), { code: 'EEXIST' });
});

test('where the system makes no folders it fails instead of trying for ever', {
  skip: process.platform !== 'linux',
}, () => {
  assert.throws(() => makeFolder('/proc/biphase/x'), { code: 'ENOENT' });
});
