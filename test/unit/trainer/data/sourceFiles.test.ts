import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { listSourceFiles } from '../../../../src/trainer/data/sourceFiles.ts';

test('what is no file of text is passed by: pipes, links to nowhere or to themselves, devices, folders', (t) => {
  const corpus = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-text-'));
  t.after(() => fs.rmSync(corpus, { recursive: true, force: true }));
  fs.writeFileSync(path.join(corpus, 'a.txt'), 'text');
  execFileSync('mkfifo', [path.join(corpus, 'pipe.txt')]);
  fs.symlinkSync('itself.txt', path.join(corpus, 'itself.txt'));
  fs.symlinkSync('nowhere', path.join(corpus, 'gone.txt'));
  fs.symlinkSync('/dev/zero', path.join(corpus, 'device.txt'));
  fs.symlinkSync('.', path.join(corpus, 'again'));
  fs.mkdirSync(path.join(corpus, 'folder.txt'));
  assert.deepEqual(listSourceFiles(corpus), [path.join(corpus, 'a.txt')]);
  assert.throws(() => listSourceFiles(path.join(corpus, 'pipe.txt')), /neither a folder nor a file/);
});
