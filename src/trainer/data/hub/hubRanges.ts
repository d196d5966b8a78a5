import { downloadFile } from '@huggingface/hub';
import { BiphaseError } from '../../../core/errors.ts';
import type { ByteRanges } from '../byteRanges.ts';
import type { HubDataset } from './hubDataset.ts';
import type { HubAccess } from './hubFetch.ts';

/** A file of a dataset at its commit, read in ranges; nothing of it is kept on disk. */
export function hubRanges(
  dataset: HubDataset,
  file: HubDataset['files'][number],
  access: HubAccess,
  get: typeof fetch,
): ByteRanges {
  const label = `${file.path} of the dataset ${dataset.repository}`;
  let opened: Promise<Blob | null> | undefined;
  return {
    label,
    ahead: 6,
    size: async () => file.size,
    read: async (start, end) => {
      opened ??= downloadFile({
        repo: { type: 'dataset', name: dataset.repository },
        path: file.path.split('/').map(encodeURIComponent).join('/'),
        revision: dataset.commit,
        hubUrl: access.endpoint,
        fetch: get,
        xet: false,
      });
      const blob = await opened;
      if (!blob || blob.size !== file.size)
        throw new BiphaseError('damaged', `The hub has another ${label} than it listed.`);
      return blob.slice(start, end).arrayBuffer();
    },
  };
}
