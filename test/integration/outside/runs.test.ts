import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type ControlClient, connectControl } from '../../../src/control/client/controlClient.ts';
import type { RunSummary } from '../../../src/protocol/controlApi.ts';
import type { ExportFormat, ImportResult } from '../../../src/protocol/outsideRuns.ts';
import { makePrivateHome, type PrivateHome, removePrivateHome } from '../../support/privateHome.ts';
import { type Shown, shown, writeCurves } from '../../support/recordedCurves.ts';
import { tensorboardPython } from '../../support/tensorboardPython.ts';

const repository = path.resolve(import.meta.dirname, '../../..');
const golden = path.join(repository, 'test/unit/core/fixtures/tensorboard');
// First of all: the first time it takes minutes in which nothing else is answered.
const python = tensorboardPython();
const skip = python ? false : 'TensorBoard cannot be installed here';
let person: PrivateHome;
let state: string;
let client: ControlClient;
let names = 0;

before(async () => {
  person = makePrivateHome();
  state = path.join(person.folder, 's');
  client = await join();
});

after(async () => {
  client?.dispose();
  await removePrivateHome(person);
});

function join(): Promise<ControlClient> {
  return connectControl({
    stateFolder: state,
    controlFile: path.join(repository, 'dist/control.mjs'),
    execPath: process.execPath,
    client: 'cli',
    trusted: () => true,
    version: '0.1.0',
    environment: person.environment,
  });
}

function place(name: string): string {
  return path.join(person.home, name);
}

function importRuns(paths: string[], steps: Record<string, string | null> = {}): Promise<ImportResult> {
  return client.call('importRuns', { transfer: `t${names++}`, paths, steps });
}

function exportRuns(runs: string[], format: ExportFormat, folder: string, replace = false) {
  return client.call('exportRuns', { transfer: `t${names++}`, runs, format, folder, replace });
}

async function runNamed(name: string): Promise<RunSummary> {
  const found = (await client.call('runs', {})).runs.filter((run) => run.name === name);
  assert.equal(found.length, 1, `one run is named ${name}`);
  return found[0]!;
}

/** A metric in full: what a node's run of two segments has, with values that no table expects. */
const lines = [
  ...Array.from({ length: 60 }, (_, i) => ({
    segment: 0,
    step: i + 1,
    metrics: { loss: 5 / (i + 1), 'validation/loss/mlm': i % 10 === 0 ? 1e308 : 'NaN', late: i },
  })),
  ...Array.from({ length: 60 }, (_, i) => ({
    segment: 1,
    step: 41 + i,
    metrics: { loss: i === 7 ? 'Infinity' : 1 / (i + 7), '=cmd|"\n,;': -i, 'größe\ufffd': i },
  })),
];

test('TensorBoard folders come in as runs that are finished, with the points that TensorBoard shows', async () => {
  const { imported, notes, unclear } = await importRuns([golden]);
  assert.deepEqual([notes, unclear], [[], []]);
  assert.deepEqual(imported.map(({ name }) => name).sort(), ['new_style', 'old_style', 'resumed', 'tensors']);
  const run = await runNamed('resumed');
  assert.deepEqual(
    [run.kind, run.node, run.state, run.connected, run.onNode, run.step, run.tokensPerSecond],
    ['imported', 'imported', 'finished', true, true, 90, null],
  );
  assert.equal(run.createdAt, 1700000300);
  // The second file went back to step 30: what the first has from there on is hidden.
  const points = Array.from({ length: 10 }, (_, i): [number, number, number] =>
    i < 3 ? [0, 10 * i, 10 * i] : [1, 10 * i, 10 * i + 0.5],
  );
  assert.deepEqual(await shown(client, run.run, 'loss'), points);
  const odd = await shown(client, (await runNamed('old_style')).run, 'odd');
  assert.deepEqual(
    odd.slice(0, 3).map(([, , value]) => value),
    [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
  const doubles = await shown(client, (await runNamed('tensors')).run, 'double_val');
  assert.equal(doubles[0]![2], 1e308);
});

test('a source that is imported again is updated, not doubled, and lasts when cache.db is deleted', async () => {
  const file = place('again.csv');
  fs.writeFileSync(file, 'step,loss\n1,4\n2,3\n');
  const [first] = (await importRuns([file])).imported;
  fs.appendFileSync(file, '3,2\n');
  const [second] = (await importRuns([file])).imported;
  assert.deepEqual(second, { ...first, points: 3, updated: true });
  const points: Shown = [
    [0, 1, 4],
    [0, 2, 3],
    [0, 3, 2],
  ];
  assert.deepEqual(await shown(client, first!.run, 'loss'), points);

  await client.call('shutdown', {});
  await client.closed;
  for (const name of ['cache.db', 'cache.db-wal', 'cache.db-shm'])
    fs.rmSync(path.join(state, name), { force: true });
  fs.rmSync(file);
  // As a control leaves it that is ended while it replaces a run, and another while it imports.
  const kept = path.join(state, 'imported');
  fs.renameSync(path.join(kept, first!.run), path.join(kept, `.old-${first!.run}`));
  fs.mkdirSync(path.join(kept, '.part-cut'));
  fs.writeFileSync(path.join(kept, '.part-cut/metrics.jsonl'), '{"segm');
  client = await join();
  assert.ok(!fs.readdirSync(kept).some((name) => name.startsWith('.')));
  const run = await runNamed('again');
  assert.equal(run.run, first!.run);
  const late = AbortSignal.timeout(60_000);
  while ((await shown(client, run.run, 'loss')).length < 3) late.throwIfAborted();
  assert.deepEqual(await shown(client, run.run, 'loss'), points);
});

test('a run that is deleted is gone for good; its source stays', async () => {
  const file = place('gone.csv');
  fs.writeFileSync(file, 'step,loss\n1,4\n');
  const { run } = (await importRuns([file])).imported[0]!;
  assert.ok(fs.existsSync(path.join(state, 'imported', run, 'metrics.jsonl')));
  await client.call('deleteRun', { run, onNode: false });
  assert.ok(!fs.existsSync(path.join(state, 'imported', run)));
  assert.ok(fs.existsSync(file));
  assert.ok(!(await client.call('runs', {})).runs.some((one) => one.run === run));
  await assert.rejects(client.call('stop', { run }), { kind: 'missing' });
  const again = (await importRuns([file])).imported[0]!;
  assert.deepEqual([again.updated, again.points], [false, 1]);
  assert.notEqual(again.run, run);
  await runNamed('gone');
});

test('nothing is started, stopped or read on a node for an imported run, and no node takes its name', async () => {
  const { run } = await runNamed('resumed');
  const refused = { kind: 'refused', message: /was imported/ };
  await assert.rejects(client.call('stop', { run }), refused);
  await assert.rejects(client.call('resume', { run }), refused);
  await assert.rejects(client.call('addNode', { config: { name: 'imported', kind: 'ssh' } }), {
    kind: 'usage',
  });
});

for (const format of ['csv', 'jsonl'] as const)
  test(`every point, hidden ones too, comes back from ${format}`, async () => {
    const folder = place(`round-${format}`);
    writeCurves(path.join(folder, 'run'), 'a/../b "c"', lines);
    const { imported } = await importRuns([path.join(folder, 'run')]);
    const { places, points } = await exportRuns([imported[0]!.run], format, path.join(folder, 'out'));
    assert.deepEqual(places, [path.join(folder, 'out', `a-..-b -c-.${format}`)]);
    assert.equal(points, imported[0]!.points);
    const back = (await importRuns(places)).imported[0]!;
    assert.equal(back.points, points);
    const [before, again] = [imported[0]!.run, back.run].map((run) =>
      fs.readFileSync(path.join(state, 'imported', run, 'metrics.jsonl'), 'utf8'),
    );
    const sorted = (text: string) =>
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown);
    assert.deepEqual(sorted(again!), sorted(before!));
    assert.deepEqual(fs.readdirSync(path.join(folder, 'out')).length, 1, 'no part is left');
    await assert.rejects(exportRuns([before ? imported[0]!.run : ''], format, path.join(folder, 'out')), {
      kind: 'refused',
    });
    assert.deepEqual(
      (await exportRuns([imported[0]!.run], format, path.join(folder, 'out'), true)).places,
      places,
    );
  });

test("TensorBoard's own backend reads every event file of an export, and hides what a resume hides", {
  skip,
}, async () => {
  const folder = place('tb');
  writeCurves(path.join(folder, 'run'), 'group/one', lines);
  writeCurves(path.join(folder, 'two'), 'group/one', lines.slice(0, 3));
  writeCurves(path.join(folder, 'none'), '../../up', [{ segment: 0, step: 4, metrics: { x: 1 } }]);
  const { imported } = await importRuns([folder]);
  const out = path.join(folder, 'out');
  const runs = imported.map(({ run }) => run);
  const { places } = await exportRuns(runs, 'tensorboard', out);
  for (const one of places) assert.ok(one.startsWith(`${out}/`), one);
  assert.equal(new Set(places).size, 3);
  const answer = spawnSync(python!, [path.join(repository, 'test/golden/read_scalars.py'), out], {
    encoding: 'utf8',
  });
  assert.equal(answer.status, 0, answer.stderr);
  const read = JSON.parse(answer.stdout) as Record<
    string,
    Record<string, [number, number, number | string][]>
  >;
  for (const [index, one] of places.entries()) {
    const tags = read[path.relative(out, one)]!;
    const summary = (await client.call('runs', {})).runs.find(({ run }) => run === runs[index])!;
    assert.deepEqual(Object.keys(tags).sort(), [...summary.metrics].sort());
    for (const metric of summary.metrics) {
      const want = (await shown(client, summary.run, metric)).map(([, step, value]) => [
        step,
        Math.fround(value),
      ]);
      assert.deepEqual(
        tags[metric]!.map(([step, , value]) => [step, Number(value)]),
        want,
        metric,
      );
    }
  }
  const foreign = path.join(places[0]!, 'events.out.tfevents.1.host');
  fs.writeFileSync(foreign, '');
  await assert.rejects(exportRuns(runs, 'tensorboard', out, true), {
    kind: 'usage',
    message: /another run/,
  });
  fs.rmSync(foreign);
  // Written again over itself it is the same, and not twice as much.
  const files = fs.readdirSync(out, { recursive: true });
  await exportRuns(runs, 'tensorboard', out, true);
  assert.deepEqual(fs.readdirSync(out, { recursive: true }), files);
});

test('a table that does not say what its step is comes back as a question, and with the answer as a run', async () => {
  const file = place('unclear.csv');
  fs.writeFileSync(file, 'epoch,_step,train/global_step,loss\n1,1,10,4\n1,2,20,3\n');
  const { unclear, imported } = await importRuns([file]);
  assert.deepEqual(imported, []);
  const columns = ['epoch', '_step', 'train/global_step', 'loss'];
  assert.deepEqual(unclear, [{ path: file, columns }]);
  const answered = await importRuns([file], { [file]: 'train/global_step' });
  assert.deepEqual(await shown(client, answered.imported[0]!.run, 'loss'), [
    [0, 10, 4],
    [0, 20, 3],
  ]);
  const counted = await importRuns([file], { [file]: null });
  assert.equal(counted.imported[0]!.updated, true);
  assert.deepEqual(await shown(client, answered.imported[0]!.run, 'loss'), [
    [0, 0, 4],
    [0, 1, 3],
  ]);
});

test('a folder with links in circles, strange names and damaged files gives what can be read, and says the rest', async () => {
  const folder = place('bad');
  const inner = path.join(folder, "in ner'$(x)\n");
  fs.mkdirSync(inner, { recursive: true });
  fs.symlinkSync(folder, path.join(inner, 'up'));
  fs.symlinkSync(inner, path.join(folder, 'twice'));
  fs.symlinkSync(path.join(folder, 'nowhere'), path.join(folder, 'dangling'));
  const source = path.join(golden, 'old_style');
  const bytes = fs.readFileSync(path.join(source, fs.readdirSync(source)[0]!));
  fs.writeFileSync(path.join(inner, 'events.out.tfevents.1.x'), bytes.subarray(0, bytes.length - 5));
  const flipped = Buffer.from(bytes);
  flipped[bytes.length - 30]! ^= 1;
  fs.mkdirSync(path.join(folder, 'flipped'));
  fs.writeFileSync(path.join(folder, 'flipped/events.out.tfevents.1.x'), flipped);
  fs.mkdirSync(path.join(folder, 'empty'));
  fs.writeFileSync(path.join(folder, 'empty/events.out.tfevents.1.x'), '');
  fs.writeFileSync(path.join(folder, 'empty.csv'), '');
  fs.writeFileSync(path.join(folder, 'header.csv'), 'step,loss\n');
  fs.writeFileSync(path.join(folder, 'quote.csv'), `step,loss\n1,"${'x\n'.repeat(3 << 20)}`);
  fs.writeFileSync(path.join(folder, 'other.jsonl'), '{"text":"a corpus"}\n');
  const { imported, notes, unclear } = await importRuns([folder, path.join(folder, 'missing')]);
  assert.deepEqual(unclear, []);
  assert.deepEqual(imported.map(({ name, points }) => [name, points]).sort(), [
    ['flipped', 13],
    ["in ner'$(x)\ufffd", 13],
  ]);
  const said = notes.join('\n');
  for (const each of [
    /cut off/,
    /byte \d+: the checksum/,
    /^empty: it has no points/m,
    /^header: it has no points/m,
    /quote may be missing/,
    /missing cannot be used/,
  ])
    assert.match(said, each);
  assert.ok(!said.includes('other'));
  assert.deepEqual(
    fs.readdirSync(path.join(state, 'imported')).filter((name) => name.startsWith('.')),
    [],
    'no part is left',
  );
});

test('5,000 metrics of one run come in and go out', async () => {
  const file = place('wide.csv');
  const columns = Array.from({ length: 5000 }, (_, i) => `group${i % 50}/metric ${i}`);
  const rows = Array.from({ length: 20 }, (_, step) => [step, ...columns.map((_, i) => step * i)].join(','));
  fs.writeFileSync(file, `${['step', ...columns].join(',')}\n${rows.join('\n')}\n`);
  const [run] = (await importRuns([file])).imported;
  assert.equal(run!.points, 100_000);
  assert.equal((await runNamed('wide')).metrics.length, 5000);
  const { points } = await exportRuns([run!.run], 'tensorboard', place('wide-tb'));
  assert.equal(points, 100_000);
  const [back] = (await importRuns([place('wide-tb')])).imported;
  assert.equal(back!.points, 100_000);
  assert.deepEqual(
    await shown(client, back!.run, columns[4999]!),
    await shown(client, run!.run, columns[4999]!),
  );
});

test('work that is cancelled ends as cancelled and leaves nothing', async () => {
  const file = place('long.csv');
  const rows = Array.from({ length: 300_000 }, (_, step) => `${step},${step / 7}`);
  fs.writeFileSync(file, `step,loss\n${rows.join('\n')}\n`);
  const runsBefore = (await client.call('runs', {})).runs.length;
  const cancelAtFirstNews = (transfer: string) =>
    new Promise<void>((resolve) => {
      const off = client.on('transfer', (news) => {
        if (news.transfer !== transfer) return;
        off();
        void client.call('cancelTransfer', { transfer }).then(() => resolve());
      });
    });
  const told = cancelAtFirstNews('cancel-import');
  await assert.rejects(client.call('importRuns', { transfer: 'cancel-import', paths: [file], steps: {} }), {
    kind: 'cancelled',
  });
  await told;
  assert.equal((await client.call('runs', {})).runs.length, runsBefore);
  const [run] = (await importRuns([file])).imported;
  const toldAgain = cancelAtFirstNews('cancel-export');
  const folder = place('cancelled');
  await assert.rejects(
    client.call('exportRuns', {
      transfer: 'cancel-export',
      runs: [run!.run],
      format: 'csv',
      folder,
      replace: false,
    }),
    { kind: 'cancelled' },
  );
  await toldAgain;
  // The next work in that folder begins when the cancelled one has put everything away.
  await exportRuns([run!.run], 'csv', folder);
  assert.deepEqual(fs.readdirSync(folder), ['long.csv']);
});
