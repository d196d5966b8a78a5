import fs from 'node:fs';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
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
  /** `node`: the binary must start before the folder gets its name. */
  check: 'node' | 'none';
}

/** A load as it travels: one file as it is, several as a tar archive; packed or not. */
export interface Parcel {
  load: Load;
  packed: boolean;
  /** Bytes that travel. */
  size: number;
  /** Bytes of the files. */
  content: number;
  bytes(): AsyncGenerator<Buffer, undefined>;
}

const chunkBytes = 1 << 20;

/** `pack`: the node can unpack, and the link makes it worth it. */
export async function makeParcel(load: Load, pack: boolean): Promise<Parcel> {
  const sizes = await Promise.all(
    load.files.map(async ({ source }) => (await fs.promises.stat(source)).size),
  );
  const content = sizes.reduce((sum, size) => sum + size, 0);
  const plain = (): AsyncGenerator<Buffer, undefined> =>
    load.files.length === 1 ? contentOf(load.files[0]!) : archiveOf(load.files, sizes);
  if (pack) {
    const chunks: Buffer[] = [];
    for await (const chunk of plain()) chunks.push(chunk);
    const packed = await promisify(gzip)(Buffer.concat(chunks), { level: constants.Z_BEST_SPEED });
    return { load, packed: true, size: packed.length, content, bytes: () => pieces(packed) };
  }
  const frames = sizes.reduce((sum, size) => sum + tarPadding(size).length, tarEnd.length);
  const headers = 512 * sizes.length;
  const size = load.files.length === 1 ? content : content + headers + frames;
  return { load, packed: false, size, content, bytes: plain };
}

/** Bytes that a parcel takes on the node while it is opened: one file that is not packed is only renamed. */
export function spaceFor({ load, packed, size, content }: Parcel): number {
  return load.files.length === 1 && !packed ? size : size + content;
}

async function* contentOf({ source }: LoadFile): AsyncGenerator<Buffer, undefined> {
  yield* fs.createReadStream(source, { highWaterMark: chunkBytes });
}

async function* archiveOf(
  files: readonly LoadFile[],
  sizes: readonly number[],
): AsyncGenerator<Buffer, undefined> {
  for (const [i, file] of files.entries()) {
    yield tarHeader(file.path, sizes[i]!, file.mode);
    yield* contentOf(file);
    yield tarPadding(sizes[i]!);
  }
  yield tarEnd;
}

async function* pieces(bytes: Buffer): AsyncGenerator<Buffer, undefined> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}
