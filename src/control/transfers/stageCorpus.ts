import { createHash } from 'node:crypto';
import { BiphaseError } from '../../core/errors.ts';
import { stagedFiles, stagedManifest, stagedPlace } from '../../core/stagedSource.ts';
import type { FileList } from '../../protocol/fileList.ts';
import type { Staged } from '../../protocol/runDirectory.ts';
import type { ManagedNode } from '../nodes/managedNode.ts';
import { copyToNode } from './copyToNode.ts';
import type { HashMemo } from './hashMemo.ts';
import { checkUnchanged, corpusParcel, hashOf, listCorpus } from './localCorpus.ts';
import { parcelOf } from './placeFile.ts';
import type { Tell, TransferDesk } from './transferDesk.ts';

/**
 * Copies a corpus of this machine into the cache of a node, named by the SHA-256 of the list of its files: `source` is what
 * the run file says, `place` its path. What is there is not copied again.
 * @throws BiphaseError `refused` for a corpus that changes meanwhile, or is not the `expected` one
 */
export async function stageCorpus(
  { source, place }: { source: string; place: string },
  node: ManagedNode,
  options: {
    memo: HashMemo;
    desk: TransferDesk;
    signal: AbortSignal;
    tell: Tell;
    expected?: string | undefined;
  },
): Promise<Staged> {
  const { memo, desk, signal, tell, expected } = options;
  tell({ doing: 'looking at the corpus', done: 0, total: 0 });
  const listed = await listCorpus(place, signal);
  const total = listed.reduce((sum, { bytes }) => sum + bytes, 0);
  const files: FileList['files'] = [];
  let before = 0;
  for (const entry of listed) {
    const onBytes = (read: number): void => tell({ doing: 'reading the corpus', done: before + read, total });
    const sha256 = await hashOf(entry, memo, { signal, onBytes });
    files.push({ path: entry.path, bytes: entry.bytes, sha256 });
    before += entry.bytes;
  }
  const manifest = Buffer.from(`${JSON.stringify({ schema: 1, files } satisfies FileList)}\n`);
  const sha256 = createHash('sha256').update(manifest).digest('hex');
  if (expected !== undefined && sha256 !== expected)
    throw new BiphaseError('refused', `${place} is not the corpus that this run began with.`, {
      next: 'Restore the corpus, or continue from the checkpoint in a new run.',
    });
  const load = {
    place: stagedPlace(sha256),
    files: listed.map((entry, index) => ({
      path: `${stagedFiles}/${entry.path}`,
      parcel: corpusParcel(entry, files[index]!.sha256),
    })),
    confirm: () => checkUnchanged(place, listed, signal),
    last: { path: stagedManifest, parcel: parcelOf(manifest, sha256, '600') },
    mark: stagedManifest,
  };
  const doing = `copying the corpus to ${node.config.name}`;
  await desk.alone(`${node.config.name}\0${sha256}`, signal, () =>
    copyToNode(node, load, {
      signal,
      onBytes: (done, all) => tell({ doing, done, total: all }),
    }),
  );
  return { sha256, from: source };
}
