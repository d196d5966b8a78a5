import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { BiphaseError } from '../../../../src/core/errors.ts';
import type { Corpus } from '../../../../src/trainer/data/corpus.ts';
import { firstPlace } from '../../../../src/trainer/data/documents.ts';
import { openHubCorpus } from '../../../../src/trainer/data/hub/hubCorpus.ts';
import { hubAccess } from '../../../../src/trainer/data/hub/hubFetch.ts';
import { forgetHubName } from '../../../../src/trainer/data/hub/hubMemo.ts';
import { parseHubName } from '../../../../src/trainer/data/hub/hubName.ts';
import { hubTokenizerFile } from '../../../../src/trainer/data/hub/hubTokenizer.ts';
import { FakeHub, type Fault } from '../../../support/fakeHub.ts';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-hub-'));

function rows(prefix: string, words = 1): string[] {
  return Array.from({ length: 90 }, (_, i) => `${prefix} ${i} ${'word '.repeat(i * words)}`);
}
function parquet(texts: string[], name = 'text'): Uint8Array {
  const columnData = [
    { name: 'id', data: texts.map((_, i) => `id ${i}`), type: 'STRING' as const },
    { name, data: texts, type: 'STRING' as const },
  ];
  return new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: 25, codec: 'UNCOMPRESSED' }));
}

const configs = [
  { config_name: 'default', data_files: [{ split: 'train', path: 'data/*/*' }] },
  { config_name: 'sample-10BT', data_files: [{ split: 'train', path: 'sample/10BT/*' }] },
];
const fineweb = {
  commit: 'a'.repeat(40),
  card: { configs },
  files: {
    'README.md': new Uint8Array(10),
    'data/CC-1/000.parquet': parquet(rows('crawl 1')),
    'data/CC-2/000.parquet': parquet(rows('crawl 2')),
    'data/CC-3/000.parquet': parquet(rows('crawl 3')),
    'sample/10BT/000_00000.parquet': parquet(rows('sample 0', 50)),
    'sample/10BT/001_00000.parquet': parquet(rows('sample 1', 50)),
    'sample/10BT/notes.txt': new Uint8Array(3),
  },
};
const hub = new FakeHub({
  'org/fineweb': fineweb,
  'org/plain': {
    commit: 'b'.repeat(40),
    files: {
      'plain/train-00000-of-00001.parquet': parquet(rows('train')),
      'plain/test-00000-of-00001.parquet': parquet(rows('test')),
      'other/train-00000-of-00001.parquet': parquet(rows('other')),
    },
  },
  'org/parts': {
    commit: 'c'.repeat(40),
    card: { configs: ['one', 'two'].map((n) => ({ config_name: n, data_files: `${n}/*.parquet` })) },
    files: { 'one/a.parquet': parquet(rows('one')), 'two/a.parquet': parquet(rows('two')) },
  },
  'org/csv': { commit: 'd'.repeat(40), files: { 'train.csv': new Uint8Array(5) } },
  'org/content': { commit: 'e'.repeat(40), files: { 'a.parquet': parquet(rows('content'), 'content') } },
  'org/model': { commit: '2'.repeat(40), files: { 'tokenizer.json': Buffer.from('{"version":"1.0"}') } },
  'org/gated': { commit: 'f'.repeat(40), token: 'hf_right', files: { 'a.parquet': parquet(rows('gated')) } },
});
before(() => hub.start());
after(async () => {
  await hub.stop();
  fs.rmSync(root, { recursive: true, force: true });
});

let caches = 0;
let waits: number[] = [];
beforeEach(() => {
  hub.seen.length = 0;
  hub.fault = () => undefined;
  waits = [];
});

/** Faults for the first requests that a predicate chooses. */
function faults(list: Fault[], chosen: (path: string, host: string) => boolean): void {
  hub.fault = ({ path: asked, host }) => (chosen(asked, host) ? list.shift() : undefined);
}

function open(
  source: string,
  options: { cache?: string; token?: string; column?: string } = {},
): Promise<Corpus> {
  return openHubCorpus(
    source,
    {
      column: options.column ?? 'text',
      cache: options.cache ?? path.join(root, `cache-${caches++}`),
      signal: new AbortController().signal,
      tick: async () => {},
    },
    {
      endpoint: hub.endpoint,
      token: options.token,
      wait: async (ms) => {
        waits.push(ms);
      },
    },
  );
}

async function read(corpus: Corpus, from = firstPlace): Promise<string[]> {
  const found: string[] = [];
  for await (const some of corpus.documents(from, new AbortController().signal))
    found.push(...some.map(({ text }) => text));
  return found;
}

async function failure(work: Promise<unknown>): Promise<BiphaseError> {
  const error = await work.then(
    () => assert.fail('it worked'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof BiphaseError, String((error as Error).stack));
  assert.match(error.message, /^[^\n]+[.?]$/);
  return error;
}

test('names on the hub are read, and others refused', () => {
  assert.deepEqual(parseHubName('hub:HuggingFaceFW/fineweb-edu/sample-350BT'), {
    repository: 'HuggingFaceFW/fineweb-edu',
    config: 'sample-350BT',
    revision: 'main',
  });
  assert.deepEqual(parseHubName('hub:a/b@refs/convert/parquet'), {
    repository: 'a/b',
    config: null,
    revision: 'refs/convert/parquet',
  });
  for (const wrong of ['hub:a', 'hub:', 'hub:a/b@', 'hub:a b/c', 'hub:../b/c?x'])
    assert.throws(() => parseHubName(wrong), /is not a name on the hub|hub:OWNER\/NAME/, wrong);
});

test('a config is read by ranges, over listings in pages and redirects that get no token', async () => {
  const corpus = await open('hub:org/fineweb/sample-10BT', { token: 'hf_secret' });
  assert.deepEqual(
    (await read(corpus)).toSorted(),
    [...rows('sample 0', 50), ...rows('sample 1', 50)].toSorted(),
  );
  assert.equal(corpus.pinned, `hub:org/fineweb/sample-10BT@${fineweb.commit}`);
  const { seen } = hub;
  assert.ok(
    seen
      .filter(({ path: asked }) => asked.includes('/tree/'))
      .every(({ path: asked }) => asked.includes('sample/10BT')),
  );
  assert.equal(seen.filter(({ path: asked }) => asked.includes('/tree/')).length, 2);
  for (const request of seen) {
    assert.equal(request.authorization, request.host === 'hub' ? 'Bearer hf_secret' : undefined);
    if (request.host === 'files') assert.match(request.range ?? '', /^bytes=\d+-\d+$/);
  }
});

test('reading from a place asks for nothing that lies before it', async () => {
  const corpus = await open('hub:org/fineweb');
  const all = await read(corpus);
  assert.equal(all.length, 270);
  hub.seen.length = 0;
  assert.deepEqual(await read(corpus, { file: 2, item: 80 }), all.slice(260));
  const files = new Set(hub.seen.filter(({ host }) => host === 'files').map(({ path: asked }) => asked));
  assert.equal(files.size, 1);
});

test('without written configs folders and the names of splits tell', async () => {
  assert.deepEqual(await read(await open('hub:org/plain/plain')), rows('train'));
  assert.equal((await read(await open('hub:org/plain'))).length, 180);
});

test('the commit is asked for once a root; the hash is that of the files', async () => {
  const cache = path.join(root, 'once');
  const first = await open('hub:org/fineweb/sample-10BT', { cache });
  hub.seen.length = 0;
  const second = await open('hub:org/fineweb/sample-10BT', { cache });
  assert.equal(hub.seen.length, 0);
  assert.equal(second.hash, first.hash);
  assert.equal((await open(first.pinned)).hash, first.hash);
  assert.notEqual((await open('hub:org/fineweb')).hash, first.hash);
  assert.notEqual((await open('hub:org/fineweb/sample-10BT', { column: 'id' })).hash, first.hash);
  // A later commit is seen once somebody asks for it, and changes nothing while the files stay.
  const { commit } = fineweb;
  fineweb.commit = '9'.repeat(40);
  process.env.HF_ENDPOINT = hub.endpoint;
  try {
    assert.equal((await open('hub:org/fineweb/sample-10BT', { cache })).pinned, first.pinned);
    forgetHubName('hub:org/fineweb/sample-10BT', cache);
    const later = await open('hub:org/fineweb/sample-10BT', { cache });
    assert.match(later.pinned, /@9{40}$/);
    assert.equal(later.hash, first.hash);
  } finally {
    fineweb.commit = commit;
    delete process.env.HF_ENDPOINT;
  }
});

test('nothing that is kept holds the token', async () => {
  const cache = path.join(root, 'secret');
  await read(await open('hub:org/gated', { cache, token: 'hf_right' }));
  for (const entry of fs.readdirSync(cache, { recursive: true, withFileTypes: true }))
    if (entry.isFile())
      assert.doesNotMatch(fs.readFileSync(path.join(entry.parentPath, entry.name), 'utf8'), /hf_right/);
});

test('429, 5xx, resets and connections cut in a body are tried again', async () => {
  const whole = await read(await open('hub:org/fineweb/sample-10BT'));
  faults([{ status: 429, headers: { 'retry-after': '7' } }, { status: 503 }, 'reset'], (asked) =>
    asked.includes('/api/'),
  );
  const corpus = await open('hub:org/fineweb/sample-10BT');
  assert.equal(waits[0], 7000);
  assert.equal(waits.length, 3);
  faults(['cut', 'reset', { status: 500 }, 'cut', 'cut'], (_asked, host) => host === 'files');
  assert.deepEqual(await read(corpus), whole);
  assert.equal(waits.length, 8);
});

test('Retry-After as a date is honoured; waits grow without it', async () => {
  const date = new Date(Date.now() + 100_000).toUTCString();
  faults([{ status: 429, headers: { 'retry-after': date } }, 'reset', 'reset', 'reset'], (asked) =>
    asked.includes('/api/'),
  );
  await open('hub:org/plain');
  assert.ok(waits[0] > 90_000 && waits[0] <= 100_000, String(waits[0]));
  assert.ok(waits[1] < waits[2] && waits[2] < waits[3], String(waits));
});

test('a hub that does not recover, or asks to wait for hours, is one sentence', async () => {
  hub.fault = () => 'reset';
  const gone = await failure(open('hub:org/plain'));
  assert.equal(gone.kind, 'unreachable');
  assert.match(gone.message, /^The dataset org\/plain could not be read from http:.* after 8 tries: .*\.$/);
  hub.fault = () => ({ status: 429, headers: { 'retry-after': '7200' } });
  assert.match((await failure(open('hub:org/plain'))).message, /^The hub asks to wait 120 minutes\.$/);
});

test('a node without a way to the hub is told after a few tries', async () => {
  const closed = new FakeHub({});
  await closed.start();
  await closed.stop();
  const access = { ...hubAccess({ HF_ENDPOINT: closed.endpoint }), wait: async () => {} };
  const options = { column: 'text', cache: root, signal: new AbortController().signal, tick: async () => {} };
  const error = await failure(openHubCorpus('hub:org/plain', options, access));
  assert.match(error.message, /after 4 tries: connect ECONNREFUSED 127\.0\.0\.1:\d+\.$/);
});

test('a stop ends the waiting', async () => {
  hub.fault = () => ({ status: 503 });
  const stop = new AbortController();
  const access = { ...hubAccess({ HF_ENDPOINT: hub.endpoint }), token: undefined };
  const options = {
    column: 'text',
    cache: path.join(root, 'stopped'),
    signal: stop.signal,
    tick: async () => {},
  };
  const opening = openHubCorpus('hub:org/plain', options, access);
  stop.abort();
  await assert.rejects(opening, { name: 'AbortError' });
});

test('what is not there, or not allowed, is one sentence each', async () => {
  const token = 'hf_other';
  const cases: [() => Promise<unknown>, RegExp, RegExp?][] = [
    [() => open('hub:org/nothing', { token }), /^The dataset org\/nothing is not on the hub\.$/],
    [
      () => open('hub:org/nothing'),
      /^The dataset org\/nothing is not on the hub, or needs a token\.$/,
      /HF_TOKEN/,
    ],
    [() => open('hub:org/plain@v9'), /^The dataset org\/plain has no such revision on the hub\.$/],
    [() => open('hub:org/gated'), /is gated or private, and this node may not read it\.$/, /HF_TOKEN/],
    [
      () => open('hub:org/gated', { token }),
      /is gated or private, and this node may not read it\.$/,
      /HF_TOKEN/,
    ],
    [
      () => open('hub:org/csv'),
      /^The dataset org\/csv has no parquet files at d{12}\.$/,
      /refs\/convert\/parquet/,
    ],
    [
      () => open('hub:org/fineweb/sample-10B'),
      /no parquet files in "sample-10B" .* Did you mean "sample-10BT"\?$/,
    ],
    [() => open('hub:org/parts'), /^The dataset org\/parts has 2 parts: one, two\.$/, /hub:org\/parts\/one/],
    [
      () => open('hub:org/content').then(read),
      /^a\.parquet of the dataset org\/content has no text column "text", but "id", "content"\.$/,
      /data\.column/,
    ],
  ];
  for (const [work, sentence, next] of cases) {
    const error = await failure(work());
    assert.match(error.message, sentence);
    if (next) assert.match(error.next ?? '', next);
  }
});

test('a tokenizer is taken from a model on the hub once a root', async () => {
  const cache = path.join(root, 'tokenizer');
  const access = { endpoint: hub.endpoint, token: undefined, wait: async () => {} };
  const { signal } = new AbortController();
  const file = await hubTokenizerFile('hub:org/model', cache, signal, access);
  assert.equal(fs.readFileSync(file, 'utf8'), '{"version":"1.0"}');
  hub.seen.length = 0;
  assert.equal(await hubTokenizerFile('hub:org/model', cache, signal, access), file);
  assert.equal(hub.seen.length, 0);
  const without = await failure(hubTokenizerFile('hub:org/csv', cache, signal, access));
  assert.match(without.message, /^The model org\/csv has no .*on the hub\.$/);
});

test('a server that sends the whole file for a range is refused', async () => {
  const corpus = await open('hub:org/fineweb/sample-10BT');
  hub.fault = ({ host }) => (host === 'files' ? 'whole' : undefined);
  assert.match((await failure(read(corpus))).message, /whole file where a part of it was asked for\.$/);
});
