import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { ownIdentity, thisMachine } from '../../../src/agent/processTable.ts';
import type { NotesChange } from '../../../src/protocol/runNotes.ts';
import { ControlView } from '../../support/controlView.ts';
import { makePrivateHome, type PrivateHome, removePrivateHome } from '../../support/privateHome.ts';
import { writeRunFolder } from '../../support/runFolder.ts';

const repository = path.resolve(import.meta.dirname, '../../..');
const local = 'this computer';
const [one, two, three, busy] = [
  '20260101-runnrone',
  '20260101-runnrtwo',
  '20260101-runthree',
  '20260101-runatwrk',
];
const windows: ControlView[] = [];
let person: PrivateHome;
let root: string;
let state: string;
let first: ControlView;
let second: ControlView;

before(async () => {
  person = makePrivateHome();
  root = path.join(person.home, '.biphase');
  state = path.join(person.folder, 's');
  for (const [run, name] of [
    [one, 'same name'],
    [two, 'same name'],
    [three, '$(flame)'],
  ] as const)
    writeRunFolder(root, run, { name, state: 'finished', steps: [10] });
  writeRunFolder(root, busy, {
    name: 'busy',
    state: 'running',
    machine: { host: thisMachine.host, bootId: thisMachine.bootId },
    process: ownIdentity(thisMachine),
  });
  first = await openWindow();
  second = await openWindow();
  await first.window.call('testNode', { name: local });
  await both('the runs', (view) => [one, two, three, busy].every((run) => view.runs.has(run)));
});

after(async () => {
  for (const { window } of windows) window.dispose();
  await removePrivateHome(person);
});

async function openWindow(): Promise<ControlView> {
  const view = new ControlView({
    stateFolder: state,
    controlFile: path.join(repository, 'dist/control.mjs'),
    execPath: process.execPath,
    client: 'window',
    trusted: () => true,
    version: '0.1.0',
    environment: person.environment,
  });
  windows.push(view);
  await view.window.connect();
  return view;
}

async function both(what: string, condition: (view: ControlView) => boolean): Promise<void> {
  for (const view of [first, second]) await view.until(what, () => condition(view));
}

const note = (runs: string[], change: NotesChange) => first.window.call('noteRuns', { runs, change });

/** `biphase runs …` of the same person. */
function runsCommand(...words: string[]): { status: number | null; out: string; error: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [path.join(repository, 'dist/biphase.mjs'), 'runs', ...words],
    { encoding: 'utf8', env: { ...person.environment, BIPHASE_STATE: state } },
  );
  return { status, out: stdout, error: stderr };
}

test('labels, tags, group, archive and baseline come to every window, and stay with their run', async () => {
  await note([one, three], { addTags: ['paper', 'b\na'], group: 'widths' });
  await note([one], { label: 'the best' });
  await note([two], { archived: true });
  await second.window.call('pinBaseline', { run: one });
  await both('the notes', ({ runs }) => {
    const { name, launchedName, tags, group, baseline } = runs.get(one)!;
    return (
      JSON.stringify([name, launchedName, tags, group, baseline]) ===
      JSON.stringify(['the best', 'same name', ['b\ufffda', 'paper'], 'widths', true])
    );
  });
  await both('the archive', ({ runs }) => runs.get(two)!.archived && !runs.get(one)!.archived);
  await first.window.call('pinBaseline', { run: three });
  await both('one baseline', ({ runs }) => runs.get(three)!.baseline && !runs.get(one)!.baseline);
});

test('notes of a run that is not known are refused, and none of the others changes', async () => {
  await assert.rejects(note([one, '20260101-nobodyis'], { archived: true }), /There is no run/);
  assert.equal(first.runs.get(one)!.archived, false);
  await assert.rejects(note([one], { label: 'x'.repeat(201) }));
  await assert.rejects(note([one], { addTags: ['   '] }));
});

test('a run that is at work is not deleted, with its files or without', async () => {
  for (const onNode of [true, false])
    await assert.rejects(first.window.call('deleteRun', { run: busy, onNode }), /is starting/);
  assert.ok(fs.existsSync(path.join(root, 'runs', busy)));
  assert.ok(first.runs.has(busy));
});

test('deleted here alone, a run is hidden from every window while its files stay; restored it has its notes', async () => {
  await first.window.call('deleteRun', { run: one, onNode: false });
  await both('the run is gone', ({ runs }) => !runs.has(one));
  assert.ok(fs.existsSync(path.join(root, 'runs', one, 'checkpoints')));
  await first.window.call('reconnectNode', { name: local });
  await first.window.call('testNode', { name: local });
  const { runs } = await first.window.call('runs', {});
  assert.deepEqual(
    runs.map(({ run }) => run).sort(),
    [two, three, busy].sort(),
    'also after its node was connected again',
  );
  assert.deepEqual(await first.window.call('restoreRun', { run: one }), { shown: true });
  await both('the run is back', (view) => view.runs.get(one)?.name === 'the best');
});

test('a hidden run is shown again when somebody sets it to work on its node', async () => {
  await first.window.call('deleteRun', { run: one, onNode: false });
  await both('the run is gone', ({ runs }) => !runs.has(one));
  fs.rmSync(path.join(root, 'runs', one, 'exit.json'));
  writeRunFolder(root, one, {
    name: 'same name',
    state: 'running',
    machine: { host: thisMachine.host, bootId: thisMachine.bootId },
    process: ownIdentity(thisMachine),
  });
  await both('the run is back', (view) => view.runs.get(one)?.state === 'starting');
  assert.deepEqual(first.runs.get(one)!.tags, ['b\ufffda', 'paper']);
  writeRunFolder(root, one, { name: 'same name', state: 'finished', steps: [10] });
  await both('the run has ended', (view) => view.runs.get(one)?.state === 'finished');
});

test('the command line lists by tag, state and filter, and changes what windows show', async () => {
  assert.deepEqual(
    runsCommand('--tag', 'paper', '--json')
      .out.match(/"run":"[^"]+"/g)!
      .sort(),
    [`"run":"${one}"`, `"run":"${three}"`].sort(),
  );
  const plain = runsCommand('--state', 'finished').out;
  assert.ok(plain.includes(one) && !plain.includes(two), 'archived runs are left out');
  assert.ok(runsCommand('--archived').out.includes(two));
  assert.match(runsCommand('--filter', '-state:active tag:paper').out, /the best {2}#b\ufffda {2}#paper/);
  assert.match(runsCommand('--state', 'fialed').error, /not a state\. Did you mean "failed"/);
  assert.equal(runsCommand('--state', 'fialed').status, 2);
  assert.equal(runsCommand('label', two, 'from', 'here').status, 0);
  assert.equal(runsCommand('tag', two, three, '--add', 'cli', '--remove', 'paper').status, 0);
  assert.equal(runsCommand('unarchive', two).status, 0);
  assert.equal(runsCommand('group', three).status, 0);
  await both('the changes', ({ runs }) => {
    const { name, archived, tags } = runs.get(two)!;
    return name === 'from here' && !archived && tags.includes('cli') && runs.get(three)!.group === null;
  });
  assert.match(runsCommand('labl', two).error, /Did you mean "label"/);
  assert.equal(runsCommand('tag', two).status, 2);
  assert.match(runsCommand('delete', busy).error, /is starting\. Stop it first/);
});

test('deleted with its files, a run leaves neither files nor notes; the node has to be named', async () => {
  assert.equal(runsCommand('delete', two, '--files-on', 'atlas').status, 0);
  assert.ok(fs.existsSync(path.join(root, 'runs', two)), 'another node was named');
  assert.equal(runsCommand('restore', two).status, 0);
  await both('the run is back', ({ runs }) => runs.get(two)?.name === 'from here');
  assert.equal(runsCommand('delete', two, '--files-on', local).status, 0);
  await both('the run is gone', ({ runs }) => !runs.has(two));
  assert.equal(fs.existsSync(path.join(root, 'runs', two)), false);
  writeRunFolder(root, two, { name: 'same name', state: 'finished' });
  await both('another run of its id', ({ runs }) => runs.get(two)?.name === 'same name');
  assert.deepEqual(first.runs.get(two)!.tags, []);
});

test('notes outlive control and its cache', async () => {
  const before = first.runs.get(one)!;
  await first.window.call('shutdown', {});
  await first.until('control is back', () => true);
  for (const suffix of ['', '-wal', '-shm'])
    fs.rmSync(path.join(state, `cache.db${suffix}`), { force: true });
  const third = await openWindow();
  await third.window.call('testNode', { name: local });
  await third.until('the run', () => third.runs.get(one)?.name === before.name);
  assert.deepEqual(third.runs.get(one)!.tags, before.tags);
  assert.deepEqual((await third.window.call('notices', { take: true })).notices, []);
});
