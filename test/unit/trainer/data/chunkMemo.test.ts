import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ChunkMemo } from '../../../../src/trainer/data/chunkMemo.ts';
import { type CutDescription, cutsBeforeSpaces } from '../../../../src/trainer/data/cutsBeforeSpaces.ts';
import { nativeTokenizers } from '../../../../src/trainer/data/nativeTokenizers.ts';
import { loadTokenizer } from '../../../../src/trainer/data/tokenizer.ts';
import { trainTokenizer } from '../../../../src/trainer/data/trainTokenizer.ts';
import { worldDocuments } from '../../../../src/trainer/data/worldDocuments.ts';

const trained = await trainTokenizer(worldDocuments(0, 300), 600);
type Json = CutDescription & Record<string, unknown>;
const changed = (change: Partial<Json>): Json => ({ ...(JSON.parse(trained) as Json), ...change });
const token = (content: string, more: object = {}): object => ({
  id: 600,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
  ...more,
});
const withToken = (content: string, more: object = {}): Json => {
  const json = changed({});
  return { ...json, added_tokens: [...(json.added_tokens ?? []), token(content, more)] as never };
};
const byteLevel = { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true };

const kept: Record<string, Json> = {
  'Llama 3': changed({}),
  'GPT-2, which adds a space in front': changed({ pre_tokenizer: byteLevel }),
  'Llama 3 with NFC': changed({ normalizer: { type: 'NFC' } }),
  'a special token that takes the space before it': withToken('<x>', { lstrip: true }),
  'a special token that begins with a space': withToken(' <x>'),
};

/** Text full of places where pieces could be cut otherwise: white space of all kinds, signs, marks, special tokens. */
const text = fc
  .array(
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc.constantFrom(' ', ' ', '  ', '\n', '\n\n', '\t', '\r\n', '\u00a0', '\u0085', '\ufeff'),
      },
      {
        weight: 6,
        arbitrary: fc.constantFrom(
          'a',
          'born',
          'The',
          "'s",
          "n't",
          '12',
          '3456',
          '.',
          '...',
          '"',
          '-',
          '<x>',
        ),
      },
      {
        weight: 2,
        arbitrary: fc.constantFrom(
          '<|mask|>',
          '<|end_of_text|>',
          '<|ma',
          'é',
          'e\u0301',
          '\u0301',
          '漢字',
          '👩‍👩‍👧',
          '\ud800',
        ),
      },
      { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 6 }) },
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join(''));

for (const [name, json] of Object.entries(kept)) {
  test(`chunks one after the other are the text, ids included: ${name}`, async () => {
    assert.ok(cutsBeforeSpaces(json));
    const whole = JSON.stringify(json);
    const direct = nativeTokenizers().Tokenizer.fromString(whole);
    const tokenizer = loadTokenizer(whole, name);
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 4 }), async (texts) => {
        const expected = await direct.encodeBatch(texts, { addSpecialTokens: false });
        const ids = await tokenizer.encode(texts);
        assert.deepEqual(
          ids.map((list) => Array.from(list)),
          expected.map((encoding) => encoding.getIds()),
        );
      }),
      { numRuns: 300 },
    );
  });
}

test('a tokenizer of which this is not known is asked for whole texts', () => {
  const others: Record<string, Json> = {
    'another pattern': changed({
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          { type: 'Split', pattern: { Regex: '.{1,9}' }, behavior: 'Isolated', invert: false },
          { type: 'ByteLevel', use_regex: false },
        ],
      },
    }),
    'no cut at all': changed({ pre_tokenizer: { type: 'ByteLevel', use_regex: false } }),
    'a word mark in front': changed({ pre_tokenizer: { type: 'Metaspace' } }),
    'a normalizer that looks further': changed({ normalizer: { type: 'Strip' } }),
    'a token that takes the space behind it': withToken('<x>', { rstrip: true }),
    'a token with a space inside': withToken('<x y>'),
    'merges left out by chance': changed({ model: { type: 'BPE', dropout: 0.1 } }),
    'another model': changed({ model: { type: 'WordPiece' } }),
  };
  for (const [name, json] of Object.entries(others)) assert.equal(cutsBeforeSpaces(json), false, name);
});

test('a word is asked for once, and a word too long to come back is never kept', async () => {
  const asked: string[][] = [];
  const memo = new ChunkMemo(async (texts) => {
    asked.push(texts);
    return texts.map((t) => [...t].map((c) => c.charCodeAt(0)));
  });
  const long = 'x'.repeat(100);
  const once = async (words: string): Promise<string> =>
    String.fromCharCode(...Array.from((await memo.encode([words]))[0]!));
  assert.equal(await once('one two one two'), 'one two one two');
  assert.equal(await once(`three two ${long} one`), `three two ${long} one`);
  assert.equal(await once(`${long} two`), `${long} two`);
  assert.deepEqual(asked, [['one', ' two', ' one'], ['three', ` ${long}`], [long]]);
});

test('a full memo goes on with what it knows, and gives a text of mostly unknown words away whole', async () => {
  const asked: string[][] = [];
  const memo = new ChunkMemo(async (texts) => {
    asked.push(texts);
    return texts.map((t) => [...t].map((c) => c.charCodeAt(0)));
  }, 3);
  const texts = ['a b c d', ' b c b c e', 'x y b', ' b b b'];
  for (const words of texts)
    assert.equal(String.fromCharCode(...Array.from((await memo.encode([words]))[0]!)), words);
  assert.deepEqual(asked, [['a', ' b', ' c', ' d'], [' e'], ['x y b']]);
});

test('what a tokenizer.json cuts or fills for inference has no effect on a corpus', async () => {
  const inference = JSON.stringify(
    changed({
      truncation: { direction: 'Right', max_length: 3, strategy: 'LongestFirst', stride: 0 },
      padding: {
        strategy: { Fixed: 64 },
        direction: 'Right',
        pad_to_multiple_of: null,
        pad_id: 0,
        pad_type_id: 0,
        pad_token: '!',
      },
    }),
  );
  const sentence = 'The quick brown fox was born in a town by the sea.';
  assert.deepEqual(
    await loadTokenizer(inference, 'inference').encode([sentence]),
    await loadTokenizer(trained, 'trained').encode([sentence]),
  );
});
