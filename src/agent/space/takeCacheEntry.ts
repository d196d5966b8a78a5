import fs from 'node:fs';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import { isActive } from '../../core/runState.ts';
import { hasCode } from '../files.ts';
import { isPlainFolder, type NodeRoot } from '../nodeRoot.ts';
import type { ProcessTable } from '../processTable.ts';
import type { JobWatch } from '../slurm/jobWatch.ts';
import { allReports } from './allReports.ts';
import { isCacheEntry } from './cacheEntry.ts';
import { putAside } from './putAside.ts';

/**
 * Puts an entry of the cache aside: a later run makes it again. No record says which run reads which entry, so no run
 * may be active.
 * @throws BiphaseError `refused`, `missing`
 */
export async function takeCacheEntry(
  root: NodeRoot,
  entry: string,
  table: ProcessTable,
  jobs?: JobWatch,
): Promise<string> {
  const place = placeOf(root, entry);
  await refuseActive(root, table, jobs);
  // A run that starts now and misses the entry waits for whoever has this mark (trainer/data/cachePlace.ts).
  const making = `${place}.making`;
  try {
    fs.mkdirSync(making, { mode: 0o700 });
  } catch (thrown) {
    if (hasCode(thrown, 'EEXIST'))
      throw new BiphaseError('refused', `The cache entry ${entry} is being made.`, { cause: thrown });
    // On a full disk nobody else makes it either.
    if (!hasCode(thrown, 'ENOSPC', 'EDQUOT')) throw thrown;
  }
  try {
    const aside = putAside(placeOf(root, entry), root.cache);
    try {
      // Asked again: a run that was started meanwhile finds the entry in its place again.
      await refuseActive(root, table, jobs);
    } catch (refusal) {
      fs.renameSync(aside, place);
      throw refusal;
    }
    return aside;
  } finally {
    fs.rmSync(making, { recursive: true, force: true });
  }
}

/** Where an entry lies. A link on the way could lead out of the root. */
function placeOf(root: NodeRoot, entry: string): string {
  if (!isCacheEntry(entry)) throw new BiphaseError('refused', `"${entry}" is not an entry of the cache.`);
  const place = path.join(root.cache, entry);
  for (const folder of [root.cache, path.dirname(place)])
    if (!isPlainFolder(folder))
      throw new BiphaseError('refused', `${folder} is not a folder of the root; nothing in it is deleted.`);
  const stat = fs.lstatSync(place, { throwIfNoEntry: false });
  if (!stat) throw new BiphaseError('missing', `There is no cache entry ${entry} on this node.`);
  if (!stat.isDirectory() && !stat.isFile())
    throw new BiphaseError('refused', `${place} is no folder and no file; it is not deleted.`);
  return place;
}

async function refuseActive(root: NodeRoot, table: ProcessTable, jobs: JobWatch | undefined): Promise<void> {
  const active = (await allReports(root, table, { jobs })).filter(({ state }) => isActive(state)).length;
  if (active === 0) return;
  const runs = active === 1 ? 'a run is' : `${active} runs are`;
  throw new BiphaseError('refused', `The cache is not touched while ${runs} active on this node.`, {
    next: 'Try again when they have ended.',
  });
}
