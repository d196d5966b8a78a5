import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { BiphaseError } from '../core/errors.ts';
import type { ListedFile } from '../protocol/fileList.ts';
import { namesIn } from './files.ts';
import type { NodeRoot } from './nodeRoot.ts';

/**
 * Makes the files that lie end to end in a pack, `<name>.pack`, below a folder that has their folders already; then
 * `<name>.done` takes the pack's place. Both lie in the root's cache.
 * @throws BiphaseError `refused` for a place elsewhere, `damaged` where a file has another SHA-256
 */
export async function unpackFiles(
  root: NodeRoot,
  { pack, folder, files }: { pack: string; folder: string; files: readonly ListedFile[] },
): Promise<void> {
  const cache = path.join(root.path, 'cache');
  const places = files.map((file) => path.join(folder, file.path));
  if (!isBelow(cache, pack) || !isBelow(cache, folder) || places.some((place) => !isBelow(folder, place)))
    throw new BiphaseError('refused', `${pack} is not unpacked: its files would lie elsewhere.`);
  const bytes = await fs.readFile(pack);
  let at = 0;
  for (const [index, file] of files.entries()) {
    const content = bytes.subarray(at, at + file.bytes);
    at += file.bytes;
    if (createHash('sha256').update(content).digest('hex') !== file.sha256)
      throw new BiphaseError('damaged', `${file.path} is not in ${pack} as it should be.`);
    await fs.writeFile(places[index]!, content, { mode: 0o600 });
  }
  await fs.writeFile(`${pack.slice(0, -path.extname(pack).length)}.done`, '', { mode: 0o600 });
  await fs.rm(pack);
}

/**
 * Names of the packs in a folder of the root's cache that were taken apart.
 * @throws BiphaseError `refused` for a folder elsewhere
 */
export function unpackedPacks(root: NodeRoot, parts: string): string[] {
  if (!isBelow(path.join(root.path, 'cache'), parts))
    throw new BiphaseError('refused', `${parts} is not in the cache.`);
  return namesIn(parts).flatMap((name) => /^([0-9a-f]+)\.done$/.exec(name)?.[1] ?? []);
}

function isBelow(folder: string, place: string): boolean {
  const inner = path.relative(folder, place);
  return inner !== '' && inner !== '..' && !inner.startsWith(`..${path.sep}`) && !path.isAbsolute(inner);
}
