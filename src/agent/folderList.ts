import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { BiphaseError } from '../core/errors.ts';
import { homePath } from '../core/homePath.ts';
import { hasCode } from './files.ts';

const mostEntries = 5000;

/** Entries of a folder on the node, folders first; `~` or nothing is the home folder. Unreadable entries are left out. */
export function listFolder(given: string): {
  path: string;
  entries: { name: string; folder: boolean; bytes: number }[];
} {
  const folder = path.resolve(os.homedir(), homePath(given, os.homedir()));
  let names: string[];
  try {
    names = fs.readdirSync(folder);
  } catch (thrown) {
    if (hasCode(thrown, 'ENOENT'))
      throw new BiphaseError('missing', `There is no folder ${folder}.`, { cause: thrown });
    if (hasCode(thrown, 'ENOTDIR'))
      throw new BiphaseError('usage', `${folder} is not a folder.`, { cause: thrown });
    if (hasCode(thrown, 'EACCES', 'EPERM'))
      throw new BiphaseError('refused', `${folder} may not be read.`, { cause: thrown });
    throw thrown;
  }
  const entries = names.slice(0, mostEntries).flatMap((name) => {
    try {
      const stat = fs.statSync(path.join(folder, name));
      return stat.isDirectory() || stat.isFile()
        ? [{ name, folder: stat.isDirectory(), bytes: stat.isFile() ? stat.size : 0 }]
        : [];
    } catch {
      return [];
    }
  });
  entries.sort((a, b) => Number(b.folder) - Number(a.folder) || (a.name < b.name ? -1 : 1));
  return { path: folder, entries };
}
