import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { openCorpus } from '../../../../src/trainer/data/corpus.ts';
import { stagedFolder } from '../../../../src/trainer/data/stagedCorpus.ts';

test('a staged corpus has the hash of the one it was copied from; a damaged or missing one is a sentence', async () => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-staged-'));
  try {
    const cache = path.join(root, 'cache');
    const original = path.join(root, 'mine');
    const text = 'A dog ran.\n';
    const manifest = `${JSON.stringify({ schema: 1, files: [{ path: 'in/a.txt', bytes: text.length, sha256: 'a'.repeat(64) }] })}\n`;
    const hash = createHash('sha256').update(manifest).digest('hex');
    const place = path.join(cache, 'corpora', hash);
    const copy = path.join(place, 'files/in/a.txt');
    for (const file of [path.join(original, 'in/a.txt'), copy]) {
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, text);
    }
    assert.throws(() => stagedFolder(hash, cache), { kind: 'missing', next: /Launch the run again/ });
    fs.writeFileSync(path.join(place, 'manifest.json'), manifest);

    const options = { column: 'text', cache, signal: new AbortController().signal, tick: async () => {} };
    const staged = await openCorpus(`cache:${hash}`, options);
    assert.equal(staged.pinned, `cache:${hash}`);
    assert.equal(staged.hash, (await openCorpus(`local:${original}`, options)).hash);

    fs.appendFileSync(copy, 'more');
    assert.throws(() => stagedFolder(hash, cache), {
      kind: 'damaged',
      message: /a\.txt is not as it was copied/,
    });
    fs.rmSync(copy);
    assert.throws(() => stagedFolder(hash, cache), { kind: 'damaged' });
    fs.writeFileSync(copy, text);
    fs.appendFileSync(path.join(place, 'manifest.json'), ' ');
    assert.throws(() => stagedFolder(hash, cache), { kind: 'damaged', message: /manifest\.json/ });
  } finally {
    fs.rmSync(root, { recursive: true });
  }
});
