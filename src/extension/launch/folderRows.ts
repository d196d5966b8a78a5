import path from 'node:path';
import { formatBytes, formatCount } from '../../core/numberFormat.ts';
import type { FolderList } from '../../protocol/agentApi.ts';
import { plainLabel } from '../plainLabel.ts';

/** One row of the folder browser. */
export interface FolderRow {
  /** What choosing it does: go to `path`, take it as data, or nothing. */
  does: 'open' | 'take' | 'nothing';
  /** Exact, as the run file takes it; only what is shown of it is made printable. */
  path: string;
  label: string;
  description?: string;
  icon: 'check' | 'arrow-up' | 'folder' | 'file' | 'refresh' | 'info';
  detail?: string;
}

/** The rows of a folder of a node: take it, one up, what is inside with sizes, and what is left out. */
export function folderRows(list: FolderList): FolderRow[] {
  const { entries, folders, corpora, notUtf8 } = list;
  const missing = folders + corpora - entries.length;
  return [
    { does: 'take', path: list.path, label: 'Use this folder', icon: 'check', description: inside(list) },
    ...upRow(list.path),
    ...entries.map(({ name, folder, bytes }): FolderRow => {
      const inner = path.posix.join(list.path, name);
      return folder
        ? { does: 'open', path: inner, label: plainLabel(name), icon: 'folder' }
        : {
            ...{ does: 'take', path: inner, label: plainLabel(name), icon: 'file' },
            description: formatBytes(bytes),
          };
    }),
    ...(missing > 0
      ? note(
          list.path,
          `${formatCount(missing)} more are not shown.`,
          'Type the path instead: Path on the node….',
        )
      : []),
    ...(notUtf8 > 0
      ? note(
          list.path,
          `${formatCount(notUtf8)} ${notUtf8 === 1 ? 'name is' : 'names are'} not shown: not UTF-8.`,
          'A run file cannot hold such a name. Rename it, or use the folder it lies in.',
        )
      : []),
  ];
}

/** The rows of a folder that could not be read: once more, or one up. */
export function failedRows(folder: string, problem: string): FolderRow[] {
  return [
    { does: 'open', path: folder, label: 'Try again', icon: 'refresh', detail: plainLabel(problem) },
    ...upRow(folder),
  ];
}

function inside({ folders, corpora }: FolderList): string {
  const files = `${formatCount(corpora)} corpus ${corpora === 1 ? 'file' : 'files'}`;
  if (folders > 0) return corpora === 0 ? 'what lies below' : `${files}, and what lies below`;
  return corpora === 0 ? 'nothing to read' : files;
}

function upRow(folder: string): FolderRow[] {
  if (folder === '/' || !folder.startsWith('/')) return [];
  return [{ does: 'open', path: path.posix.dirname(folder), label: '..', icon: 'arrow-up' }];
}

function note(folder: string, label: string, detail: string): FolderRow[] {
  return [{ does: 'nothing', path: folder, label, detail, icon: 'info' }];
}
