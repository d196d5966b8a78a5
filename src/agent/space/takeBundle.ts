import { BiphaseError } from '../../core/errors.ts';
import { isBundleInUse, neededBundles } from '../bundleCleaning.ts';
import { isPlainFolder, type NodeRoot } from '../nodeRoot.ts';
import type { ProcessTable } from '../processTable.ts';
import type { JobWatch } from '../slurm/jobWatch.ts';
import { allReports } from './allReports.ts';
import { putAside } from './putAside.ts';

/**
 * Puts a bundle aside that no run resumes with and no agent runs from.
 * @throws BiphaseError `refused`, `missing`
 */
export async function takeBundle(
  root: NodeRoot,
  hash: string,
  { table, ownBundle, jobs }: { table: ProcessTable; ownBundle: string; jobs?: JobWatch | undefined },
): Promise<string> {
  const needed = neededBundles(await allReports(root, table, { jobs }), ownBundle);
  const place = root.bundleFolder(hash);
  if (!isPlainFolder(root.bundles) || !isPlainFolder(place))
    throw new BiphaseError('missing', `There is no bundle ${hash} on this node.`);
  if (needed.has(hash) || isBundleInUse(root, hash))
    throw new BiphaseError(
      'refused',
      `The bundle ${hash} is needed: a run resumes with it, or it was used in the last two days.`,
    );
  return putAside(place, root.bundles);
}
