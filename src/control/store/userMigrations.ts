import type { DatabaseSync } from 'node:sqlite';

/** Each brings `user.db` from the version of its index to the next; they are only ever added to. */
const migrations: readonly string[] = [
  `CREATE TABLE notes (run TEXT PRIMARY KEY, label TEXT, grouped TEXT, archived INTEGER NOT NULL) STRICT;
   CREATE TABLE tags (run TEXT, tag TEXT, PRIMARY KEY (run, tag)) STRICT, WITHOUT ROWID;
   CREATE TABLE hidden (run TEXT PRIMARY KEY) STRICT;
   CREATE TABLE choices (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;`,
];

export const userVersion: number = migrations.length;

export function versionOf(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.user_version);
}

/** Brings the file to this program's version, a step a transaction; one that was cut off is done again. */
export function migrate(db: DatabaseSync, to: number = userVersion): void {
  for (let version = versionOf(db); version < to; version++)
    db.exec(`BEGIN IMMEDIATE; ${migrations[version]} PRAGMA user_version = ${version + 1}; COMMIT;`);
}
