import fs from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { BiphaseError } from '../../core/errors.ts';

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

  /**
   * Undefined while another process holds it.
   * @throws BiphaseError `refused` where the folder has no locks
   */
  static take(folder: string): StateLock | undefined {
    const file = path.join(folder, 'control.lock');
    let db: DatabaseSync | undefined;
    try {
      db = new DatabaseSync(file);
      db.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
    } catch (thrown) {
      db?.close();
      if ((((thrown as { errcode?: number }).errcode ?? 0) & 0xff) === sqliteBusy) return undefined;
      throw new BiphaseError('refused', `${file} cannot be locked: ${(thrown as Error).message}.`, {
        next: 'Move it away if it is no lock of Biphase, or set BIPHASE_STATE to a folder on a local disk.',
        cause: thrown,
      });
    }
    if (process.platform !== 'win32') fs.chmodSync(file, 0o600);
    return new StateLock(db);
  }

  release(): void {
    this.#db.close();
  }
}
