import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import zlib from 'node:zlib';
import { BiphaseError } from '../../../src/core/errors.ts';
import { listTextFiles, readDocuments } from '../../../src/trainer/data/textFiles.ts';

function folder(t: { after: (done: () => void) => void }): string {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-text-'));
  t.after(() => fs.rmSync(made, { recursive: true, force: true }));
  return made;
}

async function refusal(files: readonly string[]): Promise<string> {
  try {
    for await (const _ of readDocuments(files));
  } catch (error) {
    assert.ok(error instanceof BiphaseError);
    return error.message;
  }
  return 'read';
}

test('what is no file of text is passed by: pipes, links to nowhere or to themselves, devices, folders', (t) => {
  const corpus = folder(t);
  fs.writeFileSync(path.join(corpus, 'a.txt'), 'text');
  execFileSync('mkfifo', [path.join(corpus, 'pipe.txt')]);
  fs.symlinkSync('itself.txt', path.join(corpus, 'itself.txt'));
  fs.symlinkSync('nowhere', path.join(corpus, 'gone.txt'));
  fs.symlinkSync('/dev/zero', path.join(corpus, 'device.txt'));
  fs.symlinkSync('.', path.join(corpus, 'again'));
  fs.mkdirSync(path.join(corpus, 'folder.txt'));
  assert.deepEqual(listTextFiles(corpus), [path.join(corpus, 'a.txt')]);
  assert.throws(() => listTextFiles(path.join(corpus, 'pipe.txt')), /neither a folder nor a file/);
});

test('a file that is cut off or vanishes is named in one sentence', async (t) => {
  const corpus = folder(t);
  const lines = zlib.gzipSync('{"text":"one"}\n'.repeat(500));
  for (const name of ['cut.jsonl.gz', 'cut.txt.gz']) {
    const file = path.join(corpus, name);
    fs.writeFileSync(file, lines.subarray(0, lines.length - 12));
    assert.equal(await refusal([file]), `${file} could not be read: unexpected end of file.`);
  }
  for (const name of ['gone.jsonl', 'gone.txt', 'gone.jsonl.gz'])
    assert.match(await refusal([path.join(corpus, name)]), /gone\.\S+ could not be read: ENOENT/);
});
