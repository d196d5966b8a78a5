import fs from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { BiphaseError, toBiphaseError } from '../../core/errors.ts';
import { parseLines } from '../../core/metricParser.ts';
import {
  type FollowedFile,
  followedFiles,
  type RunReport,
  runReportSchema,
} from '../../protocol/agentApi.ts';
import { type EventLine, eventLineSchema } from '../../protocol/runDirectory.ts';
import { blockLength, encodePoints, encodeRecords } from './blocks.ts';
import { LoadedRun } from './loadedRun.ts';
import { loadRun, recordSeries } from './loadRun.ts';
import type { RunColumns } from './runColumns.ts';
import { sqliteProblem } from './sqliteProblem.ts';

const schemaNumber = 1;
const schema = `
  CREATE TABLE runs (run TEXT PRIMARY KEY, node TEXT NOT NULL, rootId TEXT NOT NULL, report TEXT NOT NULL,
    seenAt REAL NOT NULL, onNode INTEGER NOT NULL) STRICT;
  CREATE TABLE files (run TEXT, file TEXT, identity TEXT NOT NULL, offset INTEGER NOT NULL,
    unreadableInBlocks INTEGER NOT NULL, unreadable INTEGER NOT NULL, metrics TEXT NOT NULL,
    PRIMARY KEY (run, file)) STRICT;
  CREATE TABLE blocks (run TEXT, series TEXT, number INTEGER, count INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (run, series, number)) STRICT;
  CREATE TABLE tail (run TEXT, file TEXT, offset INTEGER, bytes BLOB NOT NULL, PRIMARY KEY (run, file, offset)) STRICT;
`;
/** Lines of thousands of metrics fill it before there are records for a block: they would have to be parsed again. */
const longestTail = 8 << 20;
/** Bytes of points in memory: some hundred long runs. */
const mostInMemory = 512 << 20;

export interface StoredRun {
  report: RunReport;
  node: string;
  rootId: string;
  /** Unix seconds of the newest report. */
  seenAt: number;
  onNode: boolean;
}

/** Where following a file goes on. */
export interface Cursor {
  offset: number;
  identity: string | null;
}

export interface FileBytes {
  file: FollowedFile;
  offset: number;
  identity: string;
  reset: boolean;
  bytes: Uint8Array;
}

/**
 * Points [from, to) of each metric that came with a commit; `reset`: what was there before is gone; `hides`: a segment
 * hides more of those before it; `overview`: what `overview` answers is another one now.
 */
export interface Committed {
  reset: boolean;
  hides: boolean;
  overview: boolean;
  metrics: Map<string, { from: number; to: number }>;
}

export interface Overview {
  metrics: string[];
  unreadableLines: number;
}

/**
 * `cache.db`: everything control has seen of the nodes' files. Bytes arrive, and points, offset and identity are saved
 * in one transaction, so that after any crash the stored offset is exactly what the points hold. New bytes are kept as
 * they are in `tail` and turned into columnar blocks once there are 4096 records or 8 MiB. May be deleted at any time: it is
 * filled again from the nodes. So one that turns out to be damaged is started anew.
 */
export class CacheStore {
  /** The file was damaged, and is empty now: whoever can fills it again. */
  onAnew: () => void = () => undefined;
  readonly #file: string;
  #db: DatabaseSync;
  readonly #loaded = new Map<string, LoadedRun>();
  /** Runs that are being loaded, until something of them is written. */
  readonly #loading = new Map<string, object>();
  readonly #overviews = new Map<string, Overview>();
  readonly #statements = new Map<string, StatementSync>();

  constructor(file: string) {
    this.#file = file;
    this.#db = open(file);
  }

  close(): void {
    this.#db.close();
  }

  cursor(run: string, file: FollowedFile): Cursor {
    const row = this.#mending(() =>
      this.#sql('SELECT offset, identity FROM files WHERE run = ? AND file = ?').get(run, file),
    );
    return row
      ? { offset: Number(row.offset), identity: String(row.identity) }
      : { offset: 0, identity: null };
  }

  /**
   * Saves bytes of a followed file. Undefined when they do not continue what is stored (the caller follows again from
   * `cursor`). Throws `full` on a full disk; then nothing is changed.
   */
  addBytes(run: string, bytes: FileBytes): Committed | undefined {
    return this.#mending(() => this.#addBytes(run, bytes));
  }

  #addBytes(run: string, { file, offset, identity, reset, bytes }: FileBytes): Committed | undefined {
    const before = this.cursor(run, file);
    const replaces = reset || (before.identity !== null && before.identity !== identity);
    const expected = replaces ? 0 : before.offset;
    if (offset > expected || (replaces && offset !== 0)) return undefined;
    const fresh = bytes.subarray(expected - offset);
    if (fresh.length === 0 && !replaces && before.identity !== null)
      return { reset: false, hides: false, overview: false, metrics: new Map() };
    const committed = this.#transaction(run, () => {
      if (replaces) this.#forgetFile(run, file);
      const committed =
        file === 'metrics.jsonl'
          ? this.#addMetrics(run, expected, fresh, replaces)
          : this.#addTail(run, file, expected, fresh);
      const loaded = file === 'metrics.jsonl' ? this.#load(run) : new LoadedRun();
      const end = expected + fresh.length;
      const { blockedUnreadable, unreadable } = loaded;
      // A run may have thousands of metrics: their names are written when there are new ones.
      if (committed.overview || before.identity !== identity || replaces)
        this.#sql(
          `INSERT OR REPLACE INTO files (run, file, identity, offset, unreadableInBlocks, unreadable, metrics)
           VALUES (?, ?, ?, ?, ?, ?, ?)`,
        ).run(
          run,
          file,
          identity,
          end,
          blockedUnreadable,
          unreadable,
          JSON.stringify([...loaded.columns.metrics.keys()]),
        );
      else
        this.#sql('UPDATE files SET offset = ?, unreadableInBlocks = ? WHERE run = ? AND file = ?').run(
          end,
          blockedUnreadable,
          run,
          file,
        );
      return { ...committed, reset: replaces };
    });
    if (committed.overview) this.#overviews.delete(run);
    return committed;
  }

  columns(run: string): RunColumns {
    return this.#mending(() => this.#load(run).columns);
  }

  /** Brings a run into memory piece by piece, so that `columns` has it at once. */
  *loading(run: string): Generator<undefined, void> {
    if (this.#loaded.has(run)) return;
    const mine = {};
    this.#loading.set(run, mine);
    const db = this.#db;
    let loaded: LoadedRun;
    try {
      loaded = yield* loadRun((text) => this.#sql(text), run);
    } catch (thrown) {
      // What was being read is no more: `columns` finds what there is.
      if (db !== this.#db) return;
      if (!isDamage(thrown)) throw thrown;
      this.#startAnew();
      return;
    }
    // What was written meanwhile is not in it.
    if (this.#loading.get(run) !== mine) return;
    this.#loading.delete(run);
    this.#keep(run, loaded);
  }

  /** Names of a run's metrics and its unreadable lines, without loading its points. The same object until it changes. */
  overview(run: string): Overview {
    let known = this.#overviews.get(run);
    if (!known) {
      known = this.#mending(() => this.#readOverview(run));
      this.#overviews.set(run, known);
    }
    return known;
  }

  #readOverview(run: string): Overview {
    const row = this.#sql('SELECT metrics, unreadable FROM files WHERE run = ? AND file = ?').get(
      run,
      'metrics.jsonl',
    );
    return {
      metrics: JSON.parse(String(row?.metrics ?? '[]')) as string[],
      unreadableLines: Number(row?.unreadable ?? 0),
    };
  }

  events(run: string): EventLine[] {
    const bytes = this.#mending(() => this.#tailBytes(run, 'events.jsonl'));
    const parsed = parseLines(new Uint8Array(0), bytes, (line) => {
      try {
        return eventLineSchema.safeParse(JSON.parse(line)).data;
      } catch {
        return undefined;
      }
    });
    return parsed.lines;
  }

  /** In one transaction: each costs the same as any other. */
  saveReports(runs: readonly StoredRun[]): void {
    this.#mending(() => this.#transaction(null, () => this.#insertReports(runs)));
  }

  #insertReports(runs: readonly StoredRun[]): void {
    for (const run of runs)
      this.#sql(
        'INSERT OR REPLACE INTO runs (run, node, rootId, report, seenAt, onNode) VALUES (?, ?, ?, ?, ?, ?)',
      ).run(run.report.run, run.node, run.rootId, JSON.stringify(run.report), run.seenAt, run.onNode ? 1 : 0);
  }

  reports(): StoredRun[] {
    return this.#mending(() => this.#readReports());
  }

  #readReports(): StoredRun[] {
    const runs: StoredRun[] = [];
    for (const row of this.#sql('SELECT node, rootId, report, seenAt, onNode FROM runs').all()) {
      const report = runReportSchema.safeParse(JSON.parse(String(row.report))).data;
      if (!report) continue;
      runs.push({
        report,
        node: String(row.node),
        rootId: String(row.rootId),
        seenAt: Number(row.seenAt),
        onNode: row.onNode === 1,
      });
    }
    return runs;
  }

  deleteRun(run: string): void {
    this.#mending(() =>
      this.#transaction(run, () => {
        for (const file of followedFiles) this.#forgetFile(run, file);
        this.#sql('DELETE FROM runs WHERE run = ?').run(run);
      }),
    );
    this.#loaded.delete(run);
    this.#overviews.delete(run);
  }

  #addMetrics(run: string, offset: number, bytes: Uint8Array, reset: boolean): Omit<Committed, 'reset'> {
    const loaded = reset ? new LoadedRun() : this.#load(run);
    this.#loaded.set(run, loaded);
    const { unreadable } = loaded;
    const { hiding, records } = loaded.columns;
    const before = new Map([...loaded.columns.metrics].map(([name, { value }]) => [name, value.length]));
    loaded.apply(bytes);
    loaded.tailBytes += bytes.length;
    if (loaded.columns.records - loaded.blockedRecords >= blockLength || loaded.tailBytes >= longestTail) {
      this.#writeBlocks(run, loaded);
      this.#sql('DELETE FROM tail WHERE run = ? AND file = ?').run(run, 'metrics.jsonl');
      this.#addTail(run, 'metrics.jsonl', offset + bytes.length - loaded.pending.length, loaded.pending);
      loaded.tailBytes = loaded.pending.length;
    } else this.#addTail(run, 'metrics.jsonl', offset, bytes);
    const metrics = new Map<string, { from: number; to: number }>();
    for (const [name, { value }] of loaded.columns.metrics) {
      const from = before.get(name) ?? 0;
      if (value.length > from) metrics.set(name, { from, to: value.length });
    }
    const overview = reset || loaded.columns.metrics.size > before.size || loaded.unreadable > unreadable;
    return { overview, metrics, hides: records > 0 && loaded.columns.hiding !== hiding };
  }

  #addTail(run: string, file: FollowedFile, offset: number, bytes: Uint8Array): Omit<Committed, 'reset'> {
    if (bytes.length > 0)
      this.#sql('INSERT INTO tail (run, file, offset, bytes) VALUES (?, ?, ?, ?)').run(
        run,
        file,
        offset,
        bytes,
      );
    return { hides: false, overview: false, metrics: new Map() };
  }

  #writeBlocks(run: string, loaded: LoadedRun): void {
    const { columns } = loaded;
    const insert = this.#sql('INSERT INTO blocks (run, series, number, count, data) VALUES (?, ?, ?, ?, ?)');
    for (let from = loaded.blockedRecords; from < columns.records; from += blockLength) {
      const to = Math.min(from + blockLength, columns.records);
      insert.run(run, recordSeries, loaded.nextBlock++, to - from, encodeRecords(columns, from, to));
    }
    loaded.blockedRecords = columns.records;
    for (const [name, points] of columns.metrics) {
      for (let from = loaded.blockedPoints.get(name) ?? 0; from < points.value.length; from += blockLength) {
        const to = Math.min(from + blockLength, points.value.length);
        insert.run(run, `=${name}`, loaded.nextBlock++, to - from, encodePoints(points, from, to));
      }
      loaded.blockedPoints.set(name, points.value.length);
    }
    loaded.blockedUnreadable = loaded.unreadable;
  }

  /** The run from memory, else from blocks and tail. */
  #load(run: string): LoadedRun {
    const known = this.#loaded.get(run);
    if (known) {
      this.#loaded.delete(run);
      this.#loaded.set(run, known);
      return known;
    }
    for (const pieces = loadRun((text) => this.#sql(text), run); ; ) {
      const { done, value } = pieces.next();
      if (done) return this.#keep(run, value);
    }
  }

  /** The runs used last stay in memory. */
  #keep(run: string, loaded: LoadedRun): LoadedRun {
    this.#loaded.set(run, loaded);
    let bytes = 0;
    for (const [other, { size }] of [...this.#loaded].reverse()) {
      bytes += size;
      if (bytes > mostInMemory && other !== run) this.#loaded.delete(other);
    }
    return loaded;
  }

  #tailBytes(run: string, file: FollowedFile): Uint8Array {
    const rows = this.#sql('SELECT bytes FROM tail WHERE run = ? AND file = ? ORDER BY offset').all(
      run,
      file,
    );
    return Buffer.concat(rows.map((row) => row.bytes as Uint8Array));
  }

  #forgetFile(run: string, file: FollowedFile): void {
    this.#sql('DELETE FROM files WHERE run = ? AND file = ?').run(run, file);
    this.#sql('DELETE FROM tail WHERE run = ? AND file = ?').run(run, file);
    if (file === 'metrics.jsonl') this.#sql('DELETE FROM blocks WHERE run = ?').run(run);
  }

  /** Does it once more with an empty file where that turns out to be damaged. */
  #mending<T>(work: () => T): T {
    try {
      return work();
    } catch (thrown) {
      if (!isDamage(thrown)) throw thrown;
      this.#startAnew();
      return work();
    }
  }

  #startAnew(): void {
    for (const kept of [this.#statements, this.#loaded, this.#loading, this.#overviews]) kept.clear();
    this.#db.close();
    this.#db = create(this.#file);
    this.onAnew();
  }

  /** All or nothing, in the file and in what memory holds of a run's points; null: it touches no points. */
  #transaction<T>(run: string | null, work: () => T): T {
    if (run !== null) this.#loading.delete(run);
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#db.exec('COMMIT');
      return result;
    } catch (thrown) {
      if (run !== null) this.#loaded.delete(run);
      try {
        if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      } catch {
        // A damaged file: closed, it is left as it was.
      }
      throw isDamage(thrown) ? thrown : storeError(thrown);
    }
  }

  #sql(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (!statement) {
      statement = this.#db.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }
}

/** Opens or creates the database; one of another schema, or one that is no database, is started anew. */
function open(file: string): DatabaseSync {
  try {
    const db = new DatabaseSync(file);
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000;');
    const found = Number(db.prepare('PRAGMA user_version').get()?.user_version);
    if (found === schemaNumber) return db;
    db.close();
  } catch (thrown) {
    const error = storeError(thrown);
    if (error.kind === 'internal')
      throw new BiphaseError('refused', `${file} cannot be used: ${error.message}.`, {
        next: 'Move it away: it is made again from what the nodes have.',
        cause: thrown,
      });
    if (error.kind !== 'damaged') throw error;
  }
  return create(file);
}

function create(file: string): DatabaseSync {
  for (const suffix of ['', '-wal', '-shm']) fs.rmSync(file + suffix, { force: true });
  const db = new DatabaseSync(file);
  fs.chmodSync(file, 0o600);
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000;');
  db.exec(`BEGIN; ${schema} PRAGMA user_version = ${schemaNumber}; COMMIT;`);
  return db;
}

/** Of the file: what SQLite cannot read, and what is in it but is not what was written. */
function isDamage(thrown: unknown): boolean {
  if (thrown instanceof BiphaseError) return thrown.kind === 'damaged';
  return thrown instanceof SyntaxError || sqliteProblem(thrown) === 'damaged';
}

function storeError(thrown: unknown): BiphaseError {
  switch (sqliteProblem(thrown)) {
    case 'full':
      return new BiphaseError('full', 'The disk that holds the curves is full.', {
        next: 'Free space; the curves continue from where they stopped.',
        cause: thrown,
      });
    case 'damaged':
      return new BiphaseError('damaged', 'cache.db is damaged.', { cause: thrown });
    default:
      return toBiphaseError(thrown);
  }
}
