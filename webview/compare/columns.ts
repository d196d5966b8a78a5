import type { CompareRun, CompareState } from '../../src/protocol/comparePage.ts';
import type { ComparedRun } from '../../src/protocol/comparison.ts';

/** One run, or the runs of one setup that differ in their seed. */
export interface Column {
  /** Id of its first run. */
  key: string;
  name: string;
  /** In the order of their seeds. */
  runs: readonly CompareRun[];
  /** Beside the runs; undefined where it is not known yet. */
  facts: readonly (ComparedRun | undefined)[];
}

/**
 * The columns as they were picked, the baseline's first. Runs of one setup with different seeds are one column where
 * `groupSeeds`; a repeat with the same seed is no new evidence and keeps a column of its own.
 */
export function columnsOf(
  runs: readonly CompareRun[],
  facts: ReadonlyMap<string, ComparedRun>,
  { groupSeeds, baseline }: Pick<CompareState, 'groupSeeds' | 'baseline'>,
): Column[] {
  const groups: CompareRun[][] = [];
  const bySetup = new Map<string, CompareRun[]>();
  for (const run of runs) {
    const group = groupSeeds && run.setup !== null ? bySetup.get(run.setup) : undefined;
    if (group && run.seed !== null && group.every(({ seed }) => seed !== null && seed !== run.seed))
      group.push(run);
    else {
      const fresh = [run];
      groups.push(fresh);
      if (run.setup !== null && !bySetup.has(run.setup)) bySetup.set(run.setup, fresh);
    }
  }
  const columns = groups.map((group): Column => {
    const sorted = group.sort((a, b) => (a.seed ?? 0) - (b.seed ?? 0));
    const first = sorted[0]!;
    return {
      key: first.run,
      name: first.name,
      runs: sorted,
      facts: sorted.map(({ run }) => facts.get(run)),
    };
  });
  const pinned = columns.findIndex((column) => column.runs.some(({ run }) => run === baseline));
  if (pinned > 0) columns.unshift(...columns.splice(pinned, 1));
  return columns;
}

/** What tells columns of one name apart: "seeds 0, 1, 2", or "seed 0 · atlas". */
export function columnDetail({ runs }: Column): string {
  const first = runs[0]!;
  if (runs.length === 1)
    return [...(first.seed === null ? [] : [`seed ${first.seed}`]), first.node].join(' · ');
  const seeds = runs.map(({ seed }) => seed);
  const shown = seeds.length > 6 ? `${seeds.slice(0, 6).join(', ')} …` : seeds.join(', ');
  return `${runs.length} seeds: ${shown}`;
}
