import { toBiphaseError } from '../../core/errors.ts';
import type { SpaceItem } from '../../protocol/diskSpace.ts';
import type { NodeRoot } from '../nodeRoot.ts';
import type { ProcessTable } from '../processTable.ts';
import type { JobWatch } from '../slurm/jobWatch.ts';
import { DiskMeter } from './diskMeter.ts';
import { removeTree } from './removeTree.ts';
import { takeBundle } from './takeBundle.ts';
import { takeCacheEntry } from './takeCacheEntry.ts';
import { takeCheckpoints } from './takeCheckpoints.ts';
import { takeRun } from './takeRun.ts';

interface FreeSpaceOptions {
  table: ProcessTable;
  /** Hash of the bundle that this agent runs from. */
  ownBundle: string;
  /** Who asks Slurm: without it a run that may have a job stays. */
  jobs?: JobWatch;
  /** Called when something is out of its place, and before it is deleted. */
  taken?: (item: SpaceItem) => void;
}

export interface Freed {
  bytes: number;
  problem: string | null;
}

/** Deletes items one after the other; what is refused stays whole, and the next one's turn comes. */
export async function freeSpace(
  root: NodeRoot,
  items: readonly SpaceItem[],
  options: FreeSpaceOptions,
): Promise<Freed[]> {
  const results: Freed[] = [];
  for (const item of items) {
    const freed: Freed = { bytes: 0, problem: null };
    results.push(freed);
    try {
      const aside = await take(root, item, options);
      options.taken?.(item);
      for (const each of aside) {
        const bytes = await new DiskMeter().bytes(each);
        await removeTree(each);
        freed.bytes += bytes;
      }
    } catch (thrown) {
      const { message, next } = toBiphaseError(thrown);
      freed.problem = next === undefined ? message : `${message} ${next}`;
    }
  }
  return results;
}

/** Takes an item out of its place; answers where its parts lie now. */
async function take(
  root: NodeRoot,
  item: SpaceItem,
  { table, ownBundle, jobs }: FreeSpaceOptions,
): Promise<string[]> {
  switch (item.kind) {
    case 'checkpoints':
      return takeCheckpoints(root, item, table, jobs);
    case 'run':
      return [await takeRun(root, item.run, table, jobs)];
    case 'cache':
      return [await takeCacheEntry(root, item.entry, table, jobs)];
    case 'bundle':
      return [await takeBundle(root, item.hash, { table, ownBundle, jobs })];
  }
}
