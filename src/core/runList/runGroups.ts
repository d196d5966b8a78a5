import type { RunSummary } from '../../protocol/controlApi.ts';
import { isActive } from '../runState.ts';

export const groupings = ['none', 'setup', 'node', 'tag', 'group', 'lineage'] as const;
export type Grouping = (typeof groupings)[number];

export const sortings = ['newest', 'oldest', 'name', 'loss', 'state'] as const;
export type Sorting = (typeof sortings)[number];

/** What grouping and sorting look at. */
export type ListedRun = Pick<
  RunSummary,
  'run' | 'name' | 'node' | 'state' | 'tags' | 'group' | 'createdAt' | 'loss' | 'setup' | 'seed' | 'parent'
>;

export interface RunGroup<T> {
  /** Unique among the groups of one list, and the same as long as the group is. */
  key: string;
  /** What it stands for: a node, tag or group name, or the name of its first run. Null: the runs that have none. */
  name: string | null;
  runs: T[];
}

/** A list of runs and groups of runs, in the order in which they are shown. */
export interface RunList<T> {
  groups: RunGroup<T>[];
  /** Runs that need no group, because they would be alone in it. */
  single: T[];
}

const stateOrder: readonly string[] = [
  'running',
  'stopping',
  'starting',
  'queued',
  'failed',
  'lost',
  'preempted',
  'stopped',
  'finished',
];

const collator = new Intl.Collator('en', { numeric: true });

/** Compares two runs; ties are newest first. */
export function runOrder(sorting: Sorting): (a: ListedRun, b: ListedRun) => number {
  const newest = (a: ListedRun, b: ListedRun): number =>
    b.createdAt - a.createdAt || (a.run < b.run ? 1 : a.run > b.run ? -1 : 0);
  switch (sorting) {
    case 'newest':
      return newest;
    case 'oldest':
      return (a, b) => newest(b, a);
    case 'name':
      return (a, b) => collator.compare(a.name, b.name) || newest(a, b);
    case 'loss':
      return (a, b) => byLoss(a, b) || newest(a, b);
    case 'state':
      return (a, b) => stateOrder.indexOf(a.state) - stateOrder.indexOf(b.state) || newest(a, b);
  }
}

/**
 * Sorted runs as groups. A run with several tags is in each of their groups. Groups stand in the order of their first
 * runs, those of nodes, tags and groups by name; runs that have none come last.
 */
export function groupRuns<T extends ListedRun>(sorted: readonly T[], grouping: Grouping): RunList<T> {
  if (grouping === 'none') return { groups: [], single: [...sorted] };
  const roots = grouping === 'lineage' ? rootsOf(sorted) : undefined;
  const groups = new Map<string, RunGroup<T>>();
  for (const run of sorted)
    for (const value of valuesOf(run, grouping, roots)) {
      const key = value === null ? '' : `=${value}`;
      const group = groups.get(key);
      if (group) group.runs.push(run);
      else groups.set(key, { key, name: value, runs: [run] });
    }
  if (grouping !== 'setup' && grouping !== 'lineage')
    return { groups: [...groups.values()].sort(byName), single: [] };
  const list: RunList<T> = { groups: [], single: [] };
  for (const group of groups.values()) {
    if (group.name === null || group.runs.length < 2) list.single.push(...group.runs);
    else list.groups.push({ ...group, name: headOf(group, grouping).name });
  }
  return list;
}

/** "5 seeds", "5 runs of 4 seeds": what n of a group of one setup is. */
export function seedsText(runs: readonly Pick<RunSummary, 'seed'>[]): string {
  const seeds = new Set(runs.map(({ seed }) => seed)).size;
  return seeds === runs.length ? `n = ${seeds} seeds` : `${runs.length} runs, n = ${seeds} seeds`;
}

/** "2 of 5 running", "5 finished", "3 of 5 finished". */
export function progressText(runs: readonly Pick<RunSummary, 'state'>[]): string {
  const count = (state: (one: RunSummary['state']) => boolean): number =>
    runs.filter((run) => state(run.state)).length;
  const of = (n: number): string => (n === runs.length ? String(n) : `${n} of ${runs.length}`);
  const active = count(isActive);
  const finished = count((state) => state === 'finished');
  const failed = count((state) => state === 'failed' || state === 'lost');
  return [
    active > 0 ? `${of(active)} active` : '',
    finished > 0 || active === 0 ? `${of(finished)} finished` : '',
    failed > 0 ? `${failed} failed` : '',
  ]
    .filter((part) => part !== '')
    .join(' · ');
}

function valuesOf(
  run: ListedRun,
  grouping: Grouping,
  roots: ReadonlyMap<string, string> | undefined,
): (string | null)[] {
  switch (grouping) {
    case 'setup':
      return [run.setup];
    case 'node':
      return [run.node];
    case 'tag':
      return run.tags.length > 0 ? [...new Set(run.tags)] : [null];
    case 'group':
      return [run.group];
    case 'lineage':
      return [roots?.get(run.run) ?? run.run];
    case 'none':
      return [null];
  }
}

/** Of each run the run at the root of its lineage: the first ancestor that is in the list. */
function rootsOf(runs: readonly ListedRun[]): Map<string, string> {
  const parents = new Map(runs.map(({ run, parent }) => [run, parent?.split('@')[0]]));
  const roots = new Map<string, string>();
  for (const { run } of runs) {
    const seen = new Set<string>();
    let root = run;
    for (;;) {
      seen.add(root);
      const parent = parents.get(root);
      // Files that name each other in a circle end where they began.
      if (parent === undefined || !parents.has(parent) || seen.has(parent)) break;
      root = parent;
    }
    roots.set(run, root);
  }
  return roots;
}

/** The run that gives a group its name: the root of a lineage, else the oldest. */
function headOf<T extends ListedRun>({ key, runs }: RunGroup<T>, grouping: Grouping): T {
  const root = grouping === 'lineage' ? runs.find(({ run }) => `=${run}` === key) : undefined;
  return root ?? runs.reduce((oldest, run) => (run.createdAt < oldest.createdAt ? run : oldest));
}

function byName<T>(a: RunGroup<T>, b: RunGroup<T>): number {
  if (a.name === null || b.name === null) return a.name === null ? 1 : -1;
  return collator.compare(a.name, b.name) || (a.name < b.name ? -1 : 1);
}

/** Lowest first; runs without one, or whose loss is no number, last. */
function byLoss(a: ListedRun, b: ListedRun): number {
  const value = ({ loss }: ListedRun): number => (typeof loss === 'number' ? loss : Number.POSITIVE_INFINITY);
  const [x, y] = [value(a), value(b)];
  return x === y ? 0 : x - y;
}
