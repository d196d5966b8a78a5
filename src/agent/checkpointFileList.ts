import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { BiphaseError } from '../core/errors.ts';
import type { ListedFile } from '../protocol/fileList.ts';
import { checkpointFiles, runFiles } from '../protocol/runDirectory.ts';
import { isPlainFolder } from './nodeRoot.ts';

/** The files of a complete checkpoint with their SHA-256. @throws BiphaseError `missing` */
export async function listCheckpoint(directory: string, step: number): Promise<ListedFile[]> {
  const folder = path.join(directory, runFiles.checkpoint(step));
  if (!isPlainFolder(folder) || !fs.existsSync(path.join(folder, checkpointFiles.done)))
    throw new BiphaseError('missing', `There is no complete checkpoint of step ${step} in ${directory}.`);
  const names = fs
    .readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name)
    .sort();
  const files: ListedFile[] = [];
  for (const name of names) {
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of fs.createReadStream(path.join(folder, name), { highWaterMark: 1 << 20 })) {
      hash.update(chunk as Buffer);
      bytes += (chunk as Buffer).length;
    }
    files.push({ path: name, bytes, sha256: hash.digest('hex') });
  }
  return files;
}
