import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { findSources } from '../../../../src/control/imports/findSources.ts';

function folderOf(context: TestContext, files: Record<string, string>): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-sources-'));
  context.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), text);
  }
  return folder;
}

test('a file that cannot be read is told, and costs none of the others', async (context) => {
  const folder = folderOf(context, { 'a/1.csv': 'step,loss\n', 'b/events.out.tfevents.1': '', 'z.csv': '' });
  const { open } = fs.promises;
  context.mock.method(fs.promises, 'open', (place: string, ...rest: []) => {
    if (place.endsWith('locked.jsonl'))
      throw Object.assign(new Error('EACCES: no permission'), { code: 'EACCES' });
    return open(place, ...rest);
  });
  for (const name of ['locked.jsonl', 'a/locked.jsonl']) fs.writeFileSync(path.join(folder, name), '{}\n');
  const { sources, notes } = await findSources([folder], new AbortController().signal);
  assert.deepEqual(sources.map(({ name }) => name).sort(), ['a/1', 'b', 'z']);
  assert.equal(notes.length, 2);
  for (const note of notes) assert.match(note, /locked\.jsonl.*EACCES/);
});
