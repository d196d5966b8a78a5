import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { BiphaseError } from '../core/errors.ts';
import { platformName } from '../core/platformName.ts';
import type { NodeRoot } from './nodeRoot.ts';

/** A program that can be started with Node: a bundle's main file and the hash of the bundle. */
export interface Program {
  main: string;
  hash: string;
}

/** The bundle that this code runs from; its hash is `source` in a checkout that is not built. */
export function ownProgram(): Program {
  const self = fileURLToPath(import.meta.url);
  if (self.endsWith('.ts'))
    return { main: path.join(path.dirname(path.dirname(self)), 'cli/nodeMain.ts'), hash: 'source' };
  try {
    const list = JSON.parse(fs.readFileSync(path.join(path.dirname(self), 'bundle.json'), 'utf8')) as {
      hashes?: Record<string, string>;
    };
    return { main: self, hash: list.hashes?.[platformName()] ?? 'source' };
  } catch {
    return { main: self, hash: 'source' };
  }
}

/** The bundle of that hash under root, or the own one where it is the same. */
export function findProgram(root: NodeRoot, hash: string, own: Program): Program | undefined {
  const main = path.join(root.bundleFolder(hash), 'biphase.mjs');
  if (fs.existsSync(main)) return { main, hash };
  return hash === own.hash ? own : undefined;
}

/** The bundle of that hash. Throws `missing` where it was not brought here. */
export function needProgram(root: NodeRoot, hash: string, own: Program): Program {
  const program = findProgram(root, hash, own);
  if (!program)
    throw new BiphaseError('missing', `The bundle ${hash} is not on this node.`, {
      next: 'Reconnect the node, which brings it there.',
    });
  return program;
}
