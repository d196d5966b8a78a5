import fs from 'node:fs';
import path from 'node:path';
import type { RunReport } from '../protocol/agentApi.ts';
import { hasCode } from './files.ts';
import { isPlainFolder, type NodeRoot } from './nodeRoot.ts';

/** A bundle that an agent started from within this time stays: another control of another version may be at work. */
const restMs = 14 * 24 * 3600 * 1000;
/** How often a running agent says that its bundle is in use. */
export const bundleUseMs = 24 * 3600 * 1000;

/** Says that a bundle is in use now: the time of its folder. A bundle outside the root is nobody's to clean. */
export function markBundleUsed(root: NodeRoot, hash: string, now = Date.now()): void {
  try {
    fs.utimesSync(root.bundleFolder(hash), now / 1000, now / 1000);
  } catch (thrown) {
    if (!hasCode(thrown, 'ENOENT')) throw thrown;
  }
}

/**
 * Deletes bundles that have not been used for two weeks, except those of runs that have not finished, which resume with
 * theirs; also what interrupted copies and deletions left for as long. Answers with the names of what is gone.
 */
export async function cleanBundles(
  root: NodeRoot,
  reports: readonly RunReport[],
  own: string,
  now = Date.now(),
): Promise<string[]> {
  const needed = neededBundles(reports, own);
  const { bundles } = root;
  const gone = namesAtRest(bundles, now).filter((name) => !needed.has(name));
  for (const name of gone) {
    // It leaves its name first, so that nobody starts from half a bundle.
    const doomed = name.startsWith('.') ? name : `.deleted-${name}`;
    if (doomed !== name) fs.renameSync(path.join(bundles, name), path.join(bundles, doomed));
    await fs.promises.rm(path.join(bundles, doomed), { recursive: true, force: true });
  }
  const nodes = path.join(root.path, 'node');
  const half = namesAtRest(nodes, now).filter((name) => name.startsWith('.'));
  for (const name of half) await fs.promises.rm(path.join(nodes, name), { recursive: true, force: true });
  return [...gone, ...half];
}

/** Bundles that runs which have not finished resume with, and the agent's own. */
export function neededBundles(
  reports: readonly Pick<RunReport, 'state' | 'spec' | 'wrapper'>[],
  own: string,
): Set<string> {
  const needed = new Set([own]);
  for (const { state, spec, wrapper } of reports)
    if (state !== 'finished') for (const each of [spec, wrapper]) if (each) needed.add(each.bundle);
  return needed;
}

/** Whether an agent of this bundle may be running: each says daily that its bundle is in use. */
export function isBundleInUse(root: NodeRoot, hash: string, now = Date.now()): boolean {
  const stat = fs.statSync(root.bundleFolder(hash), { throwIfNoEntry: false });
  return stat !== undefined && now - stat.mtimeMs < 2 * bundleUseMs;
}

/** Folders in which nothing has been made or marked for long. */
function namesAtRest(folder: string, now: number): string[] {
  return fs.readdirSync(folder).filter((name) => {
    const each = path.join(folder, name);
    return isPlainFolder(each) && now - fs.statSync(each).mtimeMs >= restMs;
  });
}
