import { spawnSync } from 'node:child_process';

const place = '/proc/sys/kernel/random/boot_id';
const mountThenRun = `mount --bind "$1" ${place} && shift && exec "$@"`;

/**
 * Words of a command that runs `argv` where the boot id is what `file` holds, as after a restart: in a mount namespace
 * of its own. Its process becomes that of `argv`.
 */
export function withBootId(file: string, argv: readonly string[]): string[] {
  return ['unshare', '--mount', 'sh', '-c', mountThenRun, 'sh', file, ...argv];
}

/** Whether this account may do that: root outside a strict container. */
export function canChangeBootId(): boolean {
  const [program, ...words] = withBootId('/dev/null', ['cat', place]);
  const tried = spawnSync(program!, words, { encoding: 'utf8' });
  return tried.status === 0 && tried.stdout === '';
}
