import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { z } from 'zod';
import {
  createWhole,
  insideFolder,
  openToAppend,
  readJson,
  readTail,
  writeByRename,
} from '../../../src/agent/files.ts';
import { NodeRoot } from '../../../src/agent/nodeRoot.ts';
import { BiphaseError } from '../../../src/core/errors.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-files-'));
after(() => fs.rmSync(folder, { recursive: true }));
const at = (name: string): string => path.join(folder, name);

test('a file is replaced whole, and nothing else is left', () => {
  writeByRename(at('state'), 'one');
  writeByRename(at('state'), 'two');
  assert.equal(fs.readFileSync(at('state'), 'utf8'), 'two');
  assert.throws(() => writeByRename(at('none/state'), 'x'));
  assert.deepEqual(fs.readdirSync(folder), ['state']);
});

test('of two creators one wins, and the content is its own', () => {
  assert.equal(createWhole(at('claim'), 'first'), true);
  assert.equal(createWhole(at('claim'), 'second'), false);
  assert.equal(fs.readFileSync(at('claim'), 'utf8'), 'first');
  assert.deepEqual(fs.readdirSync(folder).sort(), ['claim', 'state']);
});

test('JSON that is missing, torn or of another shape reads as null', () => {
  const schema = z.looseObject({ a: z.number() });
  for (const text of ['', '{"a":', '[]', '{"a":"1"}', 'null']) {
    fs.writeFileSync(at('json'), text);
    assert.equal(readJson(at('json'), schema), null, text);
  }
  fs.writeFileSync(at('json'), '{"a":1,"later":true}');
  assert.deepEqual(readJson(at('json'), schema), { a: 1, later: true });
  assert.equal(readJson(at('nothing'), schema), null);
});

test('a tail is read from the end, not before a place', () => {
  fs.writeFileSync(at('tail'), '0123456789');
  assert.equal(readTail(at('tail'), 4), '6789');
  assert.equal(readTail(at('tail'), 100), '0123456789');
  assert.equal(readTail(at('tail'), 100, 8), '89');
  assert.equal(readTail(at('tail'), 100, 50), '');
  assert.equal(readTail(at('nothing'), 4), '');
});

test('a path stays inside its folder', () => {
  fs.mkdirSync(at('run/sub'), { recursive: true });
  fs.mkdirSync(at('run-other'));
  fs.writeFileSync(at('run/sub/file'), '');
  fs.writeFileSync(at('run-other/file'), '');
  fs.symlinkSync('../run-other/file', at('run/link'));
  fs.symlinkSync('sub/file', at('run/inside'));
  const run = at('run');
  assert.equal(insideFolder(run, 'sub/file'), fs.realpathSync(at('run/sub/file')));
  assert.equal(insideFolder(run, 'inside'), fs.realpathSync(at('run/sub/file')));
  for (const bad of [
    'link',
    '../run-other/file',
    'sub/../../run-other/file',
    '/etc/passwd',
    '',
    'sub',
    '.',
    'a\0',
  ])
    assert.throws(() => insideFolder(run, bad), BiphaseError, bad);
});

test('a root keeps its id, refuses odd names and sees only runs', () => {
  const root = new NodeRoot(at('root'));
  root.prepare();
  assert.equal(root.id(), new NodeRoot(at('root')).id());
  fs.rmSync(at('root/id'));
  execFileSync('mkfifo', [at('root/id')]);
  assert.throws(() => root.id(), { kind: 'damaged', next: /Remove it/ });
  fs.rmdirSync(root.runs);
  fs.writeFileSync(root.runs, '');
  assert.throws(() => root.prepare(), { kind: 'usage', message: `${root.runs} is not a folder.` });
  fs.rmSync(root.runs);
  fs.mkdirSync(root.runs);
  assert.equal(new NodeRoot('~/x').path, path.join(os.homedir(), 'x'));
  for (const bad of ['..', '../x', '', '20250101-ABCDEFGH', '20250101-aaaaaaaa/x'])
    assert.throws(() => root.runDirectory(bad), BiphaseError);
  for (const bad of ['..', '.', '', 'a/b', '-x', '../../etc'])
    assert.throws(() => root.bundleFolder(bad), BiphaseError);
  for (const name of ['20250101-bbbbbbbb', '20250101-aaaaaaaa', '.deleted-20250101-aaaaaaaa-00', 'other'])
    fs.mkdirSync(path.join(root.runs, name));
  fs.symlinkSync('/', path.join(root.runs, '20250101-cccccccc'));
  assert.deepEqual(root.runIds(), ['20250101-aaaaaaaa', '20250101-bbbbbbbb']);
  assert.throws(() => root.existingRunDirectory('20250101-cccccccc'), /no run/);
  assert.equal(fs.statSync(root.path).mode & 0o077, 0);
});

test('a file is written at its end; what is none is refused, not waited for', () => {
  for (const text of ['one', 'two']) {
    const fd = openToAppend(at('output'));
    fs.writeSync(fd, text);
    fs.closeSync(fd);
  }
  assert.equal(fs.readFileSync(at('output'), 'utf8'), 'onetwo');
  execFileSync('mkfifo', [at('pipe')]);
  const refusal = { kind: 'refused', message: `${at('pipe')} cannot be written: it is no file.` };
  assert.throws(() => openToAppend(at('pipe')), refusal);
  const reader = fs.openSync(at('pipe'), fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  assert.throws(() => openToAppend(at('pipe')), refusal);
  fs.closeSync(reader);
});
