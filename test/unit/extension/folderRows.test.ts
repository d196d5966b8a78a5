import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { failedRows, folderRows } from '../../../src/extension/launch/folderRows.ts';
import { runFileText } from '../../../src/extension/launch/launchChoices.ts';
import type { FolderList } from '../../../src/protocol/agentApi.ts';

function list(parts: Partial<FolderList> = {}): FolderList {
  const entries = parts.entries ?? [];
  const folders = entries.filter(({ folder }) => folder).length;
  return {
    ...{ path: '/data', entries, folders, corpora: entries.length - folders, notUtf8: 0 },
    ...parts,
  };
}
const folder = (name: string) => ({ name, folder: true, bytes: 0 });
const file = (name: string, bytes: number) => ({ name, folder: false, bytes });

test('use it, one up, folders, then corpora with their sizes', () => {
  const rows = folderRows(
    list({ entries: [folder('sub'), file('a.parquet', 1536), file('b.jsonl.zst', 5)] }),
  );
  assert.deepEqual(
    rows.map(({ does, path, label, description }) => [does, path, label, description]),
    [
      ['take', '/data', 'Use this folder', '2 corpus files, and what lies below'],
      ['open', '/', '..', undefined],
      ['open', '/data/sub', 'sub', undefined],
      ['take', '/data/a.parquet', 'a.parquet', '1.5 KiB'],
      ['take', '/data/b.jsonl.zst', 'b.jsonl.zst', '5 B'],
    ],
  );
});

test('what there is to read is said in words that fit', () => {
  const said = (entries: FolderList['entries']) => folderRows(list({ entries }))[0]!.description;
  assert.equal(said([]), 'nothing to read');
  assert.equal(said([folder('a')]), 'what lies below');
  assert.equal(said([file('a.txt', 1)]), '1 corpus file');
});

test('there is nothing above /', () => {
  assert.ok(folderRows(list({ path: '/' })).every(({ label }) => label !== '..'));
  assert.equal(folderRows(list({ path: '/', entries: [folder('data')] })).at(-1)!.path, '/data');
});

test('a path stays exact, also in the run file; its label shows no control character and no icon', () => {
  const names = ['ends in a space ', 'two\nlines', '$(sync~spin) \u202etxt', '.hidden', 'a"b', '%h'];
  const rows = folderRows(list({ path: '/d ', entries: names.map(folder) })).slice(2);
  assert.deepEqual(
    rows.map(({ path }) => path),
    names.map((name) => `/d /${name}`),
  );
  assert.equal(rows[1]!.label, 'two\ufffdlines');
  assert.equal(rows[2]!.label, '$\u200b(sync~spin) \ufffdtxt');
  for (const { path } of rows) {
    const yaml = runFileText({ setup: 'clm', model: 'micro', steps: 10, source: path });
    assert.equal((parse(yaml) as { data: { source: string } }).data.source, path);
  }
});

test('what is left out is said, and cannot be chosen', () => {
  const rows = folderRows(list({ entries: [folder('a')], folders: 4000, corpora: 1001, notUtf8: 1 }));
  assert.deepEqual(
    rows.slice(-2).map(({ does, label }) => [does, label]),
    [
      ['nothing', '5,000 more are not shown.'],
      ['nothing', '1 name is not shown: not UTF-8.'],
    ],
  );
  assert.match(rows[0]!.description!, /^1,001 corpus files/);
});

test('a folder that could not be read offers another try and the one above', () => {
  assert.deepEqual(
    failedRows('/data/x', '/data/x may not be read.').map(({ does, path, label, detail }) => [
      ...[does, path, label, detail],
    ]),
    [
      ['open', '/data/x', 'Try again', '/data/x may not be read.'],
      ['open', '/data', '..', undefined],
    ],
  );
  assert.equal(failedRows('~', 'No answer.').length, 1);
});
