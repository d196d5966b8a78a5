import fs from 'node:fs';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import { stagedFiles, stagedManifest, stagedPlace } from '../../core/stagedSource.ts';
import { fileListSchema } from '../../protocol/fileList.ts';
import { sha256 } from './contentHash.ts';

/**
 * The folder of a corpus that was staged into a root's cache. Its list must be the one that its name is the hash of, and
 * its files as long as it says.
 * @throws BiphaseError `missing`, `damaged`
 */
export function stagedFolder(hash: string, cache: string): string {
  const place = path.join(path.dirname(cache), ...stagedPlace(hash).split('/'));
  const manifest = path.join(place, stagedManifest);
  if (!fs.existsSync(manifest))
    throw new BiphaseError('missing', `The corpus of this run is not in ${place}.`, {
      next: 'Launch the run again from the machine that has the corpus: it is copied there.',
    });
  const text = fs.readFileSync(manifest, 'utf8');
  const folder = path.join(place, stagedFiles);
  const wrong = sha256(text) === hash ? wrongFile(text, folder) : manifest;
  if (wrong !== undefined)
    throw new BiphaseError('damaged', `${wrong} is not as it was copied here.`, {
      next: `Remove ${place} and launch the run again from the machine that has the corpus.`,
    });
  return folder;
}

function wrongFile(manifest: string, folder: string): string | undefined {
  const { files } = fileListSchema.parse(JSON.parse(manifest));
  return files
    .map((file) => ({ place: path.join(folder, ...file.path.split('/')), bytes: file.bytes }))
    .find(({ place, bytes }) => fs.statSync(place, { throwIfNoEntry: false })?.size !== bytes)?.place;
}
