import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { NodeRoot } from '../../../src/agent/nodeRoot.ts';
import type { ProcessTable } from '../../../src/agent/processTable.ts';
import { cleanStages } from '../../../src/agent/space/cleanStages.ts';
import { measureRoot } from '../../../src/agent/space/diskUse.ts';
import { type Freed, freeSpace } from '../../../src/agent/space/freeSpace.ts';
import { withHeldRun } from '../../../src/agent/space/heldRun.ts';
import { finishDeletions, putAside } from '../../../src/agent/space/putAside.ts';
import { removeRoot } from '../../../src/agent/space/removeRoot.ts';
import { takeSegmentLock } from '../../../src/agent/wrapper/segmentLock.ts';
import type { DiskUse, SpaceItem } from '../../../src/protocol/diskSpace.ts';
import { writeRunFolder } from '../../support/runFolder.ts';

const day = 24 * 3600;
const me = String(process.pid);
/** A machine on which only this process lives. */
const table: ProcessTable = {
  host: 'here',
  bootId: 'boot',
  startTime: (pid) => (pid === process.pid ? me : null),
};
const a = '20250101-aaaaaaaa';
const b = '20250101-bbbbbbbb';
let folder: string;
let root: NodeRoot;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-space-'));
  root = new NodeRoot(path.join(folder, 'root'));
  root.prepare();
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const at = (...parts: string[]): string => path.join(root.path, ...parts);
function put(file: string, content: unknown = 'x'.repeat(5000)): void {
  fs.mkdirSync(path.dirname(at(file)), { recursive: true });
  fs.writeFileSync(at(file), typeof content === 'string' ? content : JSON.stringify(content));
}

/** A run with complete checkpoints; `running`: its trainer is this process. */
function makeRun(
  run: string,
  state: 'stopped' | 'finished' | 'running',
  steps: number[],
  file: Record<string, unknown> = {},
): void {
  const living = { pid: process.pid, startTime: me };
  writeRunFolder(root.path, run, {
    name: `name of ${run}`,
    state,
    steps,
    file,
    machine: { host: table.host, bootId: table.bootId },
    process: living,
  });
}

const free = (...items: SpaceItem[]): Promise<Freed[]> => freeSpace(root, items, { table, ownBundle: 'own' });
const use = (): Promise<DiskUse> => measureRoot(root, { table, ownBundle: 'own' });
const left = (...parts: string[]): string[] => fs.readdirSync(at(...parts)).sort();
async function refused(item: SpaceItem, why: RegExp): Promise<void> {
  const [freed] = await free(item);
  assert.match(freed?.problem ?? 'nothing was refused', why);
  assert.equal(freed?.bytes, 0);
}

test('checkpoints say why they stay: the last, those of the run file, those that other runs begin from', async () => {
  makeRun(a, 'stopped', [10, 20, 30, 40], { checkpoints: { at: [20] } });
  makeRun(b, 'stopped', [], { from: { checkpoint: `${a}@30` } });
  put(`runs/${a}/checkpoints/step-000005/half`);
  const [first] = (await use()).runs;
  assert.deepEqual(
    first?.checkpoints.map(({ step, kept }) => [step, kept]),
    [
      [5, null],
      [10, null],
      [20, 'at'],
      [30, 'origin'],
      [40, 'last'],
    ],
  );
  assert.equal(first?.name, `name of ${a}`);
});

test('old checkpoints go, the rest of the run and its last one stay, and it can be resumed', async () => {
  makeRun(a, 'stopped', [10, 20, 30]);
  const [{ checkpoints }] = (await use()).runs as [DiskUse['runs'][number]];
  const [freed] = await free({ kind: 'checkpoints', run: a, steps: [10, 20], kept: false });
  assert.deepEqual(freed, { bytes: checkpoints[0]!.bytes + checkpoints[1]!.bytes, problem: null });
  assert.deepEqual(left('runs', a, 'checkpoints'), ['step-000030']);
  assert.deepEqual(left('runs'), [a]);
  assert.equal((await use()).runs[0]?.state, 'stopped');
  assert.equal(takeSegmentLock(at('runs', a), 1, table), true);
});

test('what is kept goes only where that is said, the last one never, and all or nothing of an item goes', async () => {
  makeRun(a, 'finished', [10, 20, 30], { checkpoints: { at: [20] } });
  const steps = [10, 20];
  await refused({ kind: 'checkpoints', run: a, steps, kept: false }, /kept by its run file/);
  await refused({ kind: 'checkpoints', run: a, steps: [10, 30], kept: true }, /its last/);
  await refused({ kind: 'checkpoints', run: a, steps: [10, 11], kept: true }, /no checkpoint of step 11/);
  assert.equal(left('runs', a, 'checkpoints').length, 3);
  assert.equal((await free({ kind: 'checkpoints', run: a, steps, kept: true }))[0]?.problem, null);
  assert.deepEqual(left('runs', a, 'checkpoints'), ['step-000030']);
});

test('nothing of a run goes that is active, is being started, or is what an active run begins from', async () => {
  makeRun(a, 'running', [10, 20]);
  await refused({ kind: 'run', run: a }, /is starting.*Stop it first/);
  await refused({ kind: 'checkpoints', run: a, steps: [10], kept: true }, /is starting/);
  makeRun(b, 'stopped', [10, 20]);
  assert.equal(takeSegmentLock(at('runs', b), 1, table), true);
  await refused({ kind: 'run', run: b }, /is being started/);
  const c = '20250101-cccccccc';
  makeRun(c, 'finished', [10, 20]);
  put(
    `runs/${a}/spec.json`,
    JSON.stringify({
      ...JSON.parse(fs.readFileSync(at('runs', a, 'spec.json'), 'utf8')),
      file: { from: { checkpoint: `${c}@10` } },
    }),
  );
  fs.rmSync(at('runs', a, 'checkpoints'), { recursive: true });
  await refused({ kind: 'checkpoints', run: c, steps: [10], kept: true }, /an active run begins from/);
  await refused({ kind: 'run', run: c }, /active run begins from/);
  assert.deepEqual(left('runs'), [a, b, c]);
});

test('while a run is held nobody starts its next segment; then it is free, or gone', () => {
  makeRun(a, 'stopped', [10]);
  const directory = at('runs', a);
  withHeldRun(root, a, table, () => {
    assert.equal(takeSegmentLock(directory, 1, table), false);
    assert.throws(() => withHeldRun(root, a, table, () => {}), /is being started/);
  });
  assert.equal(takeSegmentLock(directory, 1, table), true);
  makeRun(b, 'stopped', [10]);
  assert.throws(
    () =>
      withHeldRun(root, b, table, () => {
        throw new Error('in between');
      }),
    /in between/,
  );
  withHeldRun(root, b, table, (held) => fs.rmSync(held, { recursive: true }));
  assert.throws(() => withHeldRun(root, b, table, () => {}), /no run/);
});

test('a damaged state.json does not hide a wrapper that lives', async () => {
  makeRun(a, 'running', [10, 20]);
  assert.equal(takeSegmentLock(at('runs', a), 0, table), true);
  put(`runs/${a}/state.json`, '{"torn');
  await refused({ kind: 'run', run: a }, /is starting|being started/);
  put(`runs/${a}/locks/segment-7.0.json`, { pid: process.pid, startTime: me, host: 'here', bootId: 'boot' });
  put(`runs/${a}/locks/segment-0.0.json`, { pid: 1, startTime: '', host: 'here', bootId: 'boot' });
  fs.utimesSync(at('runs', a), 1, 1);
  await refused({ kind: 'run', run: a }, /being started/);
});

test('links in the place of a run, its checkpoints, its locks, the cache or an entry lead nowhere', async () => {
  const outside = path.join(folder, 'outside');
  fs.mkdirSync(path.join(outside, 'step-000010'), { recursive: true });
  fs.mkdirSync(path.join(outside, 'tokens'), { recursive: true });
  fs.writeFileSync(path.join(outside, 'tokens', 'entry'), '');
  makeRun(a, 'stopped', [10, 20]);
  fs.rmSync(at('runs', a, 'checkpoints'), { recursive: true });
  fs.symlinkSync(outside, at('runs', a, 'checkpoints'));
  await refused({ kind: 'checkpoints', run: a, steps: [10], kept: true }, /not a folder of the run/);
  fs.rmSync(at('runs', a, 'checkpoints'));
  makeRun(a, 'stopped', [20]);
  fs.symlinkSync(path.join(outside, 'step-000010'), at('runs', a, 'checkpoints', 'step-000010'));
  await refused({ kind: 'checkpoints', run: a, steps: [10], kept: true }, /no checkpoint of step 10/);
  fs.rmSync(at('runs', a, 'locks'), { recursive: true, force: true });
  fs.symlinkSync(outside, at('runs', a, 'locks'));
  await refused({ kind: 'run', run: a }, /not a folder of the run/);
  fs.symlinkSync(outside, at('runs', b));
  await refused({ kind: 'run', run: b }, /no run/);
  fs.symlinkSync(path.join(outside, 'tokens'), at('cache', 'tokens'));
  await refused({ kind: 'cache', entry: 'tokens/entry' }, /not a folder of the root/);
  fs.rmSync(at('cache'), { recursive: true });
  fs.symlinkSync(outside, at('cache'));
  await refused({ kind: 'cache', entry: 'tokens/entry' }, /not a folder of the root/);
  fs.rmSync(at('cache'));
  fs.mkdirSync(at('cache', 'tokens'), { recursive: true });
  fs.symlinkSync(path.join(outside, 'tokens'), at('cache', 'tokens', 'entry'));
  await refused({ kind: 'cache', entry: 'tokens/entry' }, /no folder and no file/);
  fs.symlinkSync(outside, at('bundles', 'link'));
  await refused({ kind: 'bundle', hash: 'link' }, /no bundle/);
  const { cache, bundles, runs } = await use();
  assert.deepEqual([cache, bundles, runs.map(({ run }) => run)], [[], [], [a]]);
  assert.deepEqual(fs.readdirSync(outside).sort(), ['step-000010', 'tokens']);
  assert.deepEqual(fs.readdirSync(path.join(outside, 'tokens')), ['entry']);
});

test('a link inside what goes is removed, not what it leads to', async () => {
  const outside = path.join(folder, 'outside');
  fs.mkdirSync(outside);
  fs.writeFileSync(path.join(outside, 'file'), '');
  makeRun(a, 'finished', [10]);
  fs.symlinkSync(outside, at('runs', a, 'elsewhere'));
  assert.equal((await free({ kind: 'run', run: a }))[0]?.problem, null);
  assert.deepEqual(left('runs'), []);
  assert.deepEqual(fs.readdirSync(outside), ['file']);
});

test('the cache is left alone while a run is active or the entry is being made', async () => {
  for (const name of ['tokens/one', 'tokens/two', 'tokenizers/three']) put(`cache/${name}/file`);
  put('cache/tokenizers/hub-x.json');
  put('cache/tokens/half.tmp/file');
  assert.deepEqual(
    (await use()).cache.map(({ entry }) => entry),
    ['tokenizers/hub-x.json', 'tokenizers/three', 'tokens/one', 'tokens/two'],
  );
  makeRun(a, 'running', []);
  await refused({ kind: 'cache', entry: 'tokens/one' }, /while a run is active/);
  makeRun(a, 'stopped', []);
  fs.mkdirSync(at('cache/tokens/two.making'));
  await refused({ kind: 'cache', entry: 'tokens/two' }, /is being made/);
  await refused({ kind: 'cache', entry: 'tokens/half.tmp' }, /not an entry/);
  const freed = await free(
    { kind: 'cache', entry: 'tokens/one' },
    { kind: 'cache', entry: 'tokenizers/hub-x.json' },
  );
  assert.deepEqual(
    freed.map(({ problem }) => problem),
    [null, null],
  );
  assert.deepEqual(left('cache'), ['tokenizers', 'tokens']);
  assert.deepEqual(left('cache', 'tokens'), ['half.tmp', 'two', 'two.making']);
  assert.deepEqual(left('cache', 'tokenizers'), ['three']);
});

test('a cache entry is back in its place where a run became active while it was taken', async () => {
  put('cache/tokens/one/file');
  makeRun(a, 'running', []);
  const making = at('cache/tokens/one.making');
  // Its trainer lives from the moment on in which the entry is taken.
  const startTime = (): string | null => (fs.existsSync(making) ? me : null);
  const options = { table: { ...table, startTime }, ownBundle: 'own' };
  const [freed] = await freeSpace(root, [{ kind: 'cache', entry: 'tokens/one' }], options);
  assert.match(freed?.problem ?? '', /while a run is active/);
  assert.deepEqual([left('cache'), left('cache', 'tokens')], [['tokens'], ['one']]);
  assert.deepEqual(left('cache', 'tokens', 'one'), ['file']);
});

test('a bundle goes that no run resumes with and no agent has used for two days', async () => {
  makeRun(a, 'stopped', []);
  for (const hash of ['named', 'own', 'fresh', 'old']) put(`bundles/${hash}/biphase.mjs`);
  const then = Date.now() / 1000 - 3 * day;
  for (const hash of ['named', 'own', 'old']) fs.utimesSync(at('bundles', hash), then, then);
  assert.deepEqual(
    (await use()).bundles.map(({ hash, needed }) => [hash, needed]),
    [
      ['fresh', true],
      ['named', true],
      ['old', false],
      ['own', true],
    ],
  );
  for (const hash of ['named', 'own', 'fresh']) await refused({ kind: 'bundle', hash }, /is needed/);
  assert.ok((await free({ kind: 'bundle', hash: 'old' }))[0]!.bytes >= 5000);
  makeRun(a, 'finished', []);
  assert.equal((await free({ kind: 'bundle', hash: 'named' }))[0]?.problem, null);
  assert.deepEqual(left('bundles'), ['fresh', 'own']);
});

test('a deletion that was cut off is ended later, and one that is under way is left to its agent', async () => {
  makeRun(a, 'finished', [10]);
  put('cache/tokens/one/file');
  putAside(at('runs', a), root.runs);
  putAside(at('cache/tokens/one'), root.cache);
  put('runs/notes/file');
  await finishDeletions(root);
  assert.equal(left('runs').length, 2);
  await finishDeletions(root, Date.now() + 3600_000);
  assert.deepEqual([left('runs'), left('cache')], [['notes'], ['tokens']]);
});

/** As if nothing below it had been written for so many days. */
function rest(place: string, days: number): void {
  const time = Date.now() / 1000 - days * day;
  const inside = fs.readdirSync(at(place), { recursive: true, encoding: 'utf8' });
  for (const name of [...inside, '']) fs.lutimesSync(path.join(at(place), name), time, time);
}

test('what a copy left goes after a week of rest; one that is in use, and what others put there, stays', async () => {
  const outside = path.join(folder, 'outside');
  fs.mkdirSync(outside);
  fs.writeFileSync(path.join(outside, 'mine'), 'mine');
  put('cache/corpora/.old.1234abcd.stage/files/a/text.txt');
  put('cache/corpora/.old.1234abcd.parts/half.part');
  fs.symlinkSync(outside, at('cache/corpora/.old.1234abcd.stage/link'));
  put('cache/corpora/.resumed.1234abcd.stage/files/text.txt');
  put('cache/corpora/.resumed.1234abcd.parts/half.part');
  put('cache/corpora/whole/manifest.json');
  put('cache/corpora/.notes/file');
  put('cache/checkpoints/.run@10.1234abcd.stage/config.json');
  put('cache/checkpoints/.run@20.1234abcd.parts/half.part');
  put('cache/tokens/.one.1234abcd.stage/file');
  fs.symlinkSync(outside, at('cache/checkpoints/.link.1234abcd.stage'));
  for (const each of ['corpora', 'checkpoints', 'tokens']) rest(`cache/${each}`, 8);
  rest('cache/checkpoints/.run@20.1234abcd.parts', 6);
  fs.appendFileSync(at('cache/corpora/.resumed.1234abcd.parts/half.part'), 'more');
  await cleanStages(root);
  assert.deepEqual(left('cache/corpora'), [
    '.notes',
    '.resumed.1234abcd.parts',
    '.resumed.1234abcd.stage',
    'whole',
  ]);
  assert.deepEqual(left('cache/checkpoints'), ['.link.1234abcd.stage', '.run@20.1234abcd.parts']);
  assert.deepEqual(left('cache/tokens'), ['.one.1234abcd.stage']);
  assert.deepEqual(fs.readdirSync(outside), ['mine']);
  assert.deepEqual(left('cache'), ['checkpoints', 'corpora', 'tokens']);
});

test('a copy that is begun again while its old stage is taken finds it in its place', async (t) => {
  put('cache/corpora/.old.1234abcd.stage/files/text.txt');
  put('cache/corpora/.old.1234abcd.parts/half.part');
  rest('cache/corpora', 8);
  const part = fs.openSync(at('cache/corpora/.old.1234abcd.parts/half.part'), 'a');
  t.after(() => fs.closeSync(part));
  const rename = fs.renameSync;
  t.mock.method(fs, 'renameSync', (from: string, to: string) => {
    rename(from, to);
    fs.writeSync(part, 'more');
  });
  await cleanStages(root);
  assert.deepEqual(left('cache/corpora'), ['.old.1234abcd.parts', '.old.1234abcd.stage']);
  assert.match(fs.readFileSync(at('cache/corpora/.old.1234abcd.parts/half.part'), 'utf8'), /^x+(more)+$/);
});

test('a root goes with what is Biphase in it, and stays where there is more', async () => {
  const id = root.id();
  makeRun(a, 'finished', [10]);
  makeRun(b, 'stopped', [10]);
  put('bundles/old/biphase.mjs');
  put('bundles/.old.x.stage/biphase.mjs');
  put('node/24.0.0-linux-x64-gnu/bin/node');
  put('cache/tokens/one/file');
  put('slots/here.0.json', '{}');
  await assert.rejects(removeRoot(root, 'another', table), /not the folder that was meant/);
  assert.deepEqual(await removeRoot(root, id, table), []);
  assert.equal(fs.existsSync(root.path), false);
});

test('of a root nothing goes while a run is active, nor what others put there', async () => {
  const id = root.id();
  makeRun(a, 'running', []);
  makeRun(b, 'finished', [10]);
  await assert.rejects(removeRoot(root, id, table), /a run is active there/);
  assert.deepEqual(left('runs'), [a, b]);
  makeRun(a, 'stopped', []);
  const outside = path.join(folder, 'outside');
  fs.mkdirSync(path.join(outside, 'tokens'), { recursive: true });
  fs.rmSync(at('cache'), { recursive: true });
  fs.symlinkSync(outside, at('cache'));
  put('thesis.tex');
  put('node/my-project/package.json');
  put('runs/experiment-1/log');
  put('queue/notes.txt');
  assert.deepEqual(await removeRoot(root, id, table), ['cache', 'node', 'queue', 'runs', 'thesis.tex']);
  assert.deepEqual(
    [left('runs'), left('node'), left('queue')],
    [['experiment-1'], ['my-project'], ['notes.txt']],
  );
  assert.deepEqual(fs.readdirSync(outside), ['tokens']);
});
