import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { BiphaseError } from '../../../core/errors.ts';
import type { NodeRelease } from './nodeRelease.ts';
import { readTarEntry } from './tarEntry.ts';

export interface NodeSources {
  /** Folder of fetched builds on this machine. */
  cache: string;
  /** Where packages may already be installed, verified by their installer. */
  installed: string[];
  /** Asked before anything is downloaded. */
  mayFetch: () => Promise<boolean>;
  signal: AbortSignal;
}

/** Where fetched builds of Node are kept on this machine. */
export function nodeCacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const home = os.homedir();
  if (process.platform === 'darwin') return path.join(home, 'Library', 'Caches', 'biphase', 'node');
  if (process.platform === 'win32')
    return path.join(environment.LOCALAPPDATA ?? path.join(home, 'AppData', 'Local'), 'biphase', 'node');
  return path.join(environment.XDG_CACHE_HOME || path.join(home, '.cache'), 'biphase', 'node');
}

/**
 * The Node binary of a release on this machine: installed, cached, or fetched once through the user's own npm (so that
 * its registry and proxy settings hold) and checked against the pinned SHA-512.
 * @throws BiphaseError `needs-person` when the person declines, `missing` without npm, `damaged` on a wrong hash.
 */
export async function localNodeBinary(release: NodeRelease, sources: NodeSources): Promise<string> {
  for (const folder of sources.installed) {
    const file = path.join(folder, release.package, 'bin', 'node');
    if (versionOf(path.join(folder, release.package)) === release.version && fs.existsSync(file)) return file;
  }
  const cached = path.join(sources.cache, `${release.package}-${release.version}`);
  if (fs.existsSync(cached)) return cached;
  if (!(await sources.mayFetch()))
    throw new BiphaseError('needs-person', 'The node has no Node 24, and fetching one was declined.', {
      next: 'Install Node 24 on the node and name it in the node’s settings, or reconnect to be asked again.',
    });
  fs.mkdirSync(sources.cache, { recursive: true, mode: 0o700 });
  const folder = fs.mkdtempSync(path.join(sources.cache, 'fetch-'));
  try {
    await npmPack(`${release.package}@${release.version}`, folder, sources.signal);
    const name = fs.readdirSync(folder).find((each) => each.endsWith('.tgz'));
    if (!name) throw new BiphaseError('missing', `npm brought no package ${release.package}.`);
    const archive = await fs.promises.readFile(path.join(folder, name));
    const binary = await binaryFrom(archive, release);
    const file = path.join(folder, 'node');
    await fs.promises.writeFile(file, binary, { mode: 0o700 });
    await fs.promises.rename(file, cached);
    return cached;
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Checks an npm package against its pinned hash and takes the binary out. */
export async function binaryFrom(archive: Buffer, release: NodeRelease): Promise<Buffer> {
  const hash = `sha512-${createHash('sha512').update(archive).digest('base64')}`;
  if (hash !== release.integrity)
    throw new BiphaseError(
      'damaged',
      `The package ${release.package} ${release.version} has another hash than expected.`,
      {
        next: 'Check the npm registry that this computer uses.',
      },
    );
  const binary = readTarEntry(await promisify(gunzip)(archive), 'package/bin/node');
  if (!binary) throw new BiphaseError('damaged', `The package ${release.package} holds no Node.`);
  return binary;
}

function versionOf(folder: string): string | undefined {
  try {
    return (JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')) as { version?: string })
      .version;
  } catch {
    return undefined;
  }
}

function npmPack(spec: string, folder: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const windows = process.platform === 'win32';
    // A batch file needs a shell; both words are constants of ours.
    const npm = spawn(windows ? 'npm.cmd' : 'npm', ['pack', '--silent', spec], {
      cwd: folder,
      shell: windows,
      stdio: ['ignore', 'ignore', 'pipe'],
      signal,
    });
    let complaint = '';
    npm.stderr.on('data', (chunk: Buffer) => {
      complaint = (complaint + chunk.toString()).slice(-2000);
    });
    npm.on('error', (cause: NodeJS.ErrnoException) => {
      if (cause.name === 'AbortError') reject(new BiphaseError('cancelled', 'Fetching Node was cancelled.'));
      else
        reject(
          new BiphaseError('missing', 'Node 24 cannot be fetched: there is no npm on this computer.', {
            next: 'Install npm here, or Node 24 on the node and name it in the node’s settings.',
            cause,
          }),
        );
    });
    npm.on('exit', (code) => {
      const detail = complaint.trim().split('\n')[0] ?? '';
      if (code === 0) resolve();
      else
        reject(
          new BiphaseError('unreachable', `npm could not fetch ${spec}${detail && `: ${detail}`}.`, {
            next: 'Check that this computer reaches its npm registry.',
          }),
        );
    });
  });
}
