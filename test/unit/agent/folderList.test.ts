import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { listFolder } from '../../../src/agent/folderList.ts';

let folder: string;

before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-list-'));
});
after(() => fs.rmSync(folder, { recursive: true, force: true }));

/** A folder with these files, each as long as its name, and folders (with a slash at the end). */
function made(name: string, ...entries: string[]): string {
  const place = path.join(folder, name);
  fs.mkdirSync(place);
  for (const entry of entries)
    if (entry.endsWith('/')) fs.mkdirSync(path.join(place, entry));
    else fs.writeFileSync(path.join(place, entry), entry);
  return place;
}

test('folders, hidden folders, then what a trainer reads, with sizes; links are followed', async () => {
  const place = made('mixed', 'b.jsonl.zst', 'a.parquet', 'spec.json', '.hidden.txt', 'z/', '.cache/', 'y/');
  fs.symlinkSync(path.join(place, 'z'), path.join(place, 'to-z'));
  fs.symlinkSync(path.join(place, 'a.parquet'), path.join(place, 'c.parquet'));
  fs.symlinkSync(path.join(place, 'nowhere'), path.join(place, 'd.txt'));
  fs.symlinkSync('e.txt', path.join(place, 'e.txt'));
  const list = await listFolder(place);
  assert.deepEqual(
    list.entries.map(({ name, folder: inside, bytes }) => [name, inside, bytes]),
    [
      ...[['to-z', true, 0] as const, ['y', true, 0] as const, ['z', true, 0] as const],
      ['.cache', true, 0],
      ...[
        ['a.parquet', false, 9] as const,
        ['b.jsonl.zst', false, 11] as const,
        ['c.parquet', false, 9] as const,
      ],
    ],
  );
  assert.deepEqual([list.path, list.folders, list.corpora, list.notUtf8], [place, 4, 3, 0]);
});

test('of very many entries the first by name are in the answer, and all are counted', async () => {
  const names = Array.from(
    { length: 3000 },
    (_, index) => `${String((index * 7919) % 3000).padStart(4, '0')}.txt`,
  );
  const place = made('many', ...names, 'last/');
  const list = await listFolder(place, 10);
  assert.deepEqual(
    list.entries.map(({ name }) => name),
    ['last', ...Array.from({ length: 9 }, (_, index) => `000${index}.txt`)],
  );
  assert.deepEqual([list.folders, list.corpora], [1, 3000]);
});

test('while a folder is listed other work goes on', async () => {
  const place = made('busy', ...Array.from({ length: 2500 }, (_, index) => `${index}.txt`));
  let turns = 0;
  let listing = true;
  const turn = (): void => {
    turns++;
    if (listing) setImmediate(turn);
  };
  turn();
  await listFolder(place);
  listing = false;
  assert.ok(turns >= 3, `${turns} turns`);
});

test('names that are not UTF-8 are counted; others are exact', {
  skip: process.platform !== 'linux',
}, async () => {
  const place = made('names', 'ends in a space /', 'zwei\u2028Zeilen.txt', '\ufffd.txt');
  fs.writeFileSync(
    Buffer.concat([Buffer.from(`${place}/`), Buffer.from([0xff, 0x2e, 0x74, 0x78, 0x74])]),
    '',
  );
  const list = await listFolder(place);
  assert.deepEqual(
    list.entries.map(({ name }) => name),
    ['ends in a space ', 'zwei\u2028Zeilen.txt', '\ufffd.txt'],
  );
  assert.equal(list.notUtf8, 1);
  assert.equal((await listFolder(path.join(place, 'ends in a space '))).path, `${place}/ends in a space `);
});

test('nothing and ~ are the home folder', async () => {
  assert.equal((await listFolder('')).path, os.homedir());
  assert.equal((await listFolder('~')).path, os.homedir());
});

test('what cannot be listed is a sentence with something to try', async () => {
  const place = made('wrong', 'file.txt');
  fs.symlinkSync('loop', path.join(place, 'loop'));
  const wrong: [given: string, kind: string, message: RegExp][] = [
    [path.join(place, 'gone'), 'missing', /^There is no folder .*gone\.$/],
    [path.join(place, 'file.txt'), 'usage', /is not a folder\.$/],
    [path.join(place, 'loop'), 'usage', /is a link that leads back to itself\.$/],
    [path.join(place, 'x'.repeat(300)), 'usage', /longer than the system takes\.$/],
    [path.join(place, 'a\0b'), 'usage', /a\ufffdb is not a path\.$/],
  ];
  for (const [given, kind, message] of wrong)
    await assert.rejects(listFolder(given), (error: Error & { kind: string; next?: string }) => {
      assert.equal(error.kind, kind);
      assert.match(error.message, message);
      return error.next !== undefined;
    });
});

test('a folder that may not be read says so', {
  skip: process.getuid?.() === 0 && 'root reads all',
}, async () => {
  const place = made('closed');
  fs.chmodSync(place, 0);
  await assert.rejects(listFolder(place), { kind: 'refused', next: /permissions/ });
  fs.chmodSync(place, 0o700);
});
