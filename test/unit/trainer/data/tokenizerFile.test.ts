import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { loadTokenizer, loadTokenizerFile } from '../../../../src/trainer/data/tokenizer.ts';
import { trainTokenizer } from '../../../../src/trainer/data/trainTokenizer.ts';

const json = await trainTokenizer(['one two three two one', 'three two one'], 280);

function changed(change: (parsed: Record<string, unknown>) => void): string {
  const parsed = JSON.parse(json) as Record<string, unknown>;
  change(parsed);
  return JSON.stringify(parsed);
}

test('documents are encoded whole, whatever the file says of truncation and padding', async () => {
  const text = ['one two three two one'];
  const whole = await loadTokenizer(json, 'whole').encode(text);
  const other = changed((parsed) => {
    parsed.truncation = { max_length: 1, strategy: 'LongestFirst', stride: 0, direction: 'Right' };
    parsed.padding = {
      strategy: { Fixed: 1000 },
      direction: 'Right',
      pad_to_multiple_of: null,
      pad_id: 9999,
      pad_type_id: 0,
      pad_token: 'x',
    };
  });
  assert.ok(whole[0]!.length > 1);
  const cut = loadTokenizer(other, 'cut');
  assert.deepEqual(await cut.encode(text), whole);
  // Tokens in a cache that were made with the limits are not taken for these.
  assert.notEqual(cut.hash, createHash('sha256').update(other).digest('hex'));
});

test('special tokens have the ids that texts get, not those that are written beside them', () => {
  const { eos, mask, special } = loadTokenizer(json, 'honest');
  const lying = loadTokenizer(
    changed((parsed) => {
      for (const token of parsed.added_tokens as { id: number }[]) token.id = 7;
    }),
    'lying',
  );
  assert.deepEqual([lying.eos, lying.mask, lying.special], [eos, mask, special]);
});

test('what is no file of a tokenizer is told, not waited for', {
  skip: process.platform === 'win32',
}, (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-tokenizer-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const pipe = path.join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const none = path.join(folder, 'none');
  assert.throws(() => loadTokenizerFile(pipe), { message: `The tokenizer ${pipe} is not a file.` });
  assert.throws(() => loadTokenizerFile(folder), { message: `The tokenizer ${folder} is not a file.` });
  assert.throws(() => loadTokenizerFile(none), { message: `There is no tokenizer ${none}.` });
  fs.writeFileSync(none, 'null');
  assert.throws(() => loadTokenizerFile(none), { kind: 'usage', message: /cannot be read/ });
});
