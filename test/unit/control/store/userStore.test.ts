import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { migrate, userVersion } from '../../../../src/control/store/userMigrations.ts';
import { UserStore } from '../../../../src/control/store/userStore.ts';
import type { BiphaseError } from '../../../../src/core/errors.ts';
import type { NotesChange } from '../../../../src/protocol/runNotes.ts';

const runs = ['20260101-aaaaaaaa', '20260101-bbbbbbbb', '20260101-cccccccc'] as const;
const [a, b, c] = runs;

function place(context: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-user-'));
  context.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return path.join(folder, 'user.db');
}

function open(context: TestContext, file: string): UserStore {
  const store = new UserStore(file);
  context.after(() => store.close());
  return store;
}

function shown(store: UserStore): unknown {
  return {
    notes: runs.map((run) => store.notesOf(run)),
    hidden: runs.filter((run) => store.isHidden(run)),
    baseline: store.baseline,
  };
}

const kindOf = (kind: string) => (error: BiphaseError) => error.kind === kind;

test('what was said of runs is there after reopening, in a file for its owner alone', (context) => {
  const file = place(context);
  const store = new UserStore(file);
  assert.deepEqual(store.note([a, b], { addTags: ['z', 'good', 'z'], group: 'width' }), [a, b]);
  assert.deepEqual(store.note([a], { label: 'the best', archived: true }), [a]);
  assert.deepEqual(store.note([a, b], { removeTags: ['z', 'never there'] }), [a, b]);
  assert.deepEqual(store.note([a, b], { group: 'width' }), [], 'nothing changes');
  assert.deepEqual(store.pinBaseline(a), [a]);
  assert.deepEqual(store.pinBaseline(b), [a, b]);
  store.hide(c);
  const before = shown(store);
  store.close();
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  const again = open(context, file);
  assert.deepEqual(shown(again), before);
  assert.deepEqual(again.notesOf(a), { label: 'the best', tags: ['good'], group: 'width', archived: true });
  assert.deepEqual(again.notices, []);
  again.note([a], { label: null, group: null });
  assert.deepEqual(again.notesOf(a), { label: null, tags: ['good'], group: null, archived: true });
});

test('a hidden run keeps its notes and is no baseline; a forgotten one leaves nothing', (context) => {
  const store = open(context, place(context));
  store.note([a, b], { label: 'x', addTags: ['t'] });
  store.pinBaseline(a);
  store.hide(a);
  assert.deepEqual([store.isHidden(a), store.baseline, store.notesOf(a).label], [true, null, 'x']);
  store.show(a);
  assert.deepEqual([store.isHidden(a), store.notesOf(a).tags], [false, ['t']]);
  store.pinBaseline(b);
  store.forget(b);
  assert.deepEqual([store.baseline, store.notesOf(b).label], [null, null]);
});

test('labels and tags are kept in one line without control characters', (context) => {
  const store = open(context, place(context));
  store.note([a], { label: 'a\nb\u001b[2J\u202e', addTags: ['x\ny', '$(flame)'], group: '<b>\t' });
  assert.deepEqual(store.notesOf(a), {
    label: 'a\ufffdb\ufffd[2J\ufffd',
    tags: ['$(flame)', 'x\ufffdy'],
    group: '<b>\ufffd',
    archived: false,
  });
  store.note([a], { removeTags: ['x\ny'] });
  assert.deepEqual(store.notesOf(a).tags, ['$(flame)']);
});

type Step =
  | { do: 'note'; of: string[]; change: NotesChange }
  | { do: 'pin'; run: string | null }
  | { do: 'hide' | 'show' | 'forget'; run: string }
  | { do: 'reopen' };

const someRun = fc.constantFrom(...runs);
const tags = fc.array(fc.constantFrom('p', 'q', 'r'), { maxLength: 3 });
const text = fc.option(fc.constantFrom('one', 'two'), { nil: null });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({
      do: fc.constant('note' as const),
      of: fc.uniqueArray(someRun, { minLength: 1 }),
      change: fc.record(
        { label: text, group: text, addTags: tags, removeTags: tags, archived: fc.boolean() },
        { requiredKeys: [] },
      ),
    }),
    fc.record({ do: fc.constant('pin' as const), run: fc.option(someRun, { nil: null }) }),
    fc.record({ do: fc.constantFrom('hide' as const, 'show' as const, 'forget' as const), run: someRun }),
    fc.constant({ do: 'reopen' as const }),
  ),
  { maxLength: 25 },
);

test('memory and file say the same after any changes', (context) => {
  const folder = path.dirname(place(context));
  let trial = 0;
  fc.assert(
    fc.property(steps, (all) => {
      const file = path.join(folder, `${trial++}.db`);
      let store = new UserStore(file);
      const apply = (step: Step): void => {
        if (step.do === 'note') store.note(step.of, step.change);
        else if (step.do === 'pin') store.pinBaseline(step.run);
        else if (step.do === 'hide') store.hide(step.run);
        else if (step.do === 'show') store.show(step.run);
        else if (step.do === 'forget') store.forget(step.run);
        else {
          store.close();
          store = new UserStore(file);
        }
      };
      for (const step of all) apply(step);
      const inMemory = shown(store);
      apply({ do: 'reopen' });
      assert.deepEqual(shown(store), inMemory);
      store.close();
    }),
    { numRuns: 40 },
  );
});

test('a change is whole or not there, and never lost once it was told, however the process ends', async (context) => {
  const file = place(context);
  const writer = path.resolve(import.meta.dirname, '../../../support/noteWriter.ts');
  let told = -1;
  for (let kill = 0; kill < 4; kill++) {
    const child = spawn(process.execPath, [writer, file], { stdio: ['ignore', 'pipe', 'inherit'] });
    const enough = told + 5 + kill * 7;
    let text = '';
    for await (const chunk of child.stdout) {
      text += String(chunk);
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      if (lines.length > 0) told = Math.max(told, Number(lines.at(-1)));
      if (told >= enough) child.kill('SIGKILL');
    }
    if (child.signalCode === null && child.exitCode === null) await once(child, 'exit');
    const store = new UserStore(file);
    const label = Number(store.notesOf(a).label);
    assert.ok(label >= told, `${label} is stored, ${told} was told`);
    assert.deepEqual(store.notesOf(a), store.notesOf(b));
    assert.deepEqual(store.notices, []);
    store.close();
  }
});

for (const [damage, spoil] of [
  ['no database', () => Buffer.from('these are not the bytes of a database, whatever the name says')],
  ['cut off', (bytes: Buffer) => bytes.subarray(0, bytes.length - 6000)],
  [
    'a page of noise',
    (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 4096), Buffer.alloc(bytes.length - 4096, 0xa5)]),
  ],
] as const)
  test(`a damaged file (${damage}) is moved aside as it was, and a sentence says so`, (context) => {
    const file = place(context);
    const first = new UserStore(file);
    first.note(runs, { label: 'x'.repeat(190), addTags: Array.from({ length: 60 }, (_, i) => `tag ${i}`) });
    first.close();
    const spoilt = spoil(fs.readFileSync(file));
    fs.writeFileSync(file, spoilt);
    const store = open(context, file);
    const [notice, ...more] = store.notices;
    assert.deepEqual(more, []);
    const aside = /kept as (\S+?)\. /.exec(notice!)![1]!;
    assert.deepEqual(fs.readFileSync(aside), spoilt);
    assert.equal(store.notesOf(a).label, null);
    store.note([a], { label: 'new' });
    assert.equal(open(context, file).notesOf(a).label, 'new');
  });

test('two damaged files of one day are both kept', (context) => {
  const file = place(context);
  for (const text of ['first', 'second']) {
    fs.writeFileSync(file, `${text} of some bytes that are no database at all`);
    new UserStore(file).close();
  }
  const kept = fs.readdirSync(path.dirname(file)).filter((name) => name.includes('damaged'));
  assert.equal(kept.length, 2);
});

test('a file that is damaged while it is open loses nothing of what was shown', (context) => {
  const file = place(context);
  const store = open(context, file);
  store.note(runs, { addTags: Array.from({ length: 80 }, (_, i) => `tag ${i} ${'x'.repeat(60)}`) });
  store.pinBaseline(b);
  const other = new DatabaseSync(file);
  other.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  other.close();
  const bytes = fs.readFileSync(file);
  fs.writeFileSync(file, Buffer.concat([bytes.subarray(0, 100), Buffer.alloc(bytes.length - 100, 0x5a)]));
  store.note([c], { label: 'after the damage' });
  assert.match(store.notices[0]!, /damaged/);
  const before = shown(store);
  assert.equal(store.notesOf(c).label, 'after the damage');
  assert.equal(store.notesOf(a).tags.length, 80);
  assert.deepEqual(shown(open(context, file)), before);
});

test('a file of a newer version is left as it is: runs are shown without notes, and nothing can be changed', (context) => {
  const file = place(context);
  const db = new DatabaseSync(file);
  db.exec('CREATE TABLE later (x)');
  db.exec(`PRAGMA user_version = ${userVersion + 1}`);
  db.close();
  const store = open(context, file);
  assert.match(store.notices[0]!, /written by a newer Biphase/);
  assert.deepEqual(store.notesOf(a).tags, []);
  assert.throws(() => store.note([a], { label: 'x' }), kindOf('refused'));
  assert.equal(store.notesOf(a).label, null);
  store.close();
  const after = new DatabaseSync(file, { readOnly: true });
  assert.equal(after.prepare('PRAGMA user_version').get()!.user_version, userVersion + 1);
  after.close();
  assert.equal(
    fs.readdirSync(path.dirname(file)).some((name) => name.includes('damaged')),
    false,
  );
});

test('a place that cannot be used does not keep runs from being shown', (context) => {
  const file = place(context);
  fs.mkdirSync(file);
  const store = open(context, file);
  assert.match(store.notices[0]!, /cannot be used/);
  assert.deepEqual(store.notesOf(a).tags, []);
  assert.throws(() => store.note([a], { addTags: ['x'] }), kindOf('refused'));
});

test('a full disk changes nothing and says so', (context) => {
  const file = place(context);
  const setup = new UserStore(file);
  setup.note([a], { label: 'before' });
  setup.close();
  const limit = new DatabaseSync(file);
  const pages = Number(limit.prepare('PRAGMA page_count').get()!.page_count);
  limit.close();
  const exec = DatabaseSync.prototype.exec;
  // The same limit that a disk sets: SQLite may not make the file longer.
  context.mock.method(DatabaseSync.prototype, 'exec', function (this: DatabaseSync, sql: string) {
    exec.call(this, sql);
    if (sql.startsWith('PRAGMA journal_mode')) exec.call(this, `PRAGMA max_page_count = ${pages}`);
  });
  const store = open(context, file);
  const many = Array.from({ length: 100 }, (_, i) => `tag ${i} ${'y'.repeat(80)}`);
  assert.throws(() => store.note(runs, { label: 'after', addTags: many }), kindOf('full'));
  assert.deepEqual(store.notesOf(a), { label: 'before', tags: [], group: null, archived: false });
  store.note([a], { label: 'small' });
  assert.equal(open(context, file).notesOf(a).label, 'small');
});

test('every version before this one is brought to it, also where that was cut off between two steps', (context) => {
  const file = place(context);
  for (let version = 0; version <= userVersion; version++) {
    fs.rmSync(file, { force: true });
    const db = new DatabaseSync(file);
    migrate(db, version);
    assert.equal(Number(db.prepare('PRAGMA user_version').get()!.user_version), version);
    db.close();
    const store = new UserStore(file);
    store.note([a], { label: 'x' });
    assert.equal(store.notesOf(a).label, 'x');
    assert.deepEqual(store.notices, []);
    store.close();
  }
});
