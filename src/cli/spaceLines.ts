import { formatBytes } from '../core/numberFormat.ts';
import type { DiskUse } from '../protocol/diskSpace.ts';

interface Sized {
  bytes: number;
}

/** What takes space on a node, in lines for a terminal: the largest first in each part. */
export function spaceLines(use: DiskUse): string[] {
  const files = use.freeFiles === null ? '' : `, ${use.freeFiles} more files fit`;
  const cache = use.cache.map(({ entry, bytes }) => ({ bytes, text: entry }));
  const bundles = use.bundles.map(({ hash, bytes, needed }) => ({
    bytes,
    text: needed ? `${hash}  needed` : hash,
  }));
  const runs = use.runs.map(({ run, name, state, bytes, checkpointBytes }) => ({
    bytes,
    text: `${run}  ${name}  ${state}  checkpoints ${formatBytes(checkpointBytes)}`,
  }));
  return [
    `${use.root}: ${formatBytes(use.bytes)} used, ${formatBytes(use.freeBytes)} free${files}`,
    ...part('runs', runs),
    ...part('cache', cache),
    ...part('bundles', bundles),
    ...part(
      'node',
      use.nodeBuilds.map(({ name, bytes }) => ({ bytes, text: name })),
    ),
    `other  ${formatBytes(use.otherBytes)}`,
    ...(use.unreadable > 0 ? [`folders that could not be read: ${use.unreadable}`] : []),
  ];
}

function part(title: string, rows: readonly (Sized & { text: string })[]): string[] {
  if (rows.length === 0) return [];
  const sum = rows.reduce((bytes, row) => bytes + row.bytes, 0);
  const sorted = rows.toSorted((a, b) => b.bytes - a.bytes);
  return [
    `${title}  ${formatBytes(sum)}`,
    ...sorted.map(({ bytes, text }) => `  ${formatBytes(bytes).padStart(9)}  ${text}`),
  ];
}
