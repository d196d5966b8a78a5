import { formatCount } from '../../src/core/numberFormat.ts';
import type { ComparedRun } from '../../src/protocol/comparison.ts';

/** How far the comparison is. */
export interface Gathered {
  /** Runs that are compared, as their ids. */
  wanted: readonly string[];
  /** How many of them are known. */
  known: number;
  facts: Iterable<ComparedRun>;
  failed: number;
}

/** What is said of the comparison itself, beside what its values allow to say. */
export function gatheringNotes({ wanted, known, facts, failed }: Gathered): string[] {
  const notes: string[] = [];
  if (wanted.length === 1) notes.push('One run: choose a second one to see what differs.');
  if (known > 0 && known < wanted.length)
    notes.push(`${countOfRuns(wanted.length - known)} of those chosen cannot be found any more.`);
  const all = [...facts];
  const unread = all.filter(({ problem }) => problem !== null).length;
  if (unread > 0)
    notes.push(
      `The run ${unread === 1 ? 'file of 1 run' : `files of ${formatCount(unread)} runs`} could not be read: what differs there is not known.`,
    );
  const imported = all.filter(({ spec, problem }) => spec === null && problem === null).length;
  if (imported > 0)
    notes.push(
      imported === 1
        ? '1 run is imported and has no run file: what differs in its setup is not known.'
        : `${formatCount(imported)} runs are imported and have no run file: what differs in their setup is not known.`,
    );
  if (failed > 0) notes.push(`Values of ${countOfRuns(failed)} could not be had: the log says why.`);
  const missing = known - all.length - failed;
  if (missing > 0) notes.push(`${countOfRuns(missing)} to come…`);
  return notes;
}

function countOfRuns(count: number): string {
  return count === 1 ? '1 run' : `${formatCount(count)} runs`;
}
