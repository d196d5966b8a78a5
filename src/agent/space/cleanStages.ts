import fs from 'node:fs';
import path from 'node:path';
import { hasCode } from '../files.ts';
import { isPlainFolder, type NodeRoot } from '../nodeRoot.ts';
import { putAside } from './putAside.ts';
import { removeTree } from './removeTree.ts';

/** Sections of the cache that control copies folders into. */
const sections = ['corpora', 'checkpoints'];

/** What a copy grows in until it is whole (control/transfers/placeFolder.ts): two folders with one stem. */
const growing = /^(\..+\.[\w-]+)\.(?:stage|parts)$/;

/** A copy that has not got on for so long is not waited for: begun again it starts from nothing. */
const restMs = 7 * 24 * 3600_000;

/** Deletes what copies left that were cancelled or cut off and never begun again. Follows no link. */
export async function cleanStages(root: NodeRoot, now = Date.now()): Promise<void> {
  if (!isPlainFolder(root.cache)) return;
  for (const section of sections) {
    const folder = path.join(root.cache, section);
    if (!isPlainFolder(folder)) continue;
    for (const places of stagesIn(folder)) await cleanStage(root, places, now - restMs);
  }
}

/** Folders of one copy together: while one of them changes, both are in use. */
function stagesIn(folder: string): Iterable<string[]> {
  const stages = new Map<string, string[]>();
  for (const name of fs.readdirSync(folder)) {
    const stem = growing.exec(name)?.[1];
    const place = path.join(folder, name);
    if (stem !== undefined && isPlainFolder(place)) stages.set(stem, [...(stages.get(stem) ?? []), place]);
  }
  return stages.values();
}

async function cleanStage(root: NodeRoot, places: readonly string[], before: number): Promise<void> {
  if (await anyChangedSince(places, before)) return;
  const moved = places.map((place) => ({ place, aside: putAside(place, root.cache) }));
  const asides = moved.map(({ aside }) => aside);
  // Asked again: a copy that was begun again meanwhile finds everything in its place.
  if (await anyChangedSince(asides, before))
    for (const { place, aside } of moved) fs.renameSync(aside, place);
  else for (const aside of asides) await removeTree(aside);
}

async function anyChangedSince(places: readonly string[], time: number): Promise<boolean> {
  for (const place of places) if (await changedSince(place, time)) return true;
  return false;
}

/** Whether anything in it was written since; a rename of the whole changes no such time. */
async function changedSince(place: string, time: number): Promise<boolean> {
  try {
    const stat = await fs.promises.lstat(place);
    if (stat.mtimeMs >= time) return true;
    if (!stat.isDirectory()) return false;
    const inside = (await fs.promises.readdir(place)).map((name) => path.join(place, name));
    return await anyChangedSince(inside, time);
  } catch (thrown) {
    // What goes away is just being used.
    if (hasCode(thrown, 'ENOENT')) return true;
    throw thrown;
  }
}
