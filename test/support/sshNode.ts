import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { PrivateHome } from './privateHome.ts';
import { knownHostsLine, makeKey, type Sshd, startSshd } from './sshd.ts';

/** A node behind a real sshd: another HOME and root than the person's, and this Node on its PATH. */
export interface SshNode {
  sshd: Sshd;
  /** Alias in the person's ~/.ssh/config. */
  host: string;
  /** The node's root, as this machine sees it. */
  root: string;
}

/** Starts an sshd and writes what the person needs for it into ~/.ssh; `known` writes its key into known_hosts too, `programs` come first on its PATH. */
export async function startSshNode(
  person: PrivateHome,
  { host = 'atlas', passphrase = '', known = true, programs = '' } = {},
): Promise<SshNode> {
  const home = path.join(person.folder, `node-${host}`);
  fs.mkdirSync(home);
  const ssh = path.join(person.home, '.ssh');
  fs.mkdirSync(ssh, { recursive: true, mode: 0o700 });
  const key = makeKey(path.join(ssh, `key-${host}`), { passphrase });
  const sshd = await startSshd({
    folder: path.join(person.folder, `sshd-${host}`),
    authorized: [`${key}.pub`],
    environment: {
      HOME: home,
      PATH: `${programs && `${programs}:`}${path.dirname(process.execPath)}:/usr/bin:/bin`,
    },
  });
  if (known) fs.appendFileSync(path.join(ssh, 'known_hosts'), knownHostsLine(sshd));
  const user = os.userInfo().username;
  fs.appendFileSync(
    path.join(ssh, 'config'),
    `Host ${host}\n  HostName 127.0.0.1\n  Port ${sshd.port}\n  User ${user}\n  IdentityFile ${key}\n  IdentitiesOnly yes\n`,
  );
  return { sshd, host, root: path.join(home, '.biphase') };
}
