import { createHash } from 'node:crypto';
import type { ListedFile } from '../../protocol/fileList.ts';
import type { Transport } from '../nodes/transport.ts';
import { type FileParcel, placeFiles } from './placeFile.ts';

/** A file costs the node a round trip and a few processes: smaller ones travel together. */
const smallBytes = 1 << 20;
const packBytes = 8 << 20;
const packFiles = 1000;

export interface FolderFile {
  path: string;
  parcel: FileParcel;
}

/** What takes packs apart on a node where an agent is. */
export interface Unpacker {
  /** Names of the packs below `parts` that were taken apart before. */
  unpacked(parts: string): Promise<ReadonlySet<string>>;
  /** Makes the files of a pack below `folder`, each checked, and remembers that beside the pack. */
  unpack(request: { pack: string; folder: string; files: ListedFile[] }): Promise<void>;
}

/** Small files as packs, the same for the same files; the others stay. */
export function splitIntoPacks<T extends FolderFile>(files: readonly T[]): { packs: T[][]; single: T[] } {
  const packs: T[][] = [];
  const single: T[] = [];
  let pack: T[] = [];
  let bytes = 0;
  for (const file of files) {
    const { size } = file.parcel;
    if (size > smallBytes) {
      single.push(file);
      continue;
    }
    if (pack.length >= packFiles || bytes + size > packBytes) {
      packs.push(pack);
      pack = [];
      bytes = 0;
    }
    pack.push(file);
    bytes += size;
  }
  if (pack.length > 0) packs.push(pack);
  return { packs, single };
}

/** Brings packs to `parts`, one after another, and has their files made below `stage`. */
export async function placePacks(
  transport: Transport,
  packs: readonly (readonly FolderFile[])[],
  options: {
    stage: string;
    parts: string;
    unpacker: Unpacker;
    signal: AbortSignal;
    onBytes: (pack: FileParcel) => (sent: number) => void;
  },
): Promise<void> {
  const { stage, parts, unpacker, signal, onBytes } = options;
  const before = await unpacker.unpacked(parts);
  for (const pack of packs) {
    const files = pack.map(({ path, parcel }) => ({ path, bytes: parcel.size, sha256: parcel.sha256 }));
    const name = createHash('sha256').update(JSON.stringify(files)).digest('hex').slice(0, 16);
    const size = files.reduce((sum, { bytes }) => sum + bytes, 0);
    if (before.has(name)) {
      onBytes({ ...pack[0]!.parcel, size })(size);
      continue;
    }
    signal.throwIfAborted();
    const parcel = await packOf(pack, size);
    const target = `${parts}/${name}.pack`;
    const delivery = { parcel, target, part: `${target}.part`, onBytes: onBytes(parcel) };
    await placeFiles(transport, [delivery], { signal });
    await unpacker.unpack({ pack: target, folder: stage, files });
  }
}

/** Files end to end, as one parcel. Small, so they are read at once. */
async function packOf(files: readonly FolderFile[], size: number): Promise<FileParcel> {
  const hash = createHash('sha256');
  for await (const chunk of readPack(files, 0)) hash.update(chunk);
  const sha256 = hash.digest('hex');
  const id = sha256.slice(0, 16);
  return { size, read: (from) => readPack(files, from), sha256, id, mode: '600' };
}

async function* readPack(files: readonly FolderFile[], from: number): AsyncGenerator<Buffer> {
  let start = 0;
  for (const { parcel } of files) {
    const end = start + parcel.size;
    if (end > from || parcel.size === 0) yield* parcel.read(Math.max(0, from - start));
    start = end;
  }
}
