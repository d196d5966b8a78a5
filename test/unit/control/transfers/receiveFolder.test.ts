import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { receiveFolder } from '../../../../src/control/transfers/receiveFolder.ts';
import type { ListedFile } from '../../../../src/protocol/fileList.ts';

const contents: Record<string, string> = { DONE: '', 'a.json': 'some json', 'b.bin': 'many bytes' };
const files: ListedFile[] = Object.entries(contents).map(([name, text]) => ({
  path: name,
  bytes: text.length,
  sha256: createHash('sha256').update(text).digest('hex'),
}));
let folder: string;
let place: string;
let asked: string[];

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-receive-'));
  place = path.join(folder, 'in/here');
  asked = [];
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

/** `spoil`: what comes instead of the bytes of a file. */
function receive(spoil: (name: string, text: string) => string = (_, text) => text): Promise<void> {
  return receiveFolder(place, files, {
    async *read(file, from) {
      asked.push(`${file.path} from ${from}`);
      const text = spoil(file.path, contents[file.path]!).slice(from);
      // In two pieces, so that a half may stay.
      yield Buffer.from(text.slice(0, 4));
      if (text === 'stop') throw new Error('the link was cut');
      yield Buffer.from(text.slice(4));
    },
    last: 'DONE',
    signal: new AbortController().signal,
    onBytes: () => {},
  });
}

test('files are received, the mark last; what an earlier attempt brought is not asked for again', async () => {
  await assert.rejects(receive((name, text) => (name === 'b.bin' ? 'stop' : text)));
  assert.ok(!fs.existsSync(place));
  // What is there is not the beginning of the file: it comes once more from its start.
  asked = [];
  await receive();
  assert.deepEqual(asked, ['a.json from 9', 'b.bin from 4', 'b.bin from 0', 'DONE from 0']);
  for (const [name, text] of Object.entries(contents))
    assert.equal(fs.readFileSync(path.join(place, name), 'utf8'), text);
  assert.deepEqual(fs.readdirSync(path.dirname(place)), ['here']);
  asked = [];
  await receive();
  assert.deepEqual(asked, []);
});

test('a file that arrives damaged twice gives the folder no name', async () => {
  await assert.rejects(
    receive((name, text) => (name === 'a.json' ? text.toUpperCase() : text)),
    { kind: 'damaged', message: /a\.json arrived damaged/ },
  );
  assert.deepEqual(asked, ['a.json from 0', 'a.json from 0']);
  assert.ok(!fs.existsSync(place));
});

test('another folder of that name is left alone', async () => {
  fs.mkdirSync(place, { recursive: true });
  fs.writeFileSync(path.join(place, 'mine.txt'), 'mine');
  await assert.rejects(receive(), { kind: 'refused' });
  assert.deepEqual(fs.readdirSync(place), ['mine.txt']);
});

for (const [what, plant] of [
  ['a link to a file', (at: string, victim: string) => fs.symlinkSync(victim, at)],
  ['a link to nothing', (at: string, victim: string) => fs.symlinkSync(`${victim}.new`, at)],
  ['another name of a file', (at: string, victim: string) => fs.linkSync(victim, at)],
  ['a pipe', (at: string) => execFileSync('mkfifo', [at])],
  ['a folder', (at: string) => fs.mkdirSync(at)],
] as const)
  test(`${what} among what an earlier attempt brought is refused, and nothing is written`, async () => {
    const victim = path.join(folder, 'victim');
    fs.writeFileSync(victim, 'some');
    fs.mkdirSync(`${place}.part`, { recursive: true });
    plant(path.join(`${place}.part`, 'a.json'), victim);
    await assert.rejects(receive(), { kind: 'refused', message: /a\.json is a link, or something else/ });
    assert.equal(fs.readFileSync(victim, 'utf8'), 'some');
    assert.deepEqual(fs.readdirSync(folder).sort(), ['in', 'victim']);
    assert.ok(!fs.existsSync(place));
  });

test('a link in the place of the growing folder is refused', async () => {
  const elsewhere = path.join(folder, 'elsewhere');
  fs.mkdirSync(elsewhere);
  fs.mkdirSync(path.dirname(place));
  fs.symlinkSync(elsewhere, `${place}.part`);
  await assert.rejects(receive(), { kind: 'refused' });
  assert.deepEqual(fs.readdirSync(elsewhere), []);
});
