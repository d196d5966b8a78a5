import { sha256 } from '../contentHash.ts';
import type { Corpus, CorpusOptions } from '../corpus.ts';
import { type DocumentFile, documentsOf } from '../documents.ts';
import { parquetDocuments } from '../parquetDocuments.ts';
import { findHubDataset, type HubDataset } from './hubDataset.ts';
import { type HubAccess, hubAccess, hubFetch } from './hubFetch.ts';
import { HubMemo } from './hubMemo.ts';
import { parseHubName } from './hubName.ts';
import { hubRanges } from './hubRanges.ts';

/**
 * Opens a dataset of the hub at the commit that its name was first resolved to on this root.
 * @throws BiphaseError one sentence where the hub does not have it or does not answer
 */
export async function openHubCorpus(
  source: string,
  { column, cache, signal }: CorpusOptions,
  access: HubAccess = hubAccess(),
): Promise<Corpus> {
  const name = parseHubName(source);
  const what = `The dataset ${name.repository}`;
  const memo = new HubMemo(cache, name, access);
  let dataset = memo.read();
  if (!dataset) {
    dataset = await findHubDataset(name, access, hubFetch({ access, what, signal, first: true }));
    memo.write(dataset);
  }
  // A run that is resumed asks for the commit: it too needs no internet.
  const pinned = new HubMemo(cache, { ...name, revision: dataset.commit }, access);
  if (!pinned.read()) pinned.write(dataset);
  const { repository, commit, files } = dataset;
  const part = name.config === null ? '' : `/${name.config}`;
  return {
    label: `${repository}${part} at ${commit.slice(0, 12)}`,
    pinned: `hub:${repository}${part}@${commit}`,
    // Of the files, not of the commit: a new commit that leaves them as they were needs no new tokens.
    hash: sha256(['hub', column, ...files.map((file) => `${file.path}\t${file.id}`)].join('\n')),
    documents: (from, stop) =>
      documentsOf(
        files.map((file) => hubFile(dataset, file, column, access)),
        from,
        stop,
      ),
  };
}

function hubFile(
  dataset: HubDataset,
  file: HubDataset['files'][number],
  column: string,
  access: HubAccess,
): DocumentFile {
  const label = `${file.path} of the dataset ${dataset.repository}`;
  return {
    label,
    documents: (from, signal) => {
      const get = hubFetch({ access, what: `The file ${label}`, signal });
      return parquetDocuments(hubRanges(dataset, file, access, get), column).documents(from, signal);
    },
  };
}
