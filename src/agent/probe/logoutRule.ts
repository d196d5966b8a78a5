import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Where systemd-logind is configured, the later file deciding. */
const configurations = [
  '/usr/lib/systemd/logind.conf.d',
  '/run/systemd/logind.conf.d',
  '/etc/systemd/logind.conf.d',
];

/** Value of KillUserProcesses after these files in order; the system's default is no. */
export function killsAtLogout(texts: readonly string[]): boolean {
  let kills = false;
  for (const text of texts) {
    for (const match of text.matchAll(/^[ \t]*KillUserProcesses[ \t]*=[ \t]*(\S*)/gm))
      kills = /^(yes|true|on|1)$/i.test(match[1]!);
  }
  return kills;
}

/** Whether this system ends what a login session started when it ends, in whatever process group. */
export function endsAtLogout(prefix = '/'): boolean {
  const at = (file: string): string => path.join(prefix, file);
  if (!fs.existsSync(at('/run/systemd/system'))) return false;
  const texts = [
    at('/etc/systemd/logind.conf'),
    ...configurations.flatMap((folder) => confFiles(at(folder))),
  ].map(readOrEmpty);
  return killsAtLogout(texts);
}

/**
 * A warning where runs end with the login. `inScope`: they are started in a scope of the user's service manager, which
 * itself ends at the last logout of a user that does not linger.
 */
export function logoutWarning(inScope: boolean, prefix = '/'): string | undefined {
  if (!endsAtLogout(prefix)) return undefined;
  const ends = 'This node ends all processes at logout (KillUserProcesses=yes), runs included.';
  if (!inScope) return `${ends} \`systemd-run --user --scope\` would keep them and does not work there.`;
  if (fs.existsSync(path.join(prefix, '/var/lib/systemd/linger', os.userInfo().username))) return undefined;
  return `${ends} \`loginctl enable-linger\` there keeps them.`;
}

function confFiles(folder: string): string[] {
  try {
    return fs
      .readdirSync(folder)
      .filter((name) => name.endsWith('.conf'))
      .sort()
      .map((name) => path.join(folder, name));
  } catch {
    return [];
  }
}

function readOrEmpty(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
