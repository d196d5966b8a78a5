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

/** A warning where this system ends all of a user's processes at logout and this user does not linger. */
export function logoutWarning(prefix = '/'): string | undefined {
  const at = (file: string): string => path.join(prefix, file);
  if (!fs.existsSync(at('/run/systemd/system'))) return undefined;
  const texts = [
    at('/etc/systemd/logind.conf'),
    ...configurations.flatMap((folder) => confFiles(at(folder))),
  ].map(readOrEmpty);
  const user = os.userInfo().username;
  if (!killsAtLogout(texts) || fs.existsSync(at(`/var/lib/systemd/linger/${user}`))) return undefined;
  return 'This node ends all processes at logout (KillUserProcesses=yes), runs included. `loginctl enable-linger` there keeps them.';
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
