import { spawnSync } from 'node:child_process';
import { endsAtLogout } from './probe/logoutRule.ts';

/** A scope of the user's own service manager, outside the login session. It replaces itself with the command: one pid. */
const scope = ['systemd-run', '--user', '--scope', '--quiet', '--collect', '--'] as const;
const patienceMs = 5000;

/**
 * What to put before a command that is to outlive the login: a process of another session and group does, except where
 * the system ends everything of a login session at logout (systemd-run(1), "systemd-run --scope --user").
 */
export function detachment(prefix = '/', environment: NodeJS.ProcessEnv = process.env): readonly string[] {
  return endsAtLogout(prefix) && scopeWorks(environment) ? scope : [];
}

let known: readonly string[] | undefined;

/** Asked of this machine once. */
export function ownDetachment(): readonly string[] {
  known ??= detachment();
  return known;
}

function scopeWorks(environment: NodeJS.ProcessEnv): boolean {
  const [program, ...words] = scope;
  const tried = spawnSync(program, [...words, 'true'], {
    timeout: patienceMs,
    stdio: 'ignore',
    env: environment,
  });
  return tried.status === 0;
}
