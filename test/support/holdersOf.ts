import fs from 'node:fs';
import path from 'node:path';

/** Files below the folders, and command lines and environments of all processes, that hold the text. */
export function holdersOf(text: string, folders: readonly string[]): string[] {
  const files = folders.flatMap((folder) =>
    fs
      .readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name)),
  );
  const processes = fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => [`/proc/${pid}/cmdline`, `/proc/${pid}/environ`]);
  return [...files, ...processes].filter((file) => {
    try {
      return fs.readFileSync(file).includes(text);
    } catch {
      // Gone meanwhile, or another user's.
      return false;
    }
  });
}
