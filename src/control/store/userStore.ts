import fs from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { BiphaseError, toBiphaseError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import type { NotesChange, RunNotes } from '../../protocol/runNotes.ts';
import { sqliteProblem } from './sqliteProblem.ts';
import { migrate, userVersion, versionOf } from './userMigrations.ts';

const noNotes: RunNotes = { label: null, tags: [], group: null, archived: false };
const baselineChoice = 'baseline';

interface Content {
  notes: Map<string, RunNotes>;
  /** Runs that a person deleted here, whose files stay on their node. */
  hidden: Set<string>;
  baseline: string | null;
}

/**
 * `user.db`: what a person says of runs. No node has it, so it is never thrown away: a damaged file is moved aside, and
 * one that cannot be used is left as it is, while nothing can be changed. Everything is in memory as well; a change is
 * in the file before it is there.
 */
export class UserStore {
  /** Sentences that a person should read. */
  readonly notices: string[] = [];
  readonly #file: string;
  #content: Content = { notes: new Map(), hidden: new Set(), baseline: null };
  #db: DatabaseSync | undefined;
  #refusal: BiphaseError | undefined;

  constructor(file: string) {
    this.#file = file;
    try {
      this.#open();
    } catch (thrown) {
      if (sqliteProblem(thrown) === 'damaged') this.#startAnew();
      else this.#refuse(thrown);
    }
  }

  close(): void {
    this.#db?.close();
    this.#db = undefined;
  }

  notesOf(run: string): RunNotes {
    return this.#content.notes.get(run) ?? noNotes;
  }

  get baseline(): string | null {
    return this.#content.baseline;
  }

  isHidden(run: string): boolean {
    return this.#content.hidden.has(run);
  }

  /** All runs or none. Answers with those whose notes are others now. */
  note(runs: readonly string[], change: NotesChange): string[] {
    const changed = new Map<string, RunNotes>();
    for (const run of new Set(runs)) {
      const before = this.notesOf(run);
      const after = changedNotes(before, change);
      if (JSON.stringify(after) !== JSON.stringify(before)) changed.set(run, after);
    }
    if (changed.size > 0)
      this.#write(
        (db) => {
          for (const [run, notes] of changed) writeNotes(db, run, notes);
        },
        () => {
          for (const [run, notes] of changed) this.#content.notes.set(run, notes);
        },
      );
    return [...changed.keys()];
  }

  /** Answers with the runs that were or are the baseline. */
  pinBaseline(run: string | null): string[] {
    const before = this.#content.baseline;
    if (before === run) return [];
    this.#write(
      (db) => writeBaseline(db, run),
      () => {
        this.#content.baseline = run;
      },
    );
    return [before, run].filter((one) => one !== null);
  }

  /** The run is not shown, and its notes are kept for when it is again. */
  hide(run: string): void {
    this.#write(
      (db) => {
        db.prepare('INSERT OR IGNORE INTO hidden (run) VALUES (?)').run(run);
        if (this.#content.baseline === run) writeBaseline(db, null);
      },
      () => {
        this.#content.hidden.add(run);
        if (this.#content.baseline === run) this.#content.baseline = null;
      },
    );
  }

  show(run: string): void {
    if (!this.isHidden(run)) return;
    this.#write(
      (db) => db.prepare('DELETE FROM hidden WHERE run = ?').run(run),
      () => this.#content.hidden.delete(run),
    );
  }

  /** The run is no more. */
  forget(run: string): void {
    const { notes, hidden, baseline } = this.#content;
    if (!notes.has(run) && !hidden.has(run) && baseline !== run) return;
    this.#write(
      (db) => {
        for (const table of ['notes', 'tags', 'hidden'])
          db.prepare(`DELETE FROM ${table} WHERE run = ?`).run(run);
        if (baseline === run) writeBaseline(db, null);
      },
      () => {
        notes.delete(run);
        hidden.delete(run);
        if (baseline === run) this.#content.baseline = null;
      },
    );
  }

  /** In the file first; where that fails memory stays as it is, and the sentence says why. */
  #write(write: (db: DatabaseSync) => void, keep: () => void): void {
    if (!this.#db) throw this.#refusal ?? new BiphaseError('internal', 'user.db is closed.');
    try {
      inTransaction(this.#db, write);
    } catch (thrown) {
      const problem = sqliteProblem(thrown);
      if (problem === 'full')
        throw new BiphaseError('full', 'The disk that holds labels and tags is full: nothing was changed.', {
          next: 'Free space and try again.',
          cause: thrown,
        });
      if (problem !== 'damaged') throw toBiphaseError(thrown);
      // Memory has all of it: a new file gets that, then this change.
      this.#db.close();
      this.#db = undefined;
      this.#startAnew();
      if (!this.#db) throw this.#refusal;
      inTransaction(this.#db, write);
    }
    keep();
  }

  #open(): void {
    const db = new DatabaseSync(this.#file);
    try {
      fs.chmodSync(this.#file, 0o600);
      db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;');
      if (versionOf(db) > userVersion)
        throw new BiphaseError('refused', `${this.#file} was written by a newer Biphase.`, {
          next: 'Install that version; until then runs are shown without labels and tags.',
        });
      const [check] = db.prepare('PRAGMA quick_check(1)').all();
      if (check?.quick_check !== 'ok') throw Object.assign(new Error('user.db is damaged.'), { errcode: 11 });
      migrate(db);
      this.#content = readContent(db);
    } catch (thrown) {
      db.close();
      throw thrown;
    }
    this.#db = db;
  }

  /** Moves the file aside and writes what memory has into a new one. */
  #startAnew(): void {
    const before = this.#content;
    try {
      const aside = moveAside(this.#file);
      this.#open();
      if (this.#db) inTransaction(this.#db, (db) => writeContent(db, before));
      this.#content = before;
      const kept =
        before.notes.size > 0 ? 'What was shown is kept' : 'Labels, tags, groups and the archive start anew';
      this.notices.push(`user.db was damaged. It is kept as ${aside}. ${kept}.`);
    } catch (thrown) {
      this.#refuse(thrown);
    }
  }

  #refuse(thrown: unknown): void {
    const error = toBiphaseError(thrown);
    this.#refusal =
      error.kind === 'internal'
        ? new BiphaseError('refused', `${this.#file} cannot be used: ${error.message}.`, {
            next: 'Correct that; labels and tags cannot be changed until control starts again.',
            cause: thrown,
          })
        : error;
    const { message, next } = this.#refusal;
    this.notices.push(next === undefined ? message : `${message} ${next}`);
  }
}

function changedNotes(before: RunNotes, change: NotesChange): RunNotes {
  const removed = new Set(change.removeTags?.map(printable));
  const added = change.addTags?.map(printable) ?? [];
  const tags = new Set([...before.tags.filter((tag) => !removed.has(tag)), ...added]);
  const text = (given: string | null | undefined, old: string | null): string | null =>
    given === undefined ? old : given && printable(given);
  return {
    label: text(change.label, before.label),
    tags: [...tags].sort(),
    group: text(change.group, before.group),
    archived: change.archived ?? before.archived,
  };
}

function inTransaction(db: DatabaseSync, write: (db: DatabaseSync) => void): void {
  db.exec('BEGIN IMMEDIATE');
  try {
    write(db);
    db.exec('COMMIT');
  } catch (thrown) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw thrown;
  }
}

function writeNotes(db: DatabaseSync, run: string, { label, tags, group, archived }: RunNotes): void {
  db.prepare('INSERT OR REPLACE INTO notes (run, label, grouped, archived) VALUES (?, ?, ?, ?)').run(
    run,
    label,
    group,
    archived ? 1 : 0,
  );
  db.prepare('DELETE FROM tags WHERE run = ?').run(run);
  const insert = db.prepare('INSERT INTO tags (run, tag) VALUES (?, ?)');
  for (const tag of tags) insert.run(run, tag);
}

function writeBaseline(db: DatabaseSync, run: string | null): void {
  if (run === null) db.prepare('DELETE FROM choices WHERE name = ?').run(baselineChoice);
  else db.prepare('INSERT OR REPLACE INTO choices (name, value) VALUES (?, ?)').run(baselineChoice, run);
}

function writeContent(db: DatabaseSync, { notes, hidden, baseline }: Content): void {
  for (const [run, one] of notes) writeNotes(db, run, one);
  for (const run of hidden) db.prepare('INSERT INTO hidden (run) VALUES (?)').run(run);
  writeBaseline(db, baseline);
}

function readContent(db: DatabaseSync): Content {
  const tags = new Map<string, string[]>();
  for (const { run, tag } of db.prepare('SELECT run, tag FROM tags ORDER BY run, tag').all()) {
    const known = tags.get(String(run)) ?? [];
    tags.set(String(run), [...known, String(tag)]);
  }
  const notes = new Map<string, RunNotes>();
  for (const row of db.prepare('SELECT run, label, grouped, archived FROM notes').all()) {
    const run = String(row.run);
    notes.set(run, {
      label: row.label === null ? null : String(row.label),
      tags: tags.get(run)?.sort() ?? [],
      group: row.grouped === null ? null : String(row.grouped),
      archived: row.archived === 1,
    });
  }
  const hidden = db.prepare('SELECT run FROM hidden').all();
  const baseline = db.prepare('SELECT value FROM choices WHERE name = ?').get(baselineChoice);
  return {
    notes,
    hidden: new Set(hidden.map(({ run }) => String(run))),
    baseline: baseline ? String(baseline.value) : null,
  };
}

/** With the files beside it, which SQLite needs to read it. Answers with its new name. */
function moveAside(file: string): string {
  const day = new Date().toISOString().slice(0, 10);
  let aside = `${file}.damaged-${day}`;
  for (let n = 2; fs.existsSync(aside); n++) aside = `${file}.damaged-${day}-${n}`;
  for (const suffix of ['', '-wal', '-shm'])
    if (fs.existsSync(file + suffix)) fs.renameSync(file + suffix, aside + suffix);
  return aside;
}
