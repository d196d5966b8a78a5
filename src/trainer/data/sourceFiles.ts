import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileKind, readableEndings } from '../../core/corpusFile.ts';
import { BiphaseError } from '../../core/errors.ts';

/** Null for a link that leads nowhere. A part of a corpus that may not be read is told, never left out. */
function statOf(file: string): fs.Stats | null {
  try {
    return fs.statSync(file, { throwIfNoEntry: false }) ?? null;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ELOOP') return null;
    throw unreadable(file, cause);
  }
}

function entriesOf(folder: string): string[] {
  try {
    return fs.readdirSync(folder);
  } catch (cause) {
    throw unreadable(folder, cause);
  }
}

function unreadable(file: string, cause: unknown): BiphaseError {
  return new BiphaseError('refused', `${file} may not be read: ${(cause as Error).message}.`, {
    next: 'Correct its permissions, or move it out of the corpus.',
    cause,
  });
}

function readFolder(folder: string, found: string[], seen: Set<string>): void {
  const real = fs.realpathSync(folder);
  if (seen.has(real)) return;
  seen.add(real);
  for (const name of entriesOf(folder)) {
    if (name.startsWith('.')) continue;
    const full = path.join(folder, name);
    const inner = statOf(full);
    if (inner?.isDirectory()) readFolder(full, found, seen);
    else if (inner?.isFile() && fileKind(name)) found.push(full);
  }
}

/** By a hash of each name: the beginning of a corpus is then a sample of all of it, and the same on every machine. */
export function inReadingOrder<T>(files: readonly T[], nameOf: (file: T) => string): T[] {
  const keyed = files.map((file) => ({ file, key: createHash('sha256').update(nameOf(file)).digest('hex') }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return keyed.map(({ file }) => file);
}

/** A file's name inside its corpus, with slashes. */
export function nameInCorpus(source: string, file: string): string {
  return path.relative(source, file).split(path.sep).join('/') || path.basename(file);
}

/**
 * Files of a corpus below a folder, or the one file that is named, in the order in which they are read. Links are
 * followed; hidden files and folders are left out.
 * @throws BiphaseError `usage` where there is no such path
 */
export function listSourceFiles(source: string): string[] {
  let stat: fs.Stats;
  try {
    stat = fs.statSync(source);
  } catch {
    throw new BiphaseError('usage', `There is no folder or file ${source} to read text from.`);
  }
  if (stat.isFile()) {
    if (!fileKind(path.basename(source)))
      throw new BiphaseError('usage', `${source} is not a kind of file that is read: ${readableEndings}.`);
    return [source];
  }
  if (!stat.isDirectory())
    throw new BiphaseError('usage', `${source} is neither a folder nor a file; text cannot be read from it.`);
  const found: string[] = [];
  readFolder(source, found, new Set());
  return inReadingOrder(found, (file) => nameInCorpus(source, file));
}
