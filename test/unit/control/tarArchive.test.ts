import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { tarEnd, tarHeader, tarPadding } from '../../../src/control/nodes/bootstrap/tarArchive.ts';
import { readTarEntry } from '../../../src/control/nodes/bootstrap/tarEntry.ts';

const files = [
  { name: 'main.mjs', content: Buffer.from('console.log(1)\n'), mode: '600' },
  { name: 'native/linux-x64-gnu/part.node', content: Buffer.alloc(1024, 7), mode: '700' },
  { name: 'empty', content: Buffer.alloc(0), mode: '600' },
];
const archive = Buffer.concat([
  ...files.flatMap(({ name, content, mode }) => [
    tarHeader(name, content.length, mode),
    content,
    tarPadding(content.length),
  ]),
  tarEnd,
]);

test('files come out of an archive as they went in', () => {
  for (const { name, content } of files) assert.deepEqual(readTarEntry(archive, name), content);
});

test('tar reads it without a complaint', { skip: process.platform === 'win32' ? 'runs tar' : false }, () => {
  const listed = execFileSync('tar', ['-tvf', '-'], { input: archive, encoding: 'utf8' });
  const lines = listed.trim().split('\n');
  assert.equal(lines.length, files.length);
  assert.match(lines[0]!, /^-rw-------.* 15 .* main\.mjs$/);
  assert.match(lines[1]!, /^-rwx------.* 1024 .* native\/linux-x64-gnu\/part\.node$/);
});

test('a path that is too long for an archive is no silent cut', () => {
  assert.throws(() => tarHeader('x'.repeat(101), 1, '600'), { kind: 'internal' });
});
