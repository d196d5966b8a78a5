import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { fileKind, readableEndings } from '../../core/corpusFile.ts';
import { BiphaseError } from '../../core/errors.ts';
import { readAhead } from '../nodes/readAhead.ts';
import type { HashMemo } from './hashMemo.ts';
import type { FileParcel } from './placeFile.ts';

/** A file of a corpus on this machine, as it was when it was listed. */
export interface CorpusFile {
  /** In the corpus, with slashes. */
  path: string;
  /** On this machine. */
  file: string;
  bytes: number;
  /** Another one: the file was changed. */
  stamp: string;
  /** Milliseconds since 1970. */
  modifiedMs: number;
}

/**
 * The files of a corpus that a run would read, by name: those below a folder, or the one that is named. Hidden files and
 * those of other kinds are left out; links are followed inside the folder.
 * @throws BiphaseError `missing`, `usage`, and `refused` for a link that leads out of the folder
 */
export async function listCorpus(place: string, signal: AbortSignal): Promise<CorpusFile[]> {
  let base: string;
  let stat: BigIntStats;
  try {
    base = await fs.realpath(place);
    stat = await fs.stat(base, { bigint: true });
  } catch (cause) {
    throw unusable(place, cause);
  }
  const found: CorpusFile[] = [];
  if (stat.isDirectory()) await listFolder({ base, folder: base, inner: '', found, seen: new Set(), signal });
  else if (!stat.isFile())
    throw new BiphaseError('usage', `${place} is neither a folder nor a file; text cannot be read from it.`);
  else if (fileKind(path.basename(place))) found.push(corpusFile(path.basename(place), base, stat));
  else throw new BiphaseError('usage', `${place} is not a kind of file that is read: ${readableEndings}.`);
  if (found.length === 0)
    throw new BiphaseError(
      'usage',
      `The corpus ${place} is empty: it has no file of the kinds ${readableEndings}.`,
    );
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

interface Listing {
  base: string;
  folder: string;
  /** Of the folder, with a slash at its end; empty for the corpus itself. */
  inner: string;
  found: CorpusFile[];
  seen: Set<string>;
  signal: AbortSignal;
}

async function listFolder({ base, folder, inner, found, seen, signal }: Listing): Promise<void> {
  signal.throwIfAborted();
  if (seen.has(folder)) return;
  seen.add(folder);
  let names: string[];
  try {
    names = (await fs.readdir(folder)).sort();
  } catch (cause) {
    throw unusable(folder, cause);
  }
  for (const name of names) {
    if (name.startsWith('.')) continue;
    const full = path.join(folder, name);
    const real = await insideCorpus(base, full, name);
    if (!real) continue;
    const stat = await statOf(real);
    const path_ = inner + name;
    if (stat.isDirectory()) await listFolder({ base, folder: real, inner: `${path_}/`, found, seen, signal });
    else if (stat.isFile() && fileKind(name)) found.push(corpusFile(path_, real, stat));
  }
}

/** The place itself, or where a link leads; undefined for a link that leads nowhere, or to what is not read. */
async function insideCorpus(base: string, full: string, name: string): Promise<string | undefined> {
  if (!(await statOf(full, 'link')).isSymbolicLink()) return full;
  let real: string;
  try {
    real = await fs.realpath(full);
  } catch {
    return undefined;
  }
  if (real === base || real.startsWith(base + path.sep)) return real;
  if (!fileKind(name) && !(await statOf(real)).isDirectory()) return undefined;
  throw new BiphaseError('refused', `${full} is a link that leads out of the corpus.`, {
    next: 'Put a copy in its place, or make the folder that holds both the corpus.',
  });
}

async function statOf(place: string, what: 'target' | 'link' = 'target'): Promise<BigIntStats> {
  try {
    return await (what === 'link' ? fs.lstat : fs.stat)(place, { bigint: true });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw unusable(place, cause);
    throw new BiphaseError('refused', `${place} was just removed, or its name is not UTF-8.`, {
      next: 'Rename it, or launch again when nothing writes to the corpus.',
      cause,
    });
  }
}

function unusable(place: string, cause: unknown): BiphaseError {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new BiphaseError('missing', `This computer has no ${place} to read text from.`, {
      next: 'Correct "data.source".',
      cause,
    });
  return new BiphaseError('refused', `${place} may not be read: ${message}.`, {
    next: 'Correct its permissions, or move it out of the corpus.',
    cause,
  });
}

function corpusFile(inner: string, file: string, stat: BigIntStats): CorpusFile {
  return {
    path: inner,
    file,
    bytes: Number(stat.size),
    stamp: stampOf(stat),
    modifiedMs: Number(stat.mtimeMs),
  };
}

function stampOf(stat: BigIntStats): string {
  return `${stat.size} ${stat.mtimeNs} ${stat.dev}:${stat.ino}`;
}

function changed(file: string): BiphaseError {
  return new BiphaseError('refused', `${file} changed while the corpus was copied.`, {
    next: 'Launch again when nothing writes to the corpus.',
  });
}

/** The file's bytes from an offset on. @throws BiphaseError `refused` where it is not as it was listed, before or after */
async function* bytesOf({ file, bytes, stamp }: CorpusFile, from: number): AsyncGenerator<Buffer> {
  const handle = await fs.open(file, 'r').catch(() => {
    throw changed(file);
  });
  try {
    const check = async (): Promise<void> => {
      if (stampOf(await handle.stat({ bigint: true })) !== stamp) throw changed(file);
    };
    await check();
    yield* readAhead(handle, from, bytes);
    await check();
  } finally {
    await handle.close();
  }
}

/** SHA-256 of a file, from the memo where nothing changed. `onBytes` is told how far it is. */
export async function hashOf(
  entry: CorpusFile,
  memo: HashMemo,
  { signal, onBytes }: { signal: AbortSignal; onBytes: (bytes: number) => void },
): Promise<string> {
  const known = memo.get(entry.file, entry.stamp);
  if (known === undefined) {
    const hash = createHash('sha256');
    let read = 0;
    for await (const chunk of bytesOf(entry, 0)) {
      signal.throwIfAborted();
      hash.update(chunk);
      read += chunk.length;
      onBytes(read);
    }
    const sha256 = hash.digest('hex');
    memo.add(entry.file, entry.stamp, sha256, entry.modifiedMs);
    return sha256;
  }
  onBytes(entry.bytes);
  return known;
}

/** A file of the corpus, ready to travel. */
export function corpusParcel(entry: CorpusFile, sha256: string): FileParcel {
  return {
    size: entry.bytes,
    read: (from) => bytesOf(entry, from),
    sha256,
    id: sha256.slice(0, 16),
    mode: '600',
  };
}

/** @throws BiphaseError `refused` where a file was added, removed or changed since it was listed */
export async function checkUnchanged(
  place: string,
  listed: readonly CorpusFile[],
  signal: AbortSignal,
): Promise<void> {
  const now = new Map((await listCorpus(place, signal)).map((each) => [each.path, each]));
  for (const { path: inner, file, stamp } of listed) {
    if (now.get(inner)?.stamp !== stamp) throw changed(file);
    now.delete(inner);
  }
  const [added] = now.values();
  if (added) throw changed(added.file);
}
