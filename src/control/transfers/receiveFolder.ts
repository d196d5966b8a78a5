import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import { makeFolder } from '../../core/makeFolder.ts';
import { formatBytesAlike } from '../../core/numberFormat.ts';
import type { ListedFile } from '../../protocol/fileList.ts';

export interface ReceiveOptions {
  /** Bytes of a file from an offset on. */
  read(file: ListedFile, from: number): AsyncIterable<Buffer>;
  /** Name of the file that is written last. */
  last: string;
  signal: AbortSignal;
  onBytes(done: number, total: number): void;
}

/**
 * Brings files into a new folder of this machine, which gets its name when all are there and have their SHA-256; what an
 * earlier attempt brought is kept. A folder that is there with the same files is left as it is.
 * @throws BiphaseError `refused` where something else has the name, or lies among what an earlier attempt brought; `full`,
 * `damaged`
 */
export async function receiveFolder(
  folder: string,
  files: readonly ListedFile[],
  { read, last, signal, onBytes }: ReceiveOptions,
): Promise<void> {
  if (await isThere(folder)) return checkSame(folder, files, signal);
  const stage = `${folder}.part`;
  makeFolder(stage, 0o755);
  if (!(await fs.lstat(stage)).isDirectory()) throw notOurs(stage);
  const total = files.reduce((sum, file) => sum + file.bytes, 0);
  await needSpace(stage, files, total);
  const inOrder = [...files].sort((a, b) => Number(a.path === last) - Number(b.path === last));
  let before = 0;
  for (const file of inOrder) {
    const place = path.join(stage, file.path);
    const receive = (): Promise<boolean> =>
      receiveFile(place, file, { read, signal, onBytes: (done) => onBytes(before + done, total) });
    if (!(await receive()) && !(await receive()))
      throw new BiphaseError('damaged', `${place} arrived damaged.`, {
        next: 'Copy it again; check the disks if it happens again.',
      });
    before += file.bytes;
  }
  await fs.rename(stage, folder);
}

/** One attempt; false where what came is not what was said. */
async function receiveFile(
  place: string,
  file: ListedFile,
  { read, signal, onBytes }: Pick<ReceiveOptions, 'read' | 'signal'> & { onBytes: (done: number) => void },
): Promise<boolean> {
  const handle = await openOwn(place);
  try {
    const hash = createHash('sha256');
    let at = await hashExisting(handle, file.bytes, hash, signal);
    onBytes(at);
    for await (const chunk of read(file, at)) {
      signal.throwIfAborted();
      await handle.appendFile(chunk);
      hash.update(chunk);
      at += chunk.length;
      onBytes(at);
    }
    if (hash.digest('hex') === file.sha256) {
      await handle.sync();
      return true;
    }
    await handle.truncate(0);
    return false;
  } finally {
    await handle.close();
  }
}

/** Windows has neither flag; there a link is found by looking first. */
const followNothing = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/**
 * Opens a file of a stage to append to it. Another program may have put something else there: through a link of either
 * kind, bytes would get into a file elsewhere.
 */
async function openOwn(place: string): Promise<fs.FileHandle> {
  const there = await fs.lstat(place).catch(() => undefined);
  if (there && !there.isFile()) throw notOurs(place);
  let handle: fs.FileHandle;
  try {
    const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | followNothing;
    handle = await fs.open(place, flags, 0o644);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ELOOP') throw notOurs(place);
    throw cause;
  }
  const stat = await handle.stat();
  if (stat.isFile() && stat.nlink === 1) return handle;
  await handle.close();
  throw notOurs(place);
}

function notOurs(place: string): BiphaseError {
  return new BiphaseError('refused', `${place} is a link, or something else that no copy makes.`, {
    next: 'Remove it, and copy again.',
  });
}

/** What an earlier attempt brought; more than the file has is none of it. */
async function hashExisting(
  handle: fs.FileHandle,
  most: number,
  hash: Hash,
  signal: AbortSignal,
): Promise<number> {
  const { size } = await handle.stat();
  if (size > most) {
    await handle.truncate(0);
    return 0;
  }
  const buffer = Buffer.alloc(1 << 20);
  let at = 0;
  while (at < size) {
    signal.throwIfAborted();
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) break;
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
  return at;
}

async function isThere(place: string): Promise<boolean> {
  return fs.lstat(place).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}

async function checkSame(folder: string, files: readonly ListedFile[], signal: AbortSignal): Promise<void> {
  for (const file of files) {
    const handle = await fs.open(path.join(folder, file.path), 'r').catch(() => undefined);
    try {
      const hash = createHash('sha256');
      if (handle) await hashExisting(handle, Number.POSITIVE_INFINITY, hash, signal);
      if (handle && hash.digest('hex') === file.sha256) continue;
    } finally {
      await handle?.close();
    }
    throw new BiphaseError('refused', `${folder} is there already and is something else.`, {
      next: 'Choose another folder, or move it away.',
    });
  }
}

async function needSpace(stage: string, files: readonly ListedFile[], total: number): Promise<void> {
  let there = 0;
  for (const file of files)
    there += (await fs.lstat(path.join(stage, file.path)).catch(() => undefined))?.size ?? 0;
  const { bavail, bsize } = await fs.statfs(stage);
  if (bavail * bsize >= total - there) return;
  const [needed, free] = formatBytesAlike([total - there, bavail * bsize]);
  throw new BiphaseError('full', `The copy needs ${needed}, and the disk of ${stage} has ${free} free.`, {
    next: 'Free space there, or choose another folder.',
  });
}
