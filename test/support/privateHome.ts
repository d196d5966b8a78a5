import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** A person of the tests: own HOME, own temporary folder, and a mark by which all their processes are found again. */
export interface PrivateHome {
  folder: string;
  home: string;
  /** The whole environment of that person's programs; nothing of the caller's leaks in but PATH and language. */
  environment: Record<string, string>;
}

const markName = 'BIPHASE_TEST_PERSON';

/**
 * Makes a private home in a new temporary folder, or in `folder` where the caller keeps one.
 * Its paths are short, because Unix sockets inside may have no more than 107 bytes.
 */
export function makePrivateHome(extra: Record<string, string> = {}, folder?: string): PrivateHome {
  const base = folder ?? fs.mkdtempSync(path.join(os.tmpdir(), 'bp-'));
  const home = path.join(base, 'home');
  const temporary = path.join(base, 't');
  for (const f of [home, temporary]) fs.mkdirSync(f, { recursive: true, mode: 0o700 });
  const user = os.userInfo().username;
  const environment = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LANG: process.env.LANG ?? 'C.UTF-8',
    USER: user,
    LOGNAME: user,
    SHELL: '/bin/sh',
    HOME: home,
    XDG_CONFIG_HOME: path.join(home, '.config'),
    XDG_CACHE_HOME: path.join(home, '.cache'),
    XDG_DATA_HOME: path.join(home, '.local/share'),
    XDG_STATE_HOME: path.join(home, '.local/state'),
    XDG_RUNTIME_DIR: temporary,
    TMPDIR: temporary,
    [markName]: base,
    ...extra,
  };
  return { folder: base, home, environment };
}

/** Running processes of that person (Linux): those that carry the home's mark in their environment. */
export function processesOf(person: PrivateHome): { pid: number; command: string }[] {
  const mark = Buffer.from(`${markName}=${person.folder}\0`);
  const found: { pid: number; command: string }[] = [];
  for (const entry of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue;
    try {
      if (!fs.readFileSync(`/proc/${entry}/environ`).includes(mark)) continue;
      const command = fs.readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      if (command) found.push({ pid: Number(entry), command });
    } catch {
      // ended meanwhile, or another user's
    }
  }
  return found;
}

/** Ends all that person's processes, detached ones included, and deletes the home. */
export async function removePrivateHome(person: PrivateHome): Promise<void> {
  for (let round = 0; round < 50; round++) {
    const running = processesOf(person);
    if (running.length === 0) break;
    for (const { pid } of running) signal(pid, round < 10 ? 'SIGTERM' : 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  fs.rmSync(person.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // gone
  }
}
