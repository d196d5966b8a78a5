import fs from 'node:fs/promises';
import path from 'node:path';
import { hasCode } from '../files.ts';

/** Files that are deleted at a time: `rm` of Node asks for all of a folder at once and holds up the process for it. */
const atOnce = 32;
/** Something may have been added to a folder meanwhile. */
const rounds = 3;

/** Deletes a file, a link, or a folder with everything in it; whatever is gone already is fine. Follows no link. */
export async function removeTree(place: string): Promise<void> {
  if (!(await isFolder(place))) return removeFile(place);
  for (let round = 1; ; round++) {
    const names = await namesIn(place);
    for (let from = 0; from < names.length; from += atOnce) {
      const places = names.slice(from, from + atOnce).map((name) => path.join(place, name));
      await Promise.all(places.map(removeTree));
    }
    try {
      return await fs.rmdir(place);
    } catch (thrown) {
      if (hasCode(thrown, 'ENOENT')) return;
      if (round === rounds || !hasCode(thrown, 'ENOTEMPTY', 'EEXIST')) throw thrown;
    }
  }
}

async function isFolder(place: string): Promise<boolean> {
  try {
    return (await fs.lstat(place)).isDirectory();
  } catch (thrown) {
    if (hasCode(thrown, 'ENOENT')) return false;
    throw thrown;
  }
}

async function removeFile(place: string): Promise<void> {
  try {
    await fs.unlink(place);
  } catch (thrown) {
    if (!hasCode(thrown, 'ENOENT')) throw thrown;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await fs.readdir(folder);
  } catch (thrown) {
    if (hasCode(thrown, 'ENOENT')) return [];
    throw thrown;
  }
}
