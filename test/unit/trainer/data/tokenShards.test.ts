import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { firstPlace, type PlacedDocument } from '../../../../src/trainer/data/documents.ts';
import { prepareData } from '../../../../src/trainer/data/prepareData.ts';
import { indexedTokens, readShardIndex, shardName } from '../../../../src/trainer/data/shardIndex.ts';
import { heldOutEvery, tokenizeCorpus } from '../../../../src/trainer/data/tokenizeCorpus.ts';
import { readValidation, TokenShards } from '../../../../src/trainer/data/tokenShards.ts';
import { byteTokenizer } from '../../../support/tinyTokenizer.ts';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-shards-'));
after(() => fs.rmSync(root, { recursive: true, force: true }));
let made = 0;
function newFolder(): string {
  const folder = path.join(root, `shards-${made++}`);
  fs.mkdirSync(folder);
  return folder;
}

/** A corpus of texts in two files; counts what is read of it. */
function corpusOf(texts: readonly string[]) {
  const half = Math.ceil(texts.length / 2);
  const files = [texts.slice(0, half), texts.slice(half)];
  const corpus = {
    label: 'test',
    hash: 'hash',
    read: 0,
    begun: firstPlace,
    async *documents(from = firstPlace): AsyncGenerator<PlacedDocument[]> {
      corpus.begun = from;
      for (let file = from.file; file < 2; file++)
        for (let item = file === from.file ? from.item : 0; item < files[file].length; item++) {
          corpus.read++;
          yield [{ text: files[file][item], place: { file, item } }];
        }
    },
  };
  return corpus;
}

function isHeld(text: string): boolean {
  return createHash('sha256').update(text).digest().readUInt32LE(0) % heldOutEvery === 0;
}
function streamOf(texts: readonly string[]): number[] {
  return texts.flatMap((text) => [...[...Buffer.from(text)].map((byte) => byte + 2), 0]);
}

const quiet = async () => {};
const tokenizer = byteTokenizer();

function contents(folder: string): { train: number[]; validation: number[] } {
  const index = readShardIndex(folder);
  assert.ok(index);
  const tokens = indexedTokens(index);
  const train = new TokenShards(folder, index, tokens);
  const ids = new Int32Array(tokens);
  train.read(0, ids);
  train.close();
  const held = readValidation(folder, index);
  const validation = new Int32Array(held.length);
  held.read(0, validation);
  return { train: [...ids], validation: [...validation] };
}

/** Names, sizes and hashes in the index are those of the files; nothing else lies there. */
function assertWhole(folder: string): void {
  const index = readShardIndex(folder);
  assert.ok(index);
  const expected = new Map(index.shards.map((shard, number) => [shardName(number), shard]));
  if (index.validation) expected.set('validation.bin', index.validation);
  for (const [name, { tokens, sha256 }] of expected) {
    const bytes = fs.readFileSync(path.join(folder, name));
    assert.equal(bytes.length, tokens * index.idBytes);
    assert.equal(createHash('sha256').update(bytes).digest('hex'), sha256);
  }
  assert.deepEqual(fs.readdirSync(folder).toSorted(), [...expected.keys(), 'shards.json'].toSorted());
}

const texts = Array.from({ length: 400 }, (_, i) => `document ${i} ${'ü'.repeat(i % 13)}`);

test('every document ends with eos; those held out by their hash are in no shard', async () => {
  const folder = newFolder();
  await tokenizeCorpus(corpusOf(texts), tokenizer, folder, Number.POSITIVE_INFINITY, quiet, 2 ** 20);
  const { train, validation } = contents(folder);
  assert.ok(texts.some(isHeld));
  assert.deepEqual(train, streamOf(texts.filter((text) => !isHeld(text))));
  assert.deepEqual(validation, streamOf(texts.filter(isHeld)));
  assertWhole(folder);
});

test('ids are 16-bit below 65,536 ids, 32-bit above', async () => {
  for (const [size, bytes] of [
    [65_536, 2],
    [65_537, 4],
  ]) {
    const folder = newFolder();
    await tokenizeCorpus(corpusOf(texts), byteTokenizer({ size }), folder, Number.POSITIVE_INFINITY, quiet);
    assert.equal(readShardIndex(folder)?.idBytes, bytes);
    assert.deepEqual(contents(folder).train, streamOf(texts.filter((text) => !isHeld(text))));
  }
});

test('however often it is stopped and goes on, the shards are the same', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.string({ maxLength: 40 }).filter((text) => text !== ''),
        { minLength: 1, maxLength: 60 },
      ),
      fc.integer({ min: 60, max: 400 }),
      fc.array(fc.integer({ min: 1, max: 900 }), { maxLength: 3 }),
      async (some, perShard, stops) => {
        const whole = newFolder();
        await tokenizeCorpus(corpusOf(some), tokenizer, whole, Number.POSITIVE_INFINITY, quiet, perShard);
        assertWhole(whole);
        const pieces = newFolder();
        for (const until of [...stops, Number.POSITIVE_INFINITY]) {
          const index = await tokenizeCorpus(corpusOf(some), tokenizer, pieces, until, quiet, perShard);
          assert.ok(index.complete || indexedTokens(index) >= until);
          assertWhole(pieces);
          if (index.complete) break;
        }
        assert.deepEqual(readShardIndex(pieces), readShardIndex(whole));
        assert.deepEqual(contents(pieces), contents(whole));
        const all = contents(whole);
        assert.equal(all.train.length + all.validation.length <= streamOf(some).length, true);
      },
    ),
    { numRuns: 12 },
  );
});

test('a corpus too small for the rule still holds something out, once', async () => {
  const cases = [
    ['one document of some length'],
    ['a', 'b', 'c'].filter((t) => !isHeld(t)),
    ['same', 'same', 'other'],
  ];
  for (const some of cases) {
    const folder = newFolder();
    await tokenizeCorpus(corpusOf(some), tokenizer, folder, Number.POSITIVE_INFINITY, quiet);
    const { train, validation } = contents(folder);
    assert.ok(train.length > 0 && validation.length > 0);
    assert.deepEqual([...train, ...validation].toSorted(), streamOf(some).toSorted());
  }
  // Copies of one text are on one side.
  const { train } = contents(path.join(root, `shards-${made - 1}`));
  assert.ok([streamOf(['same', 'same']), streamOf(['other'])].some((side) => side.join() === train.join()));
});

test('an empty corpus is one sentence and leaves nothing', async () => {
  const folder = newFolder();
  await assert.rejects(
    tokenizeCorpus(corpusOf([]), tokenizer, folder, Number.POSITIVE_INFINITY, quiet),
    /^BiphaseError: The corpus is empty: no document has text\.$/,
  );
  assert.deepEqual(fs.readdirSync(folder), []);
});

test('a failure in the middle leaves whole shards and nothing that looks like one', async () => {
  const folder = newFolder();
  const long = texts.map((text) => text.repeat(1000));
  const burning = { ...corpusOf(long) };
  let seen = 0;
  burning.documents = async function* (from) {
    for await (const some of corpusOf(long).documents(from)) {
      if (seen++ > 300) throw new Error('the disk is on fire');
      yield some;
    }
  };
  await assert.rejects(
    tokenizeCorpus(burning, tokenizer, folder, Number.POSITIVE_INFINITY, quiet, 700_000),
    /the disk is on fire/,
  );
  assertWhole(folder);
  const index = readShardIndex(folder);
  assert.ok(index && index.shards.length > 1 && !index.complete);
  await tokenizeCorpus(corpusOf(long), tokenizer, folder, Number.POSITIVE_INFINITY, quiet, 700_000);
  assertWhole(folder);
  const whole = newFolder();
  await tokenizeCorpus(corpusOf(long), tokenizer, whole, Number.POSITIVE_INFINITY, quiet, 700_000);
  assert.deepEqual(readShardIndex(folder), readShardIndex(whole));
});

test('no more is read than is needed, and going on reads nothing again but the document in work', async () => {
  const long = texts.map((text) => text.repeat(1000));
  const folder = newFolder();
  const first = corpusOf(long);
  const { next } = await tokenizeCorpus(first, tokenizer, folder, 1, quiet, 700_000);
  assert.ok(first.read < 200, `${first.read} documents`);
  const second = corpusOf(long);
  const index = await tokenizeCorpus(second, tokenizer, folder, 1_400_000, quiet, 700_000);
  assert.equal(index.shards.length, 2);
  assert.deepEqual(second.begun, { file: next.file, item: next.item });
});

test('reading later and reading now give the same tokens, over the ends of shards', async () => {
  const folder = newFolder();
  const index = await tokenizeCorpus(
    corpusOf(texts),
    tokenizer,
    folder,
    Number.POSITIVE_INFINITY,
    quiet,
    701,
  );
  const tokens = indexedTokens(index);
  const all = contents(folder).train;
  const shards = new TokenShards(folder, index, tokens);
  await fc.assert(
    fc.asyncProperty(fc.nat(tokens - 1), fc.integer({ min: 1, max: 300 }), async (start, length) => {
      const target = new Int32Array(Math.min(length, tokens - start));
      await shards.readLater(start, target);
      assert.deepEqual([...target], all.slice(start, start + target.length));
      shards.read(start, target.fill(0));
      assert.deepEqual([...target], all.slice(start, start + target.length));
    }),
  );
  shards.close();
});

test('shards that are damaged or gone are one sentence with what to do', async () => {
  const folder = newFolder();
  const index = await tokenizeCorpus(
    corpusOf(texts),
    tokenizer,
    folder,
    Number.POSITIVE_INFINITY,
    quiet,
    1000,
  );
  const open = () => new TokenShards(folder, index, indexedTokens(index));
  fs.truncateSync(path.join(folder, shardName(1)), 10);
  assert.throws(open, /train-00001\.bin has another size than its description says\./);
  fs.rmSync(path.join(folder, shardName(1)));
  assert.throws(open, /train-00001\.bin is gone\./);
  fs.writeFileSync(path.join(folder, 'shards.json'), '{"schema":1}');
  assert.throws(() => readShardIndex(folder), /does not describe token shards\./);
});

test('prepared data is found again by its content, and a stop goes on later', async () => {
  const cache = path.join(root, 'cache');
  const source = path.join(root, 'corpus');
  fs.mkdirSync(source);
  fs.writeFileSync(
    path.join(source, 'a.jsonl'),
    texts.map((text) => `${JSON.stringify({ text })}\n`).join(''),
  );
  const request = { source, column: 'text', tokenizer: { train: { vocabSize: 300 } }, tokens: 1e6 };
  await assert.rejects(
    prepareData(request, cache, async (doing) => {
      if (doing.includes('tokens')) throw new Error('stopped');
    }),
    /stopped/,
  );
  const cold = await prepareData(request, cache, quiet);
  assert.equal(cold.warm, false);
  // The same contents in another folder.
  fs.cpSync(source, path.join(root, 'copy'), { recursive: true });
  const warm = await prepareData({ ...request, source: path.join(root, 'copy') }, cache, quiet);
  assert.equal(warm.warm, true);
  assert.equal(warm.folder, cold.folder);
  assert.deepEqual(warm.meta, cold.meta);
  const capped = await prepareData({ ...request, tokens: 500 }, cache, quiet);
  assert.equal(capped.train.length, 500);
  for (const data of [cold, warm, capped]) data.train.close();
});
