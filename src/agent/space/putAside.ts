import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { isUnclaimed } from '../claimRun.ts';
import { hasCode } from '../files.ts';
import { isPlainFolder, type NodeRoot } from '../nodeRoot.ts';
import { removeTree } from './removeTree.ts';

/** Where it begins a name: being deleted, and nobody's any more. */
const mark = '.deleted-';

/** A deletion that has not got on for so long was cut off; before, another agent may be at it. */
const restMs = 10 * 60_000;

/**
 * Takes a file or folder out of its place by one rename, so that nobody finds half of it. Answers with where it lies
 * now: in `folder`, for `removeTree`.
 */
export function putAside(place: string, folder: string): string {
  const aside = path.join(folder, `${mark}${path.basename(place)}-${randomBytes(4).toString('hex')}`);
  fs.renameSync(place, aside);
  return aside;
}

/** Ends deletions of runs, checkpoints and cache entries that an agent's end cut off, and removes what it had not claimed yet. */
export async function finishDeletions(root: NodeRoot, now = Date.now()): Promise<void> {
  for (const folder of [root.runs, root.cache]) {
    if (!isPlainFolder(folder)) continue;
    for (const name of await fs.promises.readdir(folder)) {
      const place = path.join(folder, name);
      if ((name.startsWith(mark) || isUnclaimed(name)) && (await changedBefore(place, now - restMs)))
        await removeTree(place);
    }
  }
}

/** By the time of its last rename, which changes no other time. */
async function changedBefore(place: string, time: number): Promise<boolean> {
  try {
    return (await fs.promises.lstat(place)).ctimeMs < time;
  } catch (thrown) {
    if (hasCode(thrown, 'ENOENT')) return false;
    throw thrown;
  }
}
