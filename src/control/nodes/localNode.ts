import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { BiphaseError, toBiphaseError } from '../../core/errors.ts';
import { homePath } from '../../core/homePath.ts';
import { makeFolder } from '../../core/makeFolder.ts';
import { platformName } from '../../core/platformName.ts';
import type { Bundle } from './bundle.ts';
import { LocalTransport } from './localTransport.ts';
import type { NodeKind } from './transport.ts';

const oldestNodeMajor = 24;

/** This computer as a node: no connection, no prompts; the bundle is copied into the root, so that runs keep theirs. */
export const localNode: NodeKind = {
  async connect() {
    if (process.platform === 'win32')
      throw new BiphaseError('refused', 'Runs on this computer need Linux or macOS.', {
        next: 'Open the folder in WSL, or add a Linux machine as a node.',
      });
    return new LocalTransport();
  },
  async prepare(_transport, { config, bundle }) {
    const root = homePath(config.root ?? '~/.biphase', os.homedir());
    if (!path.isAbsolute(root))
      throw new BiphaseError('usage', `The root ${root} is not an absolute path.`, {
        next: 'Set another root for this computer.',
      });
    const hash = bundle.hashFor(platformName());
    const copied = await installBundle(bundle, root, hash);
    const node = await findNode(config.nodePath && homePath(config.nodePath, os.homedir()));
    const main = path.join(root, 'bundles', hash, 'biphase.mjs');
    return {
      // The person works on this computer meanwhile.
      agentArgv: [...node.argv, main, 'agent', '--root', root, '--background'],
      bundle: hash,
      findings: [
        `Root: ${root}.`,
        `Bundle ${hash}${copied ? ' was copied' : ' was there'}.`,
        `Node: ${node.sentence}`,
      ],
    };
  },
};

/** Copies the bundle to `<root>/bundles/<hash>`; true when it was not there. The folder takes its name when it is whole. */
async function installBundle(bundle: Bundle, root: string, hash: string): Promise<boolean> {
  const bundles = path.join(root, 'bundles');
  const target = path.join(bundles, hash);
  if (fs.existsSync(path.join(target, 'bundle.json'))) return false;
  const part = path.join(bundles, `.${hash}.${randomBytes(4).toString('hex')}.part`);
  try {
    makeFolder(part);
    for (const file of bundle.filesFor(platformName())) {
      const place = path.join(part, file.path);
      await fs.promises.mkdir(path.dirname(place), { recursive: true });
      await fs.promises.copyFile(path.join(bundle.folder, file.path), place);
    }
    await fs.promises.rename(part, target);
    return true;
  } catch (thrown) {
    // It fails where the folder above is none.
    await fs.promises.rm(part, { recursive: true, force: true }).catch(() => undefined);
    if (fs.existsSync(path.join(target, 'bundle.json'))) return false;
    const error = toBiphaseError(thrown);
    const { code } = thrown as NodeJS.ErrnoException;
    if (error.kind !== 'full' && code !== undefined)
      throw new BiphaseError('refused', `${root} cannot be written (${code}).`, {
        next: 'Set another root for this computer.',
        cause: thrown,
      });
    throw error;
  }
}

interface FoundNode {
  argv: string[];
  sentence: string;
}

/** A Node for agent and trainer: the configured one, this process's, one on the PATH, else VS Code's own. */
async function findNode(configured: string | undefined): Promise<FoundNode> {
  if (configured !== undefined) {
    const version = await nodeVersion(configured);
    if (version === undefined)
      throw new BiphaseError('usage', `${configured} is not a Node that starts.`, {
        next: 'Set another nodePath.',
      });
    if (!isFitting(version))
      throw new BiphaseError(
        'usage',
        `${configured} is Node ${version}; ${oldestNodeMajor} or newer is needed.`,
      );
    return { argv: [configured], sentence: `${configured}, ${version}.` };
  }
  if (process.versions.electron === undefined && isFitting(process.version))
    return { argv: [process.execPath], sentence: `${process.execPath}, ${process.version}.` };
  const onPath = await nodeVersion('node');
  if (onPath !== undefined && isFitting(onPath))
    return { argv: ['node'], sentence: `node on the PATH, ${onPath}.` };
  if (isFitting(process.version))
    return {
      argv: ['env', 'ELECTRON_RUN_AS_NODE=1', process.execPath],
      sentence: `the editor's own, ${process.version}.`,
    };
  throw new BiphaseError('missing', `This computer has no Node ${oldestNodeMajor} or newer.`, {
    next: 'Install one, or set nodePath for this computer.',
  });
}

/** Undefined for a program that does not start or is no Node. */
async function nodeVersion(program: string): Promise<string | undefined> {
  try {
    const said = (await promisify(execFile)(program, ['--version'], { timeout: 10_000 })).stdout.trim();
    return /^v\d+\.\d+\.\d+\S*$/.test(said) ? said : undefined;
  } catch {
    return undefined;
  }
}

function isFitting(version: string): boolean {
  return Number(/^v(\d+)/.exec(version)?.[1] ?? 0) >= oldestNodeMajor;
}
