import os from 'node:os';
import path from 'node:path';
import { fileKind, readableEndings } from '../../core/corpusFile.ts';
import { BiphaseError } from '../../core/errors.ts';
import { homePath } from '../../core/homePath.ts';
import { localPath } from '../../core/localPaths.ts';
import { stagedHash } from '../../core/stagedSource.ts';
import { worldDocumentCount } from '../../core/worldSource.ts';
import { localRanges } from './byteRanges.ts';
import { filesHash, sha256 } from './contentHash.ts';
import {
  type DocumentFile,
  documentsOf,
  type FileDocument,
  type Place,
  type PlacedDocument,
} from './documents.ts';
import { openHubCorpus } from './hub/hubCorpus.ts';
import { isHubName } from './hub/hubName.ts';
import { lineDocuments } from './lineDocuments.ts';
import { parquetDocuments } from './parquetDocuments.ts';
import { listSourceFiles } from './sourceFiles.ts';
import { stagedFolder } from './stagedCorpus.ts';
import { textDocuments } from './textDocuments.ts';
import { worldDocument, worldVersion } from './worldDocuments.ts';
import { buildWorld } from './worldFacts.ts';

/** Where documents come from: opened once, read as often as needed, from any place, always in the same order. */
export interface Corpus {
  /** For messages. */
  label: string;
  /** The source with everything fixed that could change: a hub's revision as its commit. */
  pinned: string;
  /** SHA-256 over everything that decides the documents and their order. */
  hash: string;
  /** The documents from a place on, some at a time. */
  documents(from: Place, signal: AbortSignal): AsyncIterable<PlacedDocument[]>;
}

export interface CorpusOptions {
  /** Column of parquet files, key of JSON lines. */
  column: string;
  /** Folder for what is remembered of sources. */
  cache: string;
  signal: AbortSignal;
  /** Called now and then while files are looked at. */
  tick(): Promise<void>;
}

/** Documents of the world that are made at once. */
const worldAtOnce = 64;

function worldFile(count: number): DocumentFile {
  return {
    label: 'the built-in world',
    *documents(from) {
      const world = buildWorld(0);
      for (let start = from; start < count; start += worldAtOnce) {
        const found: FileDocument[] = [];
        for (let item = start; item < Math.min(count, start + worldAtOnce); item++)
          found.push({ text: worldDocument(world, item), item });
        yield found;
      }
    },
  };
}

function openFile(file: string, column: string): DocumentFile {
  const kind = fileKind(path.basename(file));
  if (kind === 'parquet') return parquetDocuments(localRanges(file), column);
  return kind === 'lines' ? lineDocuments(file, column) : textDocuments(file);
}

/**
 * Opens `data.source`: the built-in world, a folder or file on this machine, a corpus that was staged here, or a dataset
 * on the hub.
 * @throws BiphaseError `usage` where there is no text
 */
export async function openCorpus(source: string, options: CorpusOptions): Promise<Corpus> {
  const { column, cache } = options;
  const count = worldDocumentCount(source);
  if (count !== null) {
    return {
      label: `the built-in world (${count} documents)`,
      pinned: source,
      hash: sha256(`world ${worldVersion} ${count} 0`),
      documents: (from, signal) => documentsOf([worldFile(count)], from, signal),
    };
  }
  if (isHubName(source)) return openHubCorpus(source, options);
  const staged = stagedHash(source);
  const folder = staged
    ? stagedFolder(staged, cache)
    : path.resolve(homePath(localPath(source) ?? source, os.homedir()));
  const files = listSourceFiles(folder);
  if (files.length === 0)
    throw new BiphaseError(
      'usage',
      `The corpus ${folder} is empty: it has no file of the kinds ${readableEndings}.`,
    );
  const content = await filesHash(folder, files, path.join(cache, 'fingerprints'), options.tick);
  const opened = files.map((file) => openFile(file, column));
  return {
    label: folder,
    pinned: source,
    hash: column === 'text' ? content : sha256(`${content} ${column}`),
    documents: (from, signal) => documentsOf(opened, from, signal),
  };
}
