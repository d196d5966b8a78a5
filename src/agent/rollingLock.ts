import fs from 'node:fs';
import { namesIn } from './files.ts';
import {
  type LockHolder,
  lockFile,
  lockHolder,
  type NumberedLock,
  newestNumber,
  takeLock,
} from './numberedLock.ts';

/**
 * A lock that is taken so many times over the years that its old files are removed. Who starts from a listing that is
 * older than so many claims could take it twice; each claim lasts seconds at least.
 */
const keptFiles = 100;

/** A numbered lock whose old files go. Its name is escaped. */
export class RollingLock {
  readonly #lock: NumberedLock;

  constructor(folder: string, name: string, stillHolds: (holder: LockHolder) => boolean) {
    this.#lock = {
      folder,
      name: encodeURIComponent(name),
      first: () => Math.max(0, ...this.#numbers()),
      stillHolds,
    };
  }

  /** Who holds it, `unnamed` while somebody is writing his name; null: nobody. */
  holder(): LockHolder | 'unnamed' | null {
    return lockHolder(this.#lock);
  }

  /** How often it was taken: another number after each time. */
  get turn(): number {
    return newestNumber(this.#lock);
  }

  /** Takes it for the holder; answers with the file that says so, null where another one has it. */
  take(holder: LockHolder): string | null {
    const number = takeLock(this.#lock, holder);
    if (number === null) return null;
    const file = lockFile(this.#lock, number);
    // Who slept for longer than files are kept has taken a number that others had before.
    if (newestNumber(this.#lock) !== number) {
      fs.rmSync(file, { force: true });
      return null;
    }
    for (const old of this.#numbers())
      if (old < number - keptFiles) fs.rmSync(lockFile(this.#lock, old), { force: true });
    return file;
  }

  #numbers(): number[] {
    const { folder, name } = this.#lock;
    const start = `${name}.`;
    return namesIn(folder).flatMap((file) => {
      const number = file.startsWith(start) ? /^(\d+)\.json$/.exec(file.slice(start.length)) : null;
      return number ? [Number(number[1])] : [];
    });
  }
}
