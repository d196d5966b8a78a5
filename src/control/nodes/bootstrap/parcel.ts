import { createHash } from 'node:crypto';
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
  /** Null: counted while it is read. */
  sha256: string | null;
  /** Bytes of the files. */
  content: number;
  bytes(): AsyncIterable<Buffer>;
}

const chunkBytes = 256 * 1024;

/** A load as it is: a file is read while it travels, an archive of several, which are small, before. */
export async function makeParcel(load: Load): Promise<Parcel> {
  const [file, ...others] = load.files;
  if (file && others.length === 0) {
    const { size } = await fs.promises.stat(file.source);
    const bytes = (): AsyncIterable<Buffer> =>
      fs.createReadStream(file.source, { highWaterMark: chunkBytes });
    return { load, packed: false, size, sha256: null, content: size, bytes };
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

/** The same, packed: for nodes that can unpack, and links that make it worth it. */
export async function packed(parcel: Parcel): Promise<Parcel> {
  const chunks: Buffer[] = [];
  for await (const chunk of parcel.bytes()) chunks.push(chunk);
  const bytes = await promisify(gzip)(Buffer.concat(chunks), { level: constants.Z_BEST_SPEED });
  return { ...parcel, packed: true, ...whole(bytes) };
}

/** Bytes that a parcel takes on the node while it is opened: one file that is not packed is only renamed. */
export function spaceFor({ load, packed, size, content }: Parcel): number {
  return load.files.length === 1 && !packed ? size : size + content;
}

function whole(bytes: Buffer): Pick<Parcel, 'size' | 'sha256' | 'bytes'> {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { size: bytes.length, sha256, bytes: () => pieces(bytes) };
}

async function* pieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}
