import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { HashMemo } from '../../../../src/control/transfers/hashMemo.ts';
import {
  checkUnchanged,
  corpusParcel,
  hashOf,
  listCorpus,
} from '../../../../src/control/transfers/localCorpus.ts';
import { listSourceFiles, nameInCorpus } from '../../../../src/trainer/data/sourceFiles.ts';

const { signal } = new AbortController();
let folder: string;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-corpus-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

function write(name: string, text = name): string {
  const file = path.join(folder, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
  return file;
}

const names = async (place: string): Promise<string[]> =>
  (await listCorpus(place, signal)).map((each) => each.path);

test('what is listed is what the trainer would read there', async () => {
  for (const name of [
    'b.txt',
    'a/x.jsonl',
    'a/b/c.parquet',
    'README',
    '.hid/a.txt',
    'p.png',
    '.b.txt',
    'z.log.gz',
  ])
    write(`corpus/${name}`);
  fs.symlinkSync('../b.txt', path.join(folder, 'corpus/a/link.txt'));
  fs.symlinkSync('nowhere', path.join(folder, 'corpus/dead.txt'));
  fs.symlinkSync('..', path.join(folder, 'corpus/a/up'));
  if (process.platform !== 'win32') execFileSync('mkfifo', [path.join(folder, 'corpus/pipe.txt')]);
  const corpus = path.join(folder, 'corpus');
  const read = listSourceFiles(corpus).map((file) => nameInCorpus(corpus, file));
  assert.deepEqual(await names(corpus), read.sort());
  assert.ok(read.includes('a/link.txt'));
  assert.deepEqual(await names(path.join(corpus, 'b.txt')), ['b.txt']);
});

test('links that lead out of the corpus, names that are not UTF-8 and what is no text are refused', async () => {
  write('secret.txt');
  write('corpus/a.txt');
  const corpus = path.join(folder, 'corpus');
  const link = path.join(corpus, 'out.txt');
  fs.symlinkSync('../secret.txt', link);
  await assert.rejects(listCorpus(corpus, signal), {
    kind: 'refused',
    message: /out\.txt is a link that leads out/,
  });
  fs.rmSync(link);
  fs.symlinkSync('..', link);
  await assert.rejects(listCorpus(corpus, signal), { kind: 'refused' }, 'a folder');
  fs.rmSync(link);
  if (process.platform === 'linux') {
    const odd = Buffer.concat([Buffer.from(`${corpus}/`), Buffer.from([0xff, 0x2e, 0x74, 0x78, 0x74])]);
    fs.writeFileSync(odd, 'x');
    await assert.rejects(listCorpus(corpus, signal), { kind: 'refused', message: /not UTF-8/ });
    fs.rmSync(odd);
  }
  assert.deepEqual(await names(corpus), ['a.txt']);
  await assert.rejects(listCorpus(path.join(folder, 'none'), signal), { kind: 'missing' });
  await assert.rejects(listCorpus(write('a.png'), signal), { kind: 'usage', message: /not a kind of file/ });
  fs.rmSync(path.join(corpus, 'a.txt'));
  await assert.rejects(listCorpus(corpus, signal), { kind: 'usage', message: /is empty/ });
});

test('a file is hashed once as long as nothing changed', async () => {
  const file = write('corpus/a.txt', 'some text');
  fs.utimesSync(file, 1e9, 1e9);
  const memo = path.join(folder, 'memo.jsonl');
  const hash = async (): Promise<string> => {
    const [entry] = await listCorpus(file, signal);
    return hashOf(entry!, new HashMemo(memo), { signal, onBytes: () => {} });
  };
  const expected = createHash('sha256').update('some text').digest('hex');
  assert.equal(await hash(), expected);
  const forged = fs.readFileSync(memo, 'utf8').replace(expected, 'f'.repeat(64));
  fs.writeFileSync(memo, `{"torn": \n${forged}`);
  assert.equal(await hash(), 'f'.repeat(64), 'it is not read again');
  fs.writeFileSync(file, 'some tex2');
  assert.notEqual(await hash(), 'f'.repeat(64));
  // Just written, it may change within the same tick of its clock.
  assert.doesNotMatch(
    fs.readFileSync(memo, 'utf8'),
    new RegExp(createHash('sha256').update('some tex2').digest('hex')),
  );
});

test('a corpus that changed since it was listed does not travel', async () => {
  const file = write('corpus/a.txt', 'some text');
  const corpus = path.dirname(file);
  const listed = await listCorpus(corpus, signal);
  await checkUnchanged(corpus, listed, signal);
  const read = async (from: number): Promise<string> => {
    const chunks: Buffer[] = [];
    for await (const chunk of corpusParcel(listed[0]!, '0'.repeat(64)).read(from)) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  };
  assert.equal(await read(5), 'text');
  assert.equal(await read(9), '');
  const added = write('corpus/b.txt');
  await assert.rejects(checkUnchanged(corpus, listed, signal), {
    kind: 'refused',
    message: /b\.txt changed/,
  });
  fs.rmSync(added);
  fs.appendFileSync(file, '!');
  await assert.rejects(checkUnchanged(corpus, listed, signal), {
    kind: 'refused',
    message: /a\.txt changed/,
  });
  await assert.rejects(read(0), { kind: 'refused', message: /a\.txt changed/ });
  fs.rmSync(file);
  await assert.rejects(read(0), { kind: 'refused', message: /a\.txt changed/ });
});
