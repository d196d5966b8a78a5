import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import { BiphaseError } from '../../../core/errors.ts';
import { piecesOf, readAhead } from '../readAhead.ts';
import { tarEnd, tarHeader, tarPadding } from './tarArchive.ts';

/** A file of this machine, and its place and mode in a folder of the node. */
export interface LoadFile {
  source: string;
  path: string;
  mode: '600' | '700';
}

/** Files that appear together under one folder of the node, by one rename. */
export interface Load {
  folder: string;
  /** Names the bytes: a half transfer is continued only with the same. */
  id: string;
  files: readonly LoadFile[];
  /** SHA-256 of its one file, in hexadecimal, where that is known before. */
  sha256?: string;
  /** `node`: the binary must start before the folder gets its name. */
  check: 'node' | 'none';
}

/** A load as it travels: one file as it is, several as a tar archive; packed or not. */
export interface Parcel {
  load: Load;
  packed: boolean;
  /** Bytes that travel. */
  size: number;
  sha256: string;
  /** Bytes of the files. */
  content: number;
  /** What travels, from an offset on; a piece is good until the next one is asked for. */
  bytes(from: number): Iterable<Buffer> | AsyncIterable<Buffer>;
}

/** A load as it is: a file of a known hash is read while it travels, an archive of several, which are small, before. */
export async function makeParcel(load: Load): Promise<Parcel> {
  const [file, ...others] = load.files;
  if (file && others.length === 0) {
    const { size } = await fs.promises.stat(file.source);
    const bytes = (from: number): AsyncIterable<Buffer> => fileBytes(file.source, from);
    return {
      load,
      packed: false,
      size,
      sha256: load.sha256 ?? (await hashOf(bytes(0))),
      content: size,
      bytes,
    };
  }
  const contents = await Promise.all(load.files.map(({ source }) => fs.promises.readFile(source)));
  const archive = Buffer.concat([
    ...contents.flatMap((content, i) => {
      const { path, mode } = load.files[i]!;
      return [tarHeader(path, content.length, mode), content, tarPadding(content.length)];
    }),
    tarEnd,
  ]);
  const content = contents.reduce((sum, { length }) => sum + length, 0);
  return { load, packed: false, ...whole(archive), content };
}

/**
 * The same, packed: for nodes that can unpack, and links that make it worth it.
 * @throws BiphaseError `damaged` as `checkHere`
 */
export async function packed(parcel: Parcel): Promise<Parcel> {
  await checkHere(parcel);
  const chunks: Buffer[] = [];
  for await (const chunk of parcel.bytes(0)) chunks.push(Buffer.from(chunk));
  const bytes = await promisify(gzip)(Buffer.concat(chunks), { level: constants.Z_BEST_SPEED });
  return { ...parcel, packed: true, ...whole(bytes) };
}

/** @throws BiphaseError `damaged` where files of this computer are not what they were said to be */
export async function checkHere({ load, sha256, bytes }: Parcel): Promise<void> {
  if ((await hashOf(bytes(0))) === sha256) return;
  const files = load.files.map(({ source }) => source).join(', ');
  throw new BiphaseError('damaged', `${files} on this computer is not what it should be.`, {
    next: 'Install the extension again; where it is a file of a cache, remove it.',
  });
}

/** SHA-256 in hexadecimal. */
async function hashOf(bytes: ReturnType<Parcel['bytes']>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of bytes) hash.update(chunk);
  return hash.digest('hex');
}

/** Bytes that a parcel takes on the node while it is opened: one file that is not packed is only renamed. */
export function spaceFor({ load, packed, size, content }: Parcel): number {
  return load.files.length === 1 && !packed ? size : size + content;
}

function whole(bytes: Buffer): Pick<Parcel, 'size' | 'sha256' | 'bytes'> {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { size: bytes.length, sha256, bytes: (from) => piecesOf(bytes, from) };
}

async function* fileBytes(file: string, from: number): AsyncGenerator<Buffer> {
  const handle = await fs.promises.open(file);
  try {
    yield* readAhead(handle, from, Number.POSITIVE_INFINITY);
  } finally {
    await handle.close();
  }
}
