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
 * A folder of the cache, made at most once by whoever comes first. `make` fills a temporary folder, which is then
 * renamed into place, so a folder that is there is complete. Others wait while the maker's mark is fresh; should two
 * make it after all, both make the same and the first rename wins.
 * @param tick called while waiting; may throw to stop waiting
 */
export async function cachedFolder(
  place: string,
  make: (folder: string) => Promise<void>,
  tick: () => Promise<void>,
): Promise<void> {
  if (fs.existsSync(place)) return;
  fs.mkdirSync(path.dirname(place), { recursive: true });
  const mark = `${place}.making`;
  for (;;) {
    try {
      fs.mkdirSync(mark);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (fs.existsSync(place)) return;
    if (ageMs(mark) > staleAfterMs) {
      // Its maker is gone. Removing can race with another that waits; then the next round decides.
      fs.rmSync(mark, { recursive: true, force: true });
      continue;
    }
    await tick();
    await sleep(lookEveryMs);
  }
  const temporary = `${place}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
  let beat = performance.now();
  const heart = setInterval(() => {
    if (performance.now() - beat < beatEveryMs) return;
    beat = performance.now();
    try {
      fs.utimesSync(mark, new Date(), new Date());
    } catch {
      // Taken for dead by another; its result is the same.
    }
  }, beatEveryMs / 4);
  try {
    if (fs.existsSync(place)) return;
    removeAbandoned(place);
    fs.mkdirSync(temporary);
    await make(temporary);
    try {
      fs.renameSync(temporary, place);
    } catch (error) {
      if (!fs.existsSync(place)) throw error;
    }
  } finally {
    clearInterval(heart);
    fs.rmSync(temporary, { recursive: true, force: true });
    fs.rmSync(mark, { recursive: true, force: true });
  }
}

/** Temporary folders of makers that were killed; the one in work is never an hour old without a change. */
function removeAbandoned(place: string): void {
  const folder = path.dirname(place);
  for (const name of fs.readdirSync(folder)) {
    const full = path.join(folder, name);
    if (name.startsWith(`${path.basename(place)}.`) && name.endsWith('.tmp') && ageMs(full) > 3_600_000)
      fs.rmSync(full, { recursive: true, force: true });
  }
}
