import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadTokenizer } from '../../../../src/trainer/data/tokenizer.ts';
import { trainTokenizer } from '../../../../src/trainer/data/trainTokenizer.ts';
import { worldDocuments } from '../../../../src/trainer/data/worldDocuments.ts';

const json = await trainTokenizer(worldDocuments(0, 300), 600);
const vocab = Object.keys((JSON.parse(json) as { model: { vocab: Record<string, number> } }).model.vocab);

test('no token holds more than one word, or more than three digits', () => {
  // Ġ stands for a space, Ċ for the end of a line.
  const spaceInside = vocab.filter((token) => /[^Ġ]Ġ/.test(token));
  assert.deepEqual(spaceInside, []);
  assert.deepEqual(
    vocab.filter((token) => /\d{4}/.test(token)),
    [],
  );
  assert.ok(vocab.includes('Ġborn'));
});

test('any text is encoded, and the vocabulary is as large as asked for', async () => {
  const tokenizer = loadTokenizer(json, 'trained');
  assert.equal(tokenizer.size, 600);
  const ofIds = new Map(
    Object.entries((JSON.parse(json) as { model: { vocab: Record<string, number> } }).model.vocab).map(
      ([token, id]) => [id, token],
    ),
  );
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', minLength: 1 }), async (text) => {
      const ids = Array.from((await tokenizer.encode([text]))[0]!);
      const characters = ids.map((id) => ofIds.get(id) ?? '').join('');
      // Byte-level: a character of the vocabulary is a byte of the text.
      assert.equal([...characters].length, Buffer.byteLength(text));
      assert.ok(ids.every((id) => !tokenizer.special.has(id)));
    }),
    { numRuns: 50 },
  );
});
