import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import { listTextFiles, readDocuments } from './textFiles.ts';
import { defaultWorldDocuments, worldDocuments, worldVersion } from './worldDocuments.ts';

/** Where documents come from: opened once, read as often as needed, always in the same order. */
export interface Corpus {
  /** For messages. */
  label: string;
  /** SHA-256 over everything that decides the documents and their order. */
  contentHash(): Promise<string>;
  documents(): AsyncIterable<string> | Iterable<string>;
}

/** `world` or `world:<documents>`; null for any other source. */
function worldSize(source: string): number | null {
  if (source === 'world') return defaultWorldDocuments;
  const match = /^world:(\d+)$/.exec(source);
  return match ? Number(match[1]) : null;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

async function fileHash(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of fs.createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** The hash of the files' contents; remembered under `memo` as long as names, sizes and times stay the same. */
async function filesHash(base: string, files: readonly string[], memo: string): Promise<string> {
  const relative = (file: string): string => path.relative(base, file) || path.basename(file);
  const looks = files.map((file) => {
    const stat = fs.statSync(file, { bigint: true });
    return `${file}\t${stat.size}\t${stat.mtimeNs}\t${stat.ino}`;
  });
  const memoFile = path.join(memo, sha256(looks.join('\n')));
  try {
    const known = fs.readFileSync(memoFile, 'utf8');
    if (/^[0-9a-f]{64}$/.test(known)) return known;
  } catch {
    // Not seen before.
  }
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${relative(file)}\t${await fileHash(file)}\n`);
  const digest = hash.digest('hex');
  fs.mkdirSync(memo, { recursive: true });
  const temporary = `${memoFile}.${process.pid}.tmp`;
  fs.writeFileSync(temporary, digest);
  fs.renameSync(temporary, memoFile);
  return digest;
}

/**
 * Opens `data.source`: the built-in world, or a folder or file on this machine.
 * @param cache folder for the memo of hashes
 * @throws BiphaseError `usage` where there is no text
 */
export function openCorpus(source: string, cache: string): Corpus {
  const documents = worldSize(source);
  if (documents !== null) {
    if (documents === 0) throw new BiphaseError('usage', 'The corpus world:0 has no documents.');
    return {
      label: `the built-in world (${documents} documents)`,
      contentHash: async () => sha256(`world ${worldVersion} ${documents} 0`),
      documents: () => worldDocuments(0, documents),
    };
  }
  if (source.startsWith('hub:'))
    throw new BiphaseError(
      'usage',
      `This version does not read ${source}: give a folder on the node, or world.`,
    );
  const folder = path.resolve(source.startsWith('local:') ? source.slice('local:'.length) : source);
  const files = listTextFiles(folder);
  if (files.length === 0)
    throw new BiphaseError(
      'usage',
      `The corpus ${folder} is empty: it has no .txt, .md, .jsonl or .gz file with text.`,
    );
  return {
    label: folder,
    contentHash: () => filesHash(folder, files, path.join(cache, 'fingerprints')),
    documents: () => readDocuments(files),
  };
}
