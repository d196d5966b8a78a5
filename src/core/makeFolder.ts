import fs from 'node:fs';
import path from 'node:path';

/**
 * `mkdir -p`, for this user alone where no other `mode` is given. Node's own `recursive` never comes back where the system says ENOENT below a folder
 * that exists, as Linux does in /proc.
 * @throws the system's error
 */
export function makeFolder(folder: string, mode = 0o700): void {
  if (isFolder(folder)) return;
  const parent = path.dirname(folder);
  if (parent !== folder) makeFolder(parent, mode);
  try {
    fs.mkdirSync(folder, { mode });
  } catch (thrown) {
    // Another process may have made it meanwhile.
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST' || !isFolder(folder)) throw thrown;
  }
}

function isFolder(place: string): boolean {
  return fs.statSync(place, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
