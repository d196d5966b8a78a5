import { isUtf8 } from 'node:buffer';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileKind } from '../core/corpusFile.ts';
import { BiphaseError, type ErrorKind } from '../core/errors.ts';
import { homePath } from '../core/homePath.ts';
import { printable } from '../core/printable.ts';
import type { FolderList } from '../protocol/agentApi.ts';

const mostEntries = 5000;
/** Names looked at in one go: between two the agent does its other work. */
const namesAtOnce = 1000;
/** More would only wait in line for the few threads that ask the file system, in front of the agent's other work. */
const statsAtOnce = 8;

type Entry = FolderList['entries'][number];

/**
 * Folders and corpora of a folder on the node, sorted: folders, hidden folders, corpora, each by name; `~` or nothing
 * is the home folder. Links are followed; those that lead nowhere, and hidden files, which no trainer reads, are left out.
 * @param most entries in the answer; the counts are of all
 */
export async function listFolder(given: string, most = mostEntries): Promise<FolderList> {
  const folder = path.resolve(os.homedir(), homePath(given, os.homedir()));
  const list: FolderList = { path: folder, entries: [], folders: 0, corpora: 0, notUtf8: 0 };
  const found = await read(folder);
  for (let start = 0; start < found.length; start += namesAtOnce) {
    const batch = found.slice(start, start + namesAtOnce);
    const named = batch.filter(({ name }) => isUtf8(name));
    list.notUtf8 += batch.length - named.length;
    for (const entry of await inOrder(named, (each) => look(folder, each))) {
      if (!entry) continue;
      list[entry.folder ? 'folders' : 'corpora']++;
      list.entries.push(entry);
    }
    if (list.entries.length > 2 * most) list.entries = first(list.entries, most);
    await nextTurn();
  }
  const shown = first(list.entries, most);
  const sized = await inOrder(shown, async (entry) => ({ ...entry, bytes: await bytesOf(folder, entry) }));
  return { ...list, entries: sized };
}

async function read(folder: string): Promise<fs.Dirent<Buffer>[]> {
  try {
    // Not `opendir`: where a file system does not tell kinds, that waits for each entry and lets nothing else happen.
    return await fs.promises.readdir(folder, { withFileTypes: true, encoding: 'buffer' });
  } catch (thrown) {
    const problem = problems.get((thrown as NodeJS.ErrnoException).code ?? '');
    if (!problem) throw thrown;
    const { kind, sentence, next } = problem;
    throw new BiphaseError(kind, sentence(printable(folder)), { next, cause: thrown });
  }
}

interface Problem {
  kind: ErrorKind;
  sentence: (folder: string) => string;
  next: string;
}

const another = 'Choose another folder.';
const unreadable: Problem = {
  kind: 'refused',
  sentence: (folder) => `${folder} may not be read.`,
  next: 'Correct its permissions, or choose another folder.',
};
const problems = new Map<string, Problem>([
  ['EACCES', unreadable],
  ['EPERM', unreadable],
  ['ENOENT', { kind: 'missing', sentence: (folder) => `There is no folder ${folder}.`, next: another }],
  ['ENOTDIR', { kind: 'usage', sentence: (folder) => `${folder} is not a folder.`, next: another }],
  [
    'ELOOP',
    { kind: 'usage', sentence: (folder) => `${folder} is a link that leads back to itself.`, next: another },
  ],
  [
    'ENAMETOOLONG',
    { kind: 'usage', sentence: () => 'The path is longer than the system takes.', next: another },
  ],
  [
    'ERR_INVALID_ARG_VALUE',
    { kind: 'usage', sentence: (folder) => `${folder} is not a path.`, next: another },
  ],
]);

/** Undefined for what is neither a folder nor read by a trainer. */
async function look(folder: string, found: fs.Dirent<Buffer>): Promise<Entry | undefined> {
  const name = found.name.toString();
  const stat = found.isSymbolicLink() ? await statOf(path.join(folder, name)) : found;
  if (stat?.isDirectory()) return { name, folder: true, bytes: 0 };
  const isCorpus = stat?.isFile() && !name.startsWith('.') && fileKind(name) !== null;
  return isCorpus ? { name, folder: false, bytes: 0 } : undefined;
}

async function bytesOf(folder: string, entry: Entry): Promise<number> {
  return entry.folder ? 0 : ((await statOf(path.join(folder, entry.name)))?.size ?? 0);
}

/** Undefined where there is nothing to reach, or it may not be reached. */
function statOf(file: string): Promise<fs.Stats | undefined> {
  return fs.promises.stat(file).catch(() => undefined);
}

function first(entries: readonly Entry[], most: number): Entry[] {
  const rank = ({ folder, name }: Entry): number => (folder ? (name.startsWith('.') ? 1 : 0) : 2);
  return entries
    .toSorted((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    .slice(0, most);
}

/** Does `work` for each, a few at a time; the answers in the order of the items. */
async function inOrder<T, R>(items: readonly T[], work: (item: T) => R | Promise<R>): Promise<R[]> {
  const answers = new Array<R>(items.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      answers[index] = await work(items[index]!);
    }
  };
  await Promise.all(Array.from({ length: statsAtOnce }, worker));
  return answers;
}
