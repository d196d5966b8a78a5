import os from 'node:os';
import path from 'node:path';

/** Where Biphase keeps everything on this machine: `$BIPHASE_ROOT`, default `~/.biphase`. */
export function defaultRoot(): string {
  return process.env.BIPHASE_ROOT
    ? path.resolve(process.env.BIPHASE_ROOT)
    : path.join(os.homedir(), '.biphase');
}

/** The root of a run directory `<root>/runs/<id>`; the default root for one that lies elsewhere. */
export function rootOf(runFolder: string): string {
  const runs = path.dirname(path.resolve(runFolder));
  return path.basename(runs) === 'runs' ? path.dirname(runs) : defaultRoot();
}
