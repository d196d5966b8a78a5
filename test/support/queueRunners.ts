import fs from 'node:fs';

/** Processes that work off the queue of a root. */
export function queueRunners(root: string): number[] {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`\0queue\0--root\0${root}\0`);
      } catch {
        // Gone meanwhile.
        return false;
      }
    })
    .map(Number);
}
