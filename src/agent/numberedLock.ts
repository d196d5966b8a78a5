import fs from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { createWhole, readJson } from './files.ts';

/**
 * A lock is files `<name>.<number>.json`: the holder is named in the one with the highest number. A dead holder is
 * followed by the next number, which only one process can create; so there is no moment in which two hold the lock.
 */
const holderSchema = z.looseObject({
  pid: z.number().int(),
  startTime: z.string(),
  host: z.string(),
  bootId: z.string(),
  /** The holder lives on, but has let go. */
  released: z.boolean().optional(),
});
export type LockHolder = z.infer<typeof holderSchema>;

/** A lock file whose content is not there yet counts as held for so long. */
const fillGraceMs = 10_000;

export interface NumberedLock {
  folder: string;
  name: string;
  /** Number from which the files are there without a gap; 0 where none is ever removed. */
  first?: () => number;
  stillHolds: (holder: LockHolder) => boolean;
}

/** Who holds a lock; null: nobody. `unnamed`: somebody who is just writing his name. */
export function lockHolder(lock: NumberedLock): LockHolder | 'unnamed' | null {
  const number = newestNumber(lock);
  return number < 0 ? null : holderIn(lock, number);
}

/** Takes a lock for the holder, or returns null because another one has it. Answers with the file's number. */
export function takeLock(lock: NumberedLock, holder: LockHolder): number | null {
  for (;;) {
    const number = newestNumber(lock);
    if (number >= 0 && holderIn(lock, number) !== null) return null;
    if (createWhole(lockFile(lock, number + 1), `${JSON.stringify(holder)}\n`)) return number + 1;
  }
}

/** Lets go of a lock that this process took. The file is written in place: that works on a disk that is full. */
export function releaseLock(lock: NumberedLock, number: number, holder: LockHolder): void {
  const fd = fs.openSync(lockFile(lock, number), 'r+');
  try {
    // Older versions know no `released`, but take a process of no start time for dead.
    const text = JSON.stringify({ ...holder, startTime: '', released: true });
    fs.writeSync(fd, text.padEnd(fs.fstatSync(fd).size), 0);
  } finally {
    fs.closeSync(fd);
  }
}

export function lockFile({ folder, name }: NumberedLock, number: number): string {
  return path.join(folder, `${name}.${number}.json`);
}

/** Number of the newest file, −1 where there is none. Asks by name: a listing may be stale on NFS. */
export function newestNumber(lock: NumberedLock): number {
  let number = lock.first?.() ?? 0;
  while (fs.existsSync(lockFile(lock, number))) number++;
  return number - 1;
}

function holderIn(lock: NumberedLock, number: number): LockHolder | 'unnamed' | null {
  const file = lockFile(lock, number);
  const holder = readJson(file, holderSchema);
  if (holder) return !holder.released && lock.stillHolds(holder) ? holder : null;
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  return stat !== undefined && Date.now() - stat.mtimeMs < fillGraceMs ? 'unnamed' : null;
}
