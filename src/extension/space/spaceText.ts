import { formatBytes } from '../../core/numberFormat.ts';
import { printable } from '../../core/printable.ts';
import type { DiskUse } from '../../protocol/diskSpace.ts';
import { isCacheInUse, type SpaceRow, sumBytes, withoutDoubles } from './spaceRows.ts';

const mostListed = 12;

/** Title of the pick: what is free, then what is ticked. */
export function pickTitle(node: string, use: DiskUse, ticked: readonly SpaceRow[]): string {
  if (ticked.length === 0)
    return `Free Space on ${node}: ${formatBytes(use.bytes)} used, ${formatBytes(use.freeBytes)} free`;
  return `Free Space on ${node}: ${ticked.length} ticked, ${formatBytes(sumBytes(withoutDoubles(ticked)))}`;
}

/** What the pick says where nothing is typed. */
export function pickHint(use: DiskUse): string {
  const hints = ['Tick what to delete; type to filter'];
  if (use.cache.length > 0 && isCacheInUse(use))
    hints.push(`the cache (${formatBytes(sumBytes(use.cache))}) is left alone while a run is active`);
  if (use.unreadable > 0) hints.push(`${count(use.unreadable, 'folder')} could not be read`);
  return `${hints.join('; ')}.`;
}

/** Where there is nothing to tick. */
export function nothingText(node: string, use: DiskUse): string {
  return `There is nothing on ${node} to delete now: ${formatBytes(use.bytes)} are in use, ${formatBytes(use.freeBytes)} are free.`;
}

/** The last question: what goes, and how much. */
export function confirmation(
  node: string,
  ticked: readonly SpaceRow[],
): { question: string; detail: string; yes: string } {
  const rows = withoutDoubles(ticked);
  const size = formatBytes(sumBytes(rows));
  const listed = rows.slice(0, mostListed).map(({ label, description }) => `${label}: ${description}`);
  if (rows.length > mostListed) listed.push(`and ${rows.length - mostListed} more`);
  // The box that ticks all rows ticks these too.
  const kept = rows.filter(({ item }) => item.kind === 'checkpoints' && item.kept).length;
  if (kept > 0)
    listed.push('', `Among them: ${count(kept, 'checkpoint')} that a run file or another run keeps.`);
  if (rows.some(({ item }) => item.kind === 'run'))
    listed.push('', 'Curves of deleted runs stay here; the runs cannot be resumed.');
  return {
    question: `Delete ${sectionCounts(rows)} on ${node}? This frees ${size} and cannot be undone.`,
    detail: listed.join('\n'),
    yes: `Delete ${size}`,
  };
}

/** "2 runs, old checkpoints of 1 run and 3 cache entries" */
function sectionCounts(rows: readonly SpaceRow[]): string {
  const of = (kind: SpaceRow['item']['kind']): SpaceRow[] => rows.filter(({ item }) => item.kind === kind);
  const owners = new Set(of('checkpoints').map(({ item }) => 'run' in item && item.run)).size;
  const parts = [
    owners > 0 ? `checkpoints of ${count(owners, 'run')}` : '',
    ...(['run', 'cache', 'bundle'] as const).map((kind) =>
      of(kind).length > 0 ? count(of(kind).length, nouns[kind]) : '',
    ),
  ].filter((part) => part !== '');
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}

const nouns = { run: 'run', cache: 'cache entry', bundle: 'bundle' } as const;

function count(number: number, noun: string): string {
  if (number === 1) return `1 ${noun}`;
  return `${number} ${noun.endsWith('y') ? `${noun.slice(0, -1)}ies` : `${noun}s`}`;
}

/** What came of it. */
export interface FreedSum {
  bytes: number;
  /** One sentence a thing that stays. */
  problems: readonly string[];
  /** Things whose turn never came. */
  skipped: number;
}

/** What came of it, in a message. */
export function freedText(node: string, { bytes, problems, skipped }: FreedSum): string {
  const sentences = [`${formatBytes(bytes)} were freed on ${node}.`];
  if (skipped > 0) sentences.push(`${count(skipped, 'thing')} ${skipped === 1 ? 'was' : 'were'} not tried.`);
  if (problems.length === 1) sentences.push(problems[0]!);
  if (problems.length > 1)
    sentences.push(`${problems.length} things stay, as the log says. The first: ${problems[0]}`);
  return sentences.join(' ');
}

/** The second question before a node's folder is deleted. */
export function rootQuestion(node: string, use: DiskUse): { question: string; detail: string } {
  return {
    question: `Delete ${printable(use.root)} on ${node}?`,
    detail: [
      `${count(use.runs.length, 'run')} with all checkpoints, the cache and Biphase's programs: ${formatBytes(use.bytes - use.otherBytes)}.`,
      'This cannot be undone. Curves stay here.',
    ].join('\n'),
  };
}

/** What came of removing a node with its folder. */
export function rootRemovedText(node: string, root: string, left: readonly string[]): string {
  if (left.length === 0) return `${node} was removed, and ${printable(root)} on it was deleted.`;
  return `${node} was removed. ${printable(root)} on it stays with what is not Biphase's: ${left.join(', ')}.`;
}
