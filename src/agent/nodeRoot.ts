import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { BiphaseError } from '../core/errors.ts';
import { homePath } from '../core/homePath.ts';
import { makeFolder } from '../core/makeFolder.ts';
import { isRunId } from '../protocol/runDirectory.ts';
import { createWhole, hasCode, readTail } from './files.ts';

const folders = ['bundles', 'node', 'cache', 'queue', 'runs', 'slots'] as const;

const longestId = 100;

/** The folder on a node that holds everything Biphase writes there. Layout: docs/architecture.md, "Places". */
export class NodeRoot {
  /** Absolute. */
  readonly path: string;

  /** `~` at the start is the home folder, since no shell expands it on the way here. */
  constructor(given: string) {
    this.path = path.resolve(homePath(given, os.homedir()));
  }

  /** Creates what is missing, for this user alone. */
  prepare(): void {
    try {
      for (const folder of folders) makeFolder(path.join(this.path, folder));
    } catch (thrown) {
      if (hasCode(thrown, 'EACCES', 'EPERM', 'EROFS', 'ENOENT'))
        throw new BiphaseError('refused', `${this.path} cannot be written.`, {
          next: 'Set another root for this node.',
          cause: thrown,
        });
      if (hasCode(thrown, 'EEXIST', 'ENOTDIR'))
        throw new BiphaseError('usage', `${(thrown as NodeJS.ErrnoException).path} is not a folder.`, {
          next: 'Move it away, or set another root for this node.',
          cause: thrown,
        });
      throw thrown;
    }
  }

  /** Random name of this root: the same on every node that shares it. */
  id(): string {
    const file = path.join(this.path, 'id');
    createWhole(file, `${randomUUID()}\n`);
    const id = readTail(file, longestId + 1).trim();
    if (!/^[\w-]+$/.test(id) || id.length > longestId)
      throw new BiphaseError('damaged', `${file} does not hold the name of this root.`, {
        next: 'Remove it: a new one is made.',
      });
    return id;
  }

  get runs(): string {
    return path.join(this.path, 'runs');
  }

  /** What runs share: tokens, tokenizers, what names on the hub meant. */
  get cache(): string {
    return path.join(this.path, 'cache');
  }

  get bundles(): string {
    return path.join(this.path, 'bundles');
  }

  /** Builds of Node that were brought here. */
  get nodeBuilds(): string {
    return path.join(this.path, 'node');
  }

  /** Lock files of the runs that hold a slot of a machine. */
  get slots(): string {
    return path.join(this.path, 'slots');
  }

  runDirectory(run: string): string {
    if (!isRunId(run)) throw new BiphaseError('refused', `"${run}" is not a run id.`);
    return path.join(this.runs, run);
  }

  /** The directory of a run that exists. A link in its place is refused: it could lead out of the root. */
  existingRunDirectory(run: string): string {
    const directory = this.runDirectory(run);
    if (!isPlainFolder(directory)) throw new BiphaseError('missing', `There is no run ${run} on this node.`);
    return directory;
  }

  /** Run ids in order. */
  runIds(): string[] {
    try {
      return fs
        .readdirSync(this.runs, { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && isRunId(entry.name))
        .map((entry) => entry.name)
        .sort();
    } catch (thrown) {
      if (hasCode(thrown, 'ENOENT')) return [];
      throw thrown;
    }
  }

  /** Queues of the hosts that share this root, a folder each. */
  get queues(): string {
    return path.join(this.path, 'queue');
  }

  bundleFolder(hash: string): string {
    if (!/^[0-9a-zA-Z][0-9a-zA-Z._-]{0,99}$/.test(hash))
      throw new BiphaseError('refused', `"${hash}" is not a bundle's hash.`);
    return path.join(this.bundles, hash);
  }
}

export function isPlainFolder(folder: string): boolean {
  return fs.lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
