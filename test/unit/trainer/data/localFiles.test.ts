import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import zlib from 'node:zlib';
import fc from 'fast-check';
import { type ColumnSource, parquetWriteBuffer } from 'hyparquet-writer';
import { fileKind } from '../../../../src/core/corpusFile.ts';
import { BiphaseError } from '../../../../src/core/errors.ts';
import { localRanges } from '../../../../src/trainer/data/byteRanges.ts';
import { openCorpus } from '../../../../src/trainer/data/corpus.ts';
import { firstPlace, type PlacedDocument } from '../../../../src/trainer/data/documents.ts';
import { parquetDocuments } from '../../../../src/trainer/data/parquetDocuments.ts';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-files-'));
after(() => fs.rmSync(root, { recursive: true, force: true }));
const { signal } = new AbortController();
let made = 0;

/** A corpus of files with these names and contents. */
function corpusOf(files: Record<string, string | Uint8Array>, column = 'text') {
  const folder = path.join(root, `corpus-${made++}`);
  for (const [name, content] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), content);
  }
  return openCorpus(folder, { column, cache: path.join(root, 'cache'), signal, tick: async () => {} });
}

async function read(
  corpus: Awaited<ReturnType<typeof corpusOf>>,
  from = firstPlace,
): Promise<PlacedDocument[]> {
  const found: PlacedDocument[] = [];
  for await (const some of corpus.documents(from, signal)) found.push(...some);
  return found;
}

async function texts(files: Record<string, string | Uint8Array>, column?: string): Promise<string[]> {
  return (await read(await corpusOf(files, column))).map(({ text }) => text);
}

async function failure(files: Record<string, string | Uint8Array>, column?: string): Promise<BiphaseError> {
  const error = await texts(files, column).then(
    () => assert.fail('it was read'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof BiphaseError, String(error));
  return error;
}

const compressors = {
  ZSTD: (bytes: Uint8Array) => new Uint8Array(zlib.zstdCompressSync(bytes)),
  GZIP: (bytes: Uint8Array) => new Uint8Array(zlib.gzipSync(bytes)),
};

function parquet(
  columns: ColumnSource[],
  options: {
    codec?: 'SNAPPY' | 'ZSTD' | 'GZIP' | 'UNCOMPRESSED';
    rowGroupSize?: number;
    pageSize?: number;
  } = {},
): Uint8Array {
  return new Uint8Array(
    parquetWriteBuffer({ columnData: columns, compressors, rowGroupSize: 40, ...options }),
  );
}

function column(name: string, data: (string | null)[]): ColumnSource {
  return { name, data, type: 'STRING', nullable: true };
}

const rows = Array.from({ length: 150 }, (_, i) =>
  i % 7 === 3 ? null : i % 11 === 5 ? '' : `row ${i} ümläut ${'x'.repeat(i)}`,
);
const full = rows.flatMap((text, item) => (text ? [{ text, item }] : []));

test('names tell how a file is read', () => {
  const kinds = ['a.parquet', 'a.jsonl', 'a.ndjson.gz', 'a.JSONL.zst', 'a.txt.zst', 'b.md', 'README', 'c.gz'];
  assert.deepEqual(kinds.map(fileKind), [
    'parquet',
    'lines',
    'lines',
    'lines',
    'text',
    'text',
    'text',
    'text',
  ]);
  assert.deepEqual(['a.png', 'a.json', 'readme.html', 'x.bin'].map(fileKind), [null, null, null, null]);
});

test('every kind of file gives its documents, mixed in one folder', async () => {
  const lines = (words: string[]) => words.map((text) => `${JSON.stringify({ text })}\n`).join('');
  const found = await texts({
    'a.jsonl': lines(['one', '', 'two']),
    'deep/b.ndjson.gz': zlib.gzipSync(lines(['three'])),
    'deep/c.jsonl.zst': zlib.zstdCompressSync(lines(['four'])),
    'd.txt': 'five',
    'e.txt.zst': zlib.zstdCompressSync('six'),
    'f.parquet': parquet([column('text', ['seven', null, 'eight'])]),
    'empty.txt': '  \n',
    'g.png': 'nothing',
  });
  assert.deepEqual(found.toSorted(), ['eight', 'five', 'four', 'one', 'seven', 'six', 'three', 'two']);
});

test('reading from a place is reading through and leaving out what lies before it', async () => {
  const many = Array.from({ length: 300 }, (_, i) => JSON.stringify({ text: `line ${i}` })).join('\n');
  const corpus = await corpusOf({
    'a.jsonl': many,
    'b.parquet': parquet([column('id', rows), column('text', rows)], { pageSize: 500 }),
    'c.txt': 'alone',
    'd.jsonl.zst': zlib.zstdCompressSync(many),
  });
  const all = await read(corpus);
  await fc.assert(
    fc.asyncProperty(fc.nat(all.length - 1), async (at) => {
      assert.deepEqual(await read(corpus, all[at].place), all.slice(at));
    }),
    { numRuns: 12 },
  );
});

test('parquet: every codec, pages and row groups of any size, and columns with a dictionary', async () => {
  for (const codec of ['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'ZSTD'] as const) {
    const repeated = rows.map((_, i) => `language ${i % 3}`);
    const bytes = parquet([column('id', rows.map(String)), column('text', rows), column('lang', repeated)], {
      codec,
      pageSize: 300,
      rowGroupSize: 37,
    });
    assert.deepEqual(
      await texts({ 'a.parquet': bytes }),
      full.map(({ text }) => text),
    );
    assert.deepEqual(await texts({ 'a.parquet': bytes }, 'lang'), repeated);
  }
});

test('parquet is read in bounded slices, only the column that holds the text', async () => {
  const file = path.join(root, 'large.parquet');
  // Bytes that do not compress, in one row group of 24 MiB.
  const noise = Array.from(
    { length: 24 },
    (_, i) =>
      zlib.deflateRawSync(Buffer.alloc(0)).toString('latin1') +
      String(i).repeat(1) +
      Buffer.from(new Uint32Array(196_608).map((_, j) => (j * 2654435761 + i) >>> 0).buffer).toString(
        'base64',
      ),
  );
  fs.writeFileSync(
    file,
    parquet([column('text', noise), column('other', noise)], { codec: 'UNCOMPRESSED', rowGroupSize: 1000 }),
  );
  const ranges = localRanges(file);
  let read = 0;
  let largest = 0;
  const counted = {
    ...ranges,
    read: (start: number, end: number, stop: AbortSignal) => {
      read += end - start;
      largest = Math.max(largest, end - start);
      return ranges.read(start, end, stop);
    },
  };
  const found: string[] = [];
  for await (const some of parquetDocuments(counted, 'text').documents(0, signal))
    found.push(...some.map(({ text }) => text));
  assert.deepEqual(found, noise);
  assert.ok(largest <= 2 ** 23, `${largest} bytes at once`);
  assert.ok(read < 0.6 * fs.statSync(file).size, `${read} bytes`);
});

test('a zst file of several frames is read to its end, however its chunks fall', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ minLength: 1, maxLength: 300 }), { minLength: 1, maxLength: 8 }),
      async (parts) => {
        const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
        const frames = parts.flatMap((part) => [
          zlib.zstdCompressSync(`${JSON.stringify({ text: part })}\n`, {
            params: { [zlib.constants.ZSTD_c_checksumFlag]: part.length % 2 },
          }),
          skippable,
        ]);
        assert.deepEqual(await texts({ 'a.jsonl.zst': Buffer.concat(frames) }), parts);
      },
    ),
    { numRuns: 30 },
  );
});

test('a large text file is several documents that together are the file', async () => {
  const paragraph = `${'A sentence of the large file. '.repeat(40)}\n\n`;
  const text = paragraph.repeat(15_000);
  const found = await texts({ 'large.txt': text });
  assert.ok(found.length > 10, `${found.length} documents`);
  assert.equal(found.join(''), text);
  assert.ok(found.slice(0, -2).every((part) => part.endsWith('\n\n')));
});

test('files that are torn, hostile or not what they seem are one sentence with their place', async () => {
  const good = Array.from({ length: 50_000 }, (_, i) => `${JSON.stringify({ text: `line ${i}` })}\n`).join(
    '',
  );
  const whole = parquet([column('text', rows)]);
  const broken = whole.slice();
  broken.fill(0x5a, 200, 900);
  const lying = whole.slice();
  new DataView(lying.buffer).setUint32(lying.length - 8, 0x7fffffff, true);
  const cases: [Record<string, string | Uint8Array>, RegExp, string?][] = [
    [{ 'a.jsonl': '{"text":"x"}\n{"text":' }, /^Line 2 of .*a\.jsonl is not JSON\.$/],
    [
      { 'a.jsonl': '{"text":"x"}\n\n{"txt":"x"}\n' },
      /^Line 3 of .*a\.jsonl has no "text" that is a string\.$/,
    ],
    [{ 'a.jsonl': '[1]' }, /^Line 1 of .* has no "content" that is a string\.$/, 'content'],
    [{ 'a.jsonl': 'null' }, /^Line 1 of .* has no "text" that is a string\.$/],
    [
      { 'a.jsonl.gz': zlib.gzipSync(good).subarray(0, -2000) },
      /^.*a\.jsonl\.gz, after line \d+, could not be read: it ends in the middle\.$/,
    ],
    [
      { 'a.jsonl.zst': zlib.zstdCompressSync(good).subarray(0, -5) },
      /^.*a\.jsonl\.zst(, after line \d+,)? could not be read: it ends in the middle of a frame\.$/,
    ],
    [
      { 'a.jsonl.zst': Buffer.concat([zlib.zstdCompressSync('{"text":"x"}\n'), Buffer.from('and more')]) },
      /^.*a\.jsonl\.zst, after line 1, could not be read: it holds bytes that are no zstd frame\.$/,
    ],
    [{ 'a.txt.gz': 'no gzip' }, /^.*a\.txt\.gz could not be read: incorrect header check\.$/],
    [{ 'a.parquet': 'PAR1' }, /^.*a\.parquet could not be read: it is too short for a parquet file\.$/],
    [{ 'a.parquet': whole.subarray(0, -100) }, /^.*a\.parquet could not be read: .*PAR1\)\.$/],
    [{ 'a.parquet': broken }, /^Row group 0 of .*a\.parquet could not be read: .*\.$/],
    [{ 'a.parquet': lying }, /^.*a\.parquet could not be read: parquet metadata length .*\.$/],
    [{ 'a.parquet': whole }, /^.*a\.parquet has no text column "content", but "text"\.$/, 'content'],
  ];
  for (const [files, sentence, name] of cases) {
    const error = await failure(files, name);
    assert.match(error.message, sentence);
    assert.ok(['usage', 'damaged'].includes(error.kind));
  }
});

test('any damage to a parquet file is a sentence or text, never a crash or a hang', async () => {
  const whole = parquet([column('text', rows)], { codec: 'SNAPPY' });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
      async (changes) => {
        const bytes = whole.slice();
        for (const [at, value] of changes) bytes[at] = value;
        try {
          await texts({ 'a.parquet': bytes });
        } catch (error) {
          assert.ok(error instanceof BiphaseError, String(error));
          assert.match(error.message, /a\.parquet/);
        }
      },
    ),
    { numRuns: 150 },
  );
});

test('a folder without text and a path that is none are one sentence each', async () => {
  assert.match((await failure({ 'a.png': 'x' })).message, /is empty: it has no file of the kinds \.parquet/);
  const options = { column: 'text', cache: root, signal, tick: async () => {} };
  await assert.rejects(
    openCorpus(path.join(root, 'nowhere'), options),
    /There is no folder or file .*nowhere/,
  );
});

test('~ is the home folder of the machine that reads, also where a launcher passed it on', async (t) => {
  const { HOME } = process.env;
  t.after(() => {
    process.env.HOME = HOME;
  });
  process.env.HOME = path.join(root, 'home');
  const options = { column: 'text', cache: root, signal, tick: async () => {} };
  for (const [source, meant] of [
    ['~', process.env.HOME],
    ['~/corpus', path.join(process.env.HOME, 'corpus')],
    ['local:~/corpus', path.join(process.env.HOME, 'corpus')],
    ['~other', path.resolve('~other')],
  ])
    await assert.rejects(openCorpus(source, options), {
      kind: 'usage',
      message: `There is no folder or file ${meant} to read text from.`,
    });
});

test('the hash of a corpus follows names, contents and the column, not the folder it lies in', async () => {
  const files = { 'a.jsonl': '{"text":"x","t":"y"}\n', 'b.txt': 'z' };
  const first = await corpusOf(files);
  assert.equal((await corpusOf(files)).hash, first.hash);
  assert.notEqual((await corpusOf({ ...files, 'b.txt': 'Z' })).hash, first.hash);
  assert.notEqual((await corpusOf(files, 't')).hash, first.hash);
});
