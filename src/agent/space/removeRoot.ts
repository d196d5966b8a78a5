import fs from 'node:fs';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import { isActive } from '../../core/runState.ts';
import { isRunId } from '../../protocol/runDirectory.ts';
import { hasCode, readTail } from '../files.ts';
import { isPlainFolder, type NodeRoot } from '../nodeRoot.ts';
import type { ProcessTable } from '../processTable.ts';
import type { JobWatch } from '../slurm/jobWatch.ts';
import { allReports } from './allReports.ts';
import { removeTree } from './removeTree.ts';
import { takeRun } from './takeRun.ts';

type IsOurs = (name: string, place: string) => boolean;

/** Copies and deletions that were cut off. */
const isUnfinished: IsOurs = (name) => /^\..*\.(stage|part)$|^\.deleted-|\.tmp$/.test(name);
const holds = (place: string, file: string): boolean => fs.existsSync(path.join(place, file));

/**
 * What Biphase names in each of its folders. A person may have chosen a root with other things in it, also in a folder
 * that is called `cache` or `runs`: those stay.
 */
const ours: readonly [folder: string, isOurs: IsOurs][] = [
  ['runs', isRunId],
  ['queue', (name) => /^(host-|array-[0-9a-z]+[-.]|held$|moves$)/.test(name)],
  ['slots', (name) => /\.\d+\.json$/.test(name)],
  [
    'cache',
    (name) => ['tokens', 'tokenizers', 'hub', 'fingerprints', 'corpora', 'checkpoints'].includes(name),
  ],
  ['node', (name, place) => /^\d+\.\d+\.\d+-/.test(name) && holds(place, 'bin/node')],
  // Last: this agent runs from one of them.
  ['bundles', (_, place) => holds(place, 'biphase.mjs') || holds(place, 'bundle.json')],
];

/**
 * Deletes what Biphase has under a root, then the root where it is empty by then. Answers with the names that stay.
 * @throws BiphaseError `refused` where the root is another one than `rootId` says, or a run is active in it
 */
export async function removeRoot(
  root: NodeRoot,
  rootId: string,
  table: ProcessTable,
  jobs?: JobWatch,
): Promise<string[]> {
  if (readTail(path.join(root.path, 'id'), 200).trim() !== rootId)
    throw new BiphaseError('refused', `${root.path} is not the folder that was meant; nothing was deleted.`, {
      next: 'Reconnect the node and try again.',
    });
  const reports = await allReports(root, table, { jobs });
  const active = reports.filter(({ state }) => isActive(state)).length;
  if (active > 0)
    throw new BiphaseError(
      'refused',
      `${root.path} is not deleted while ${active === 1 ? 'a run is' : `${active} runs are`} active there.`,
      { next: 'Stop them first.' },
    );
  // Each leaves by the way on which nothing can start it any more.
  for (const { run } of reports) await removeTree(await takeRun(root, run, table, jobs));
  for (const [folder, isOurs] of ours) await removeOurs(path.join(root.path, folder), isOurs);
  fs.rmSync(path.join(root.path, 'id'), { force: true });
  return isRemoved(root.path) ? [] : fs.readdirSync(root.path).sort();
}

async function removeOurs(folder: string, isOurs: IsOurs): Promise<void> {
  // A link leads to a place that a person chose: what is there stays.
  if (!isPlainFolder(folder)) return;
  for (const name of await fs.promises.readdir(folder)) {
    const place = path.join(folder, name);
    if (isUnfinished(name, place) || isOurs(name, place)) await removeTree(place);
  }
  isRemoved(folder);
}

/** Removes a folder where nothing is in it. */
function isRemoved(folder: string): boolean {
  try {
    fs.rmdirSync(folder);
    return true;
  } catch (thrown) {
    if (hasCode(thrown, 'ENOENT')) return true;
    // A link in the place of the root, or a folder above that may not be changed.
    if (hasCode(thrown, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'EACCES', 'EPERM', 'EBUSY')) return false;
    throw thrown;
  }
}
