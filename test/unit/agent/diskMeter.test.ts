import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { DiskMeter } from '../../../src/agent/space/diskMeter.ts';
import { BiphaseError } from '../../../src/core/errors.ts';

let folder: string;
const at = (...parts: string[]): string => path.join(folder, ...parts);
/** In blocks of 512 bytes, as POSIX has it. */
const du = (place: string): number => {
  const environment = { ...process.env, POSIXLY_CORRECT: '1' };
  return Number.parseInt(execFileSync('du', ['-s', place], { encoding: 'utf8', env: environment }), 10) * 512;
};

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-meter-'));
});
afterEach(() => {
  fs.chmodSync(folder, 0o700);
  fs.rmSync(folder, { recursive: true, force: true });
});

test('a folder is as large as du says: blocks, hard links once, links not followed, holes free', async () => {
  fs.mkdirSync(at('a/b'), { recursive: true });
  fs.writeFileSync(at('a/one'), 'x');
  fs.writeFileSync(at('a/b/many'), 'x'.repeat(100_000));
  fs.linkSync(at('a/b/many'), at('a/again'));
  fs.symlinkSync('/usr', at('a/link'));
  fs.truncateSync(at('a/one'), 1 << 30);
  for (let i = 0; i < 200; i++) fs.writeFileSync(at(`a/b/${i}`), '');
  assert.equal(await new DiskMeter().bytes(folder), du(folder));
});

test('one meter counts a hard link once wherever it meets it', async () => {
  for (const name of ['a', 'b']) fs.mkdirSync(at(name));
  fs.writeFileSync(at('a/file'), 'x'.repeat(50_000));
  fs.linkSync(at('a/file'), at('b/file'));
  const meter = new DiskMeter();
  assert.equal(
    (await meter.bytes(at('a'))) + (await meter.bytes(at('b'))) + (await meter.own(folder)),
    du(folder),
  );
});

test('a link has no names in it and a size of its own; what is not there has none', async () => {
  fs.mkdirSync(at('full'));
  fs.writeFileSync(at('full/file'), 'x'.repeat(50_000));
  fs.symlinkSync('full', at('link'));
  const meter = new DiskMeter();
  assert.deepEqual(await meter.names(at('link')), []);
  assert.equal(await meter.bytes(at('link')), fs.lstatSync(at('link')).blocks * 512);
  assert.equal(await meter.bytes(at('none')), 0);
  assert.deepEqual(await meter.names(at('none')), []);
});

test('files that vanish while they are counted count nothing', async () => {
  fs.mkdirSync(at('stays'));
  for (let i = 0; i < 500; i++) fs.mkdirSync(at(`goes${i}/inner`), { recursive: true });
  const measuring = new DiskMeter().bytes(folder);
  for (let i = 0; i < 500; i++) fs.rmSync(at(`goes${i}`), { recursive: true });
  assert.ok((await measuring) >= 0);
});

test('a folder that may not be read is told of', {
  skip: process.getuid?.() === 0 && 'root reads all',
}, async () => {
  fs.mkdirSync(at('closed'), { mode: 0o000 });
  const meter = new DiskMeter();
  assert.ok((await meter.bytes(folder)) >= 0);
  assert.equal(meter.unreadable, 1);
  fs.chmodSync(at('closed'), 0o700);
});

test('it ends with the reason that it is told', async () => {
  for (let i = 0; i < 100; i++) fs.mkdirSync(at(String(i)));
  const abort = new AbortController();
  const measuring = new DiskMeter(abort.signal).bytes(folder);
  abort.abort(new BiphaseError('cancelled', 'Enough.'));
  await assert.rejects(measuring, /Enough/);
});

test('timers and other work get their turn while many files are counted', async () => {
  for (let i = 0; i < 3000; i++) fs.writeFileSync(at(String(i)), '');
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  await new DiskMeter().bytes(folder);
  clearInterval(timer);
  assert.ok(turns > 3, `${turns} turns`);
});
