import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { withBootId } from './bootId.ts';

/** Where the server lies; undefined on a machine without one. */
export function sshdPath(): string | undefined {
  return ['/usr/sbin/sshd', '/usr/bin/sshd', '/usr/local/sbin/sshd'].find((file) => fs.existsSync(file));
}

export interface SshdOptions {
  /** Private folder for its keys, configuration and log. */
  folder: string;
  /** Public key files that may log in. */
  authorized?: string[];
  hostKeyTypes?: ('ed25519' | 'ecdsa' | 'rsa')[];
  /** Environment of every session: another HOME than the client's, a PATH without node. */
  environment?: Record<string, string>;
  /** More configuration lines; they win over the fixture's own. */
  extra?: string[];
  port?: number;
  /** A file that holds the boot id which the server and its sessions see. */
  bootIdFile?: string;
}

export interface Sshd {
  readonly process: ChildProcess;
  readonly host: string;
  readonly port: number;
  readonly folder: string;
  /** Public host key files, one a type. */
  readonly hostKeys: string[];
  log(): string;
  /** How often somebody logged in. */
  logins(): number;
  /** Kills the server's sessions (not the server), as a dying network would. */
  killSessions(): void;
  /** Kills what the sessions run, and not the sessions; what left its session lives on. */
  killCommands(): void;
  stop(): Promise<void>;
}

/** A key pair; made once. */
export function makeKey(
  file: string,
  {
    type = 'ed25519',
    passphrase = '',
    pem = false,
  }: { type?: string; passphrase?: string; pem?: boolean } = {},
): string {
  if (!fs.existsSync(file)) {
    const options = [...(type === 'rsa' ? ['-b', '2048'] : []), ...(pem ? ['-m', 'PEM'] : [])];
    execFileSync('ssh-keygen', ['-q', '-t', type, ...options, '-N', passphrase, '-C', 'test', '-f', file]);
  }
  return file;
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** A real OpenSSH server on loopback, as root or as an ordinary user, with nothing of it outside its folder. */
export async function startSshd(options: SshdOptions): Promise<Sshd> {
  const { folder, authorized = [], hostKeyTypes = ['ed25519'], environment = {}, extra = [] } = options;
  const binary = sshdPath();
  if (!binary) throw new Error('There is no sshd on this machine: install openssh-server.');
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const port = options.port ?? (await freePort());
  const keys = hostKeyTypes.map((type) => makeKey(path.join(folder, `host_${type}`), { type }));
  const authorizedFile = path.join(folder, 'authorized_keys');
  fs.writeFileSync(authorizedFile, authorized.map((file) => fs.readFileSync(file, 'utf8')).join(''));
  const setEnv = Object.entries(environment).map(([name, value]) => `"${name}=${value}"`);
  const configuration = path.join(folder, 'sshd_config');
  const lines = [
    ...extra,
    ...(setEnv.length === 0 ? [] : [`SetEnv ${setEnv.join(' ')}`]),
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    ...keys.map((key) => `HostKey ${key}`),
    `AuthorizedKeysFile ${authorizedFile}`,
    'PidFile none',
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin prohibit-password',
    'Subsystem sftp internal-sftp',
    'UseDNS no',
    'PrintMotd no',
    'LogLevel VERBOSE',
    'MaxStartups 100:30:200',
    'LoginGraceTime 20',
    '',
  ];
  fs.writeFileSync(configuration, lines.join('\n'));
  // As root it insists on this empty folder, which the service's start would make.
  if (process.getuid?.() === 0) fs.mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const logFile = path.join(folder, 'sshd.log');
  const log = fs.openSync(logFile, 'a');
  const argv = [binary, '-D', '-e', '-f', configuration];
  const [program, ...words] = options.bootIdFile ? withBootId(options.bootIdFile, argv) : argv;
  const server = spawn(program!, words, { stdio: ['ignore', log, log] });
  fs.closeSync(log);
  await listening(port, server, logFile);
  return {
    process: server,
    host: '127.0.0.1',
    port,
    folder,
    hostKeys: keys.map((key) => `${key}.pub`),
    log: () => fs.readFileSync(logFile, 'utf8'),
    logins: () => [...fs.readFileSync(logFile, 'utf8').matchAll(/^Accepted (?!key)/gm)].length,
    killSessions: () => {
      for (const pid of descendants(server.pid!)) if (isSshd(pid)) kill(pid);
    },
    killCommands: () => {
      // Each command leads a group of its own.
      for (const pid of descendants(server.pid!)) if (!isSshd(pid) && isSshd(parentOf(pid)!)) kill(-pid);
    },
    stop: () =>
      new Promise((resolve) => {
        if (server.exitCode !== null || server.signalCode !== null) return resolve();
        server.once('exit', () => resolve());
        server.kill('SIGTERM');
      }),
  };
}

/** A line for known_hosts that names the server's first host key. */
export function knownHostsLine(sshd: Sshd, hosts = `[127.0.0.1]:${sshd.port}`): string {
  const [type, key] = fs.readFileSync(sshd.hostKeys[0]!, 'utf8').split(' ');
  return `${hosts} ${type} ${key}\n`;
}

async function listening(port: number, server: ChildProcess, logFile: string): Promise<void> {
  for (const deadline = performance.now() + 10_000; performance.now() < deadline; ) {
    if (server.exitCode !== null) break;
    const banner = await new Promise<boolean>((resolve) => {
      const socket = net.connect(port, '127.0.0.1');
      socket.once('data', (data) => {
        socket.destroy();
        resolve(data.toString().startsWith('SSH-2'));
      });
      socket.once('error', () => resolve(false));
      socket.once('close', () => resolve(false));
    });
    if (banner) return;
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
  throw new Error(`sshd did not start: ${fs.readFileSync(logFile, 'utf8')}`);
}

function descendants(of: number): number[] {
  const children = fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => parentOf(pid) === of);
  return children.flatMap((pid) => [pid, ...descendants(pid)]);
}

function parentOf(pid: number): number | undefined {
  try {
    return Number(/^PPid:\s*(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch {
    return undefined;
  }
}

function isSshd(pid: number): boolean {
  try {
    return fs.readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('sshd');
  } catch {
    return false;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}
