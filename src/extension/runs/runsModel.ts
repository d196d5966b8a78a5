import { parseRunFilter, type RunFilter } from '../../core/runList/runFilter.ts';
import {
  groupRuns,
  progressText,
  type RunGroup,
  type RunList,
  runOrder,
} from '../../core/runList/runGroups.ts';
import type { RunSummary } from '../../protocol/controlApi.ts';
import { newestFirst, queuePlaces } from '../views/runText.ts';
import { isShown, plainView, type RunsView } from './runsView.ts';

export interface RunRow {
  kind: 'run';
  /** Unique in the tree: a run is under each of its tags, and under the checkpoint that it began from. */
  id: string;
  run: string;
}
export interface CheckpointRow {
  kind: 'checkpoint';
  id: string;
  run: string;
  step: number;
}
export interface GroupRow {
  kind: 'group';
  id: string;
  key: string;
}
export type Row = RunRow | CheckpointRow | GroupRow;

/**
 * Rows of the runs tree. A row is one object as long as it is shown, and a change names the fewest rows to draw anew:
 * at a thousand runs, of which some change at any moment, drawing all of them each time would stall the window.
 */
export class RunsModel {
  readonly #runs: ReadonlyMap<string, RunSummary>;
  #view: RunsView = plainView;
  #filter: RunFilter = [];
  #list: RunList<RunSummary> = { groups: [], single: [] };
  #groups = new Map<string, RunGroup<RunSummary>>();
  /** Runs that began from a run's checkpoints, by that run and step. */
  #branches = new Map<string, Map<number, RunSummary[]>>();
  #places = new Map<string, string>();
  /** Runs with the name of another one that is shown, and their seeds: by these one tells them apart. */
  #seeds = new Map<string, string>();
  #rows = new Map<string, Row>();
  /** All rows of a run, wherever it stands. */
  #rowsOfRun = new Map<string, Set<RunRow>>();
  #known = 0;

  /** `runs`: changes by itself; `refresh` is called after. */
  constructor(runs: ReadonlyMap<string, RunSummary>) {
    this.#runs = runs;
  }

  /** Runs that are shown, and all that are not archived or are shown nevertheless. */
  get counts(): { shown: number; all: number } {
    return { shown: this.#known, all: this.#all };
  }
  #all = 0;

  setView(view: RunsView): void {
    this.#view = view;
    this.#filter = parseRunFilter(view.filter);
    this.#rows.clear();
    this.#rowsOfRun.clear();
    this.#build();
  }

  /** After these runs changed: the rows to draw anew, or undefined for all. */
  refresh(changed: ReadonlySet<string>): Row[] | undefined {
    const before = { list: this.#list, groups: this.#groups, branches: this.#branches };
    const [places, seeds] = [this.#places, this.#seeds];
    this.#build();
    if (rootSignature(before.list) !== rootSignature(this.#list)) {
      this.#dropRows();
      return undefined;
    }
    const rows = new Set<Row>();
    for (const [key, group] of this.#groups) {
      const old = before.groups.get(key);
      if (old && groupSignature(old) === groupSignature(group)) continue;
      const row = this.#rows.get(groupId(key));
      if (row) rows.add(row);
    }
    const runs = new Set(changed);
    for (const [run] of changedEntries(places, this.#places)) runs.add(run);
    for (const [run] of changedEntries(seeds, this.#seeds)) runs.add(run);
    for (const parent of new Set([...before.branches.keys(), ...this.#branches.keys()]))
      if (branchSignature(before.branches.get(parent)) !== branchSignature(this.#branches.get(parent)))
        runs.add(parent);
    for (const run of runs) for (const row of this.#rowsOfRun.get(run) ?? []) rows.add(row);
    return [...rows];
  }

  children(parent?: Row): Row[] {
    if (!parent)
      return [
        ...this.#list.groups.map(({ key }) => this.#groupRow(key)),
        ...this.#list.single.map(({ run }) => this.#runRow('', run)),
      ];
    if (parent.kind === 'group')
      return (this.#groups.get(parent.key)?.runs ?? []).map(({ run }) => this.#runRow(parent.id, run));
    if (parent.kind === 'run')
      return this.stepsOf(parent.run).map((step) => this.#checkpointRow(parent.id, parent.run, step));
    return this.branchesOf(parent.run, parent.step).map(({ run }) => this.#runRow(parent.id, run));
  }

  run(id: string): RunSummary | undefined {
    return this.#runs.get(id);
  }

  group(key: string): RunGroup<RunSummary> | undefined {
    return this.#groups.get(key);
  }

  /** Checkpoints that are there, and those from which a shown run began; newest first. */
  stepsOf(run: string): number[] {
    const steps = new Set(this.#runs.get(run)?.checkpoints);
    for (const step of this.#branches.get(run)?.keys() ?? []) steps.add(step);
    return [...steps].sort((a, b) => b - a);
  }

  branchesOf(run: string, step: number): readonly RunSummary[] {
    return this.#branches.get(run)?.get(step) ?? [];
  }

  /** "2nd of 12 on atlas" of a run that waits. */
  placeOf(run: string): string | undefined {
    return this.#places.get(run);
  }

  /** "seed 1" of a run that has the name of another one. */
  seedOf(run: string): string | undefined {
    return this.#seeds.get(run);
  }

  /** The next older run that is shown: what a run is told apart from. */
  neighbourOf(run: RunSummary): RunSummary | undefined {
    let neighbour: RunSummary | undefined;
    for (const other of this.#shownRuns()) {
      if (other.run === run.run || newestFirst(run, other) > 0) continue;
      if (!neighbour || newestFirst(other, neighbour) < 0) neighbour = other;
    }
    return neighbour;
  }

  *#shownRuns(): Iterable<RunSummary> {
    yield* this.#list.single;
    for (const { runs } of this.#list.groups) yield* runs;
  }

  #build(): void {
    const shown: RunSummary[] = [];
    this.#all = 0;
    for (const run of this.#runs.values()) {
      if (this.#view.archived || !run.archived) this.#all++;
      if (isShown(run, this.#view, this.#filter)) shown.push(run);
    }
    shown.sort(runOrder(this.#view.sorting));
    this.#known = shown.length;
    this.#list = groupRuns(shown, this.#view.grouping);
    this.#groups = new Map(this.#list.groups.map((group) => [group.key, group]));
    this.#places = queuePlaces(this.#runs.values());
    this.#seeds = seedsOfTwins(shown);
    this.#branches = new Map();
    for (const run of shown) {
      const [, parent = '', step = ''] = /^([^@]+)@(\d+)$/u.exec(run.parent ?? '') ?? [];
      if (parent === '' || parent === run.run) continue;
      const steps = this.#branches.get(parent) ?? new Map<number, RunSummary[]>();
      this.#branches.set(parent, steps);
      steps.set(Number(step), [...(steps.get(Number(step)) ?? []), run]);
    }
  }

  /** Rows that are shown no more; those below others come again when they are opened. */
  #dropRows(): void {
    const rows = new Map(this.#rows);
    this.#rows.clear();
    this.#rowsOfRun.clear();
    const keep = (row: Row): void => {
      this.#rows.set(row.id, row);
      if (row.kind === 'run') this.#noteRunRow(row);
    };
    for (const { key, runs } of this.#list.groups) {
      const row = rows.get(groupId(key));
      if (row) keep(row);
      for (const { run } of runs) {
        const inner = rows.get(runId(groupId(key), run));
        if (inner) keep(inner);
      }
    }
    for (const { run } of this.#list.single) {
      const row = rows.get(runId('', run));
      if (row) keep(row);
    }
  }

  #groupRow(key: string): Row {
    return this.#row(groupId(key), (id) => ({ kind: 'group', id, key }));
  }

  #runRow(within: string, run: string): Row {
    const row = this.#row(runId(within, run), (id) => ({ kind: 'run', id, run }));
    if (row.kind === 'run') this.#noteRunRow(row);
    return row;
  }

  #noteRunRow(row: RunRow): void {
    const rows = this.#rowsOfRun.get(row.run) ?? new Set();
    this.#rowsOfRun.set(row.run, rows.add(row));
  }

  #checkpointRow(within: string, run: string, step: number): Row {
    return this.#row(`${within}@${step}`, (id) => ({ kind: 'checkpoint', id, run, step }));
  }

  #row(id: string, make: (id: string) => Row): Row {
    let row = this.#rows.get(id);
    if (!row) {
      row = make(id);
      this.#rows.set(id, row);
    }
    return row;
  }
}

const groupId = (key: string): string => `group:${key}`;
const runId = (within: string, run: string): string => `${within}/run:${run}`;

function seedsOfTwins(shown: readonly RunSummary[]): Map<string, string> {
  const counts = new Map<string, number>();
  for (const { name } of shown) counts.set(name, (counts.get(name) ?? 0) + 1);
  return new Map(
    shown.flatMap(({ run, name, seed }) =>
      seed !== null && counts.get(name)! > 1 ? [[run, `seed ${seed}`] as const] : [],
    ),
  );
}

/** Entries that are new, are others now, or are gone. */
function* changedEntries(
  before: ReadonlyMap<string, string>,
  now: ReadonlyMap<string, string>,
): Iterable<[string, string]> {
  for (const entry of now) if (before.get(entry[0]) !== entry[1]) yield entry;
  for (const entry of before) if (!now.has(entry[0])) yield entry;
}

function runsSignature(runs: readonly RunSummary[]): string {
  return runs.map(({ run }) => run).join();
}

/** A group is drawn anew with all its runs, so only where it itself changed. */
function groupSignature({ name, runs }: RunGroup<RunSummary>): string {
  return JSON.stringify([name, progressText(runs), runsSignature(runs)]);
}

/** Equal where the rows at the root are the same, in the same order. */
function rootSignature({ groups, single }: RunList<RunSummary>): string {
  return JSON.stringify([groups.map(({ key }) => key), runsSignature(single)]);
}

function branchSignature(steps: ReadonlyMap<number, readonly RunSummary[]> | undefined): string {
  return steps ? JSON.stringify([...steps].map(([step, runs]) => [step, runsSignature(runs)])) : '';
}
