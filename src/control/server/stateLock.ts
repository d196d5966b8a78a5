import fs from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const sqliteBusy = 5;

/**
 * The right to be the control process of a state folder: a lock of the operating system, taken through SQLite and
 * released with the process however it ends. Only its holder may replace the socket of a dead process.
 */
export class StateLock {
  readonly #db: DatabaseSync;

  private constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** Undefined while another process holds it. */
  static take(folder: string): StateLock | undefined {
    const file = path.join(folder, 'control.lock');
    const db = new DatabaseSync(file);
    try {
      db.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
    } catch (thrown) {
      db.close();
      if ((((thrown as { errcode?: number }).errcode ?? 0) & 0xff) === sqliteBusy) return undefined;
      throw thrown;
    }
    if (process.platform !== 'win32') fs.chmodSync(file, 0o600);
    return new StateLock(db);
  }

  release(): void {
    this.#db.close();
  }
}
