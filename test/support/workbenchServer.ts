import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
const vscode = path.join(root, 'test/workbench/node_modules/code-server/lib/vscode');
const serverMain = path.join(vscode, 'out/server-main.js');

/** Resolves packages of test/workbench, which has its own node_modules. */
export const requireFromWorkbench = createRequire(path.join(root, 'test/workbench/package.json'));

export interface WorkbenchServerOptions {
  /** Holds user data, server data, extensions and the server's log. */
  folder: string;
  environment: Record<string, string>;
  /** 0 or absent: any free port. */
  port?: number;
  /** Asked of every browser; absent: none. */
  token?: string;
  /** Workspace trust: false (default) trusts every folder. */
  trust?: boolean;
  /** Lets a page load an extension under development; toasts are hidden and modal dialogs refused then. */
  smokeTest?: boolean;
  userData?: string;
  extensions?: string;
}

/** Quiet start: no welcome page, no chat, no side bar at the right, nothing that asks the network. */
export const quietSettings: Record<string, unknown> = {
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.enableExperiments': false,
  'chat.disableAIFeatures': true,
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  'extensions.ignoreRecommendations': true,
  'telemetry.telemetryLevel': 'off',
  'update.showReleaseNotes': false,
  'git.enabled': false,
};

/** VS Code's own server, listening on this machine alone. */
export class WorkbenchServer {
  readonly port: number;
  readonly logFile: string;
  private readonly child: ChildProcess;
  private readonly options: WorkbenchServerOptions;
  private readonly ended: Promise<number | null>;

  private constructor(child: ChildProcess, port: number, logFile: string, options: WorkbenchServerOptions) {
    this.child = child;
    this.port = port;
    this.logFile = logFile;
    this.options = options;
    this.ended = new Promise((resolve) => child.once('exit', resolve));
  }

  /** Starts the server and waits until it listens. Rejects with the end of its log when it does not. */
  static async start(options: WorkbenchServerOptions): Promise<WorkbenchServer> {
    const places = placesOf(options);
    const child = spawn(
      process.execPath,
      [
        serverMain,
        ...['--host', '127.0.0.1', '--port', String(options.port ?? 0)],
        ...(options.token ? ['--connection-token', options.token] : ['--without-connection-token']),
        '--accept-server-license-terms',
        ...['--user-data-dir', places.userData],
        ...['--server-data-dir', places.serverData],
        ...['--extensions-dir', places.extensions],
        ...(options.trust ? [] : ['--disable-workspace-trust']),
        ...['--telemetry-level', 'off'],
        ...(options.smokeTest ? ['--enable-smoke-test-driver'] : []),
      ],
      { detached: true, stdio: ['ignore', 'pipe', 'pipe'], env: options.environment },
    );
    const logFile = path.join(options.folder, 'server.log');
    const log = fs.createWriteStream(logFile, { flags: 'a' });
    let output = '';
    const port = await new Promise<number>((resolve, reject) => {
      const onData = (bytes: Buffer): void => {
        log.write(bytes);
        if (output.length > 1_000_000) return;
        output += bytes;
        const listening = /Extension host agent listening on (\d+)/.exec(output);
        if (listening) resolve(Number(listening[1]));
      };
      child.stdout?.on('data', onData);
      child.stderr?.on('data', onData);
      child.once('error', reject);
      child.once('exit', (code) =>
        reject(new Error(`The workbench's server ended (${code}): ${output.slice(-2000)}`)),
      );
    });
    return new WorkbenchServer(child, port, logFile, options);
  }

  get ending(): Promise<number | null> {
    return this.ended;
  }

  /** Address that opens `folder` (or a .code-workspace file). */
  address(folder: string, query: Record<string, string> = {}): string {
    const parameters = new URLSearchParams({
      ...(this.options.token ? { tkn: this.options.token } : {}),
      [folder.endsWith('.code-workspace') ? 'workspace' : 'folder']: folder,
      ...query,
    });
    return `http://127.0.0.1:${this.port}/?${parameters}`;
  }

  /** Process ids of the running extension hosts, one for each window (Linux). */
  extensionHosts(): number[] {
    return descendants(this.child.pid ?? -1).filter((pid) =>
      commandLine(pid).includes('--type=extensionHost'),
    );
  }

  /** Ends the server and its extension hosts; what an extension started detached goes on. */
  async stop(): Promise<void> {
    const group = -(this.child.pid ?? 0);
    signalGroup(group, 'SIGTERM');
    const timer = setTimeout(() => signalGroup(group, 'SIGKILL'), 10_000);
    await this.ended;
    clearTimeout(timer);
    signalGroup(group, 'SIGKILL');
  }
}

interface Places {
  userData: string;
  serverData: string;
  extensions: string;
}

function placesOf(options: Pick<WorkbenchServerOptions, 'folder' | 'userData' | 'extensions'>): Places {
  return {
    userData: options.userData ?? path.join(options.folder, 'user'),
    serverData: path.join(options.folder, 'server'),
    extensions: options.extensions ?? path.join(options.folder, 'extensions'),
  };
}

/** Writes the user's settings: the quiet ones, then `settings`. Keeps a file that is there already. */
export function presetSettings(userData: string, settings: Record<string, unknown> = {}): void {
  const file = path.join(userData, 'User/settings.json');
  if (fs.existsSync(file)) return;
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, `${JSON.stringify({ ...quietSettings, ...settings }, null, 2)}\n`);
}

/** Installs a .vsix as a person would. Throws with the program's output when it fails. */
export function installVsix(
  vsix: string,
  options: Pick<WorkbenchServerOptions, 'folder' | 'environment' | 'userData' | 'extensions'>,
): void {
  const places = placesOf(options);
  const result = spawnSync(
    process.execPath,
    [
      serverMain,
      ...['--install-extension', vsix, '--force', '--accept-server-license-terms'],
      ...['--user-data-dir', places.userData],
      ...['--server-data-dir', places.serverData],
      ...['--extensions-dir', places.extensions],
      ...['--telemetry-level', 'off'],
    ],
    { env: options.environment, encoding: 'utf8', timeout: 120_000 },
  );
  if (result.status !== 0 || !/successfully installed/.test(result.stdout))
    throw new Error(`The package could not be installed: ${result.stdout}${result.stderr}`);
}

function descendants(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const entry of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const parent = parentOf(Number(entry));
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const found: number[] = [];
  const open = [pid];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const mine = children.get(next) ?? [];
    found.push(...mine);
    open.push(...mine);
  }
  return found;
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}

function commandLine(pid: number): string {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

function signalGroup(group: number, name: NodeJS.Signals): void {
  if (group === 0) return;
  try {
    process.kill(group, name);
  } catch {
    // gone
  }
}
