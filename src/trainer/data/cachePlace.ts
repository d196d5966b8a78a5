import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A maker that has not touched its mark for so long is taken for dead. */
const staleAfterMs = 15_000;
const beatEveryMs = 2000;
const lookEveryMs = 100;

function ageMs(file: string): number {
  try {
    return Date.now() - fs.statSync(file).mtimeMs;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/**
 * Does work that only one process should do at a time, under a mark beside `place`. Others wait while the worker's mark
 * is fresh; a worker that died is replaced. Should two work at the same time after all, both make the same.
 * @param done whether there is nothing left to do
 * @param tick called while waiting; may throw to stop waiting
 */
export async function underMark(
  place: string,
  done: () => boolean,
  work: () => Promise<void>,
  tick: () => Promise<void>,
): Promise<void> {
  if (done()) return;
  fs.mkdirSync(path.dirname(place), { recursive: true });
  const mark = `${place}.making`;
  for (;;) {
    try {
      fs.mkdirSync(mark);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (done()) return;
    // One from the future is not fresh either: the clock was set back after its last beat.
    if (Math.abs(ageMs(mark)) > staleAfterMs) {
      // Its maker is gone. Removing can race with another that waits; then the next round decides.
      fs.rmSync(mark, { recursive: true, force: true });
      continue;
    }
    await tick();
    await sleep(lookEveryMs);
  }
  const heart = setInterval(() => {
    try {
      fs.utimesSync(mark, new Date(), new Date());
    } catch {
      // Taken for dead by another; its result is the same.
    }
  }, beatEveryMs);
  try {
    if (!done()) await work();
  } finally {
    clearInterval(heart);
    fs.rmSync(mark, { recursive: true, force: true });
  }
}

/**
 * A folder of the cache, made at most once by whoever comes first. `make` fills a temporary folder, which is then
 * renamed into place, so a folder that is there is complete.
 * @param tick called while waiting for another that makes it; may throw to stop waiting
 */
export async function cachedFolder(
  place: string,
  make: (folder: string) => Promise<void>,
  tick: () => Promise<void>,
): Promise<void> {
  const there = (): boolean => fs.existsSync(place);
  const work = async (): Promise<void> => {
    const temporary = `${place}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
    removeAbandoned(
      path.dirname(place),
      (name) => name.startsWith(`${path.basename(place)}.`) && name.endsWith('.tmp'),
    );
    try {
      fs.mkdirSync(temporary);
      await make(temporary);
      try {
        fs.renameSync(temporary, place);
      } catch (error) {
        if (!there()) throw error;
      }
    } finally {
      fs.rmSync(temporary, { recursive: true, force: true });
    }
  };
  await underMark(place, there, work, tick);
}

/** Removes what killed makers left behind in a folder; what is in work is never an hour old without a change. */
export function removeAbandoned(folder: string, isTemporary: (name: string) => boolean): void {
  for (const name of fs.readdirSync(folder)) {
    const full = path.join(folder, name);
    if (isTemporary(name) && ageMs(full) > 3_600_000) fs.rmSync(full, { recursive: true, force: true });
  }
}
