import type { RunSummary } from '../../src/protocol/controlApi.ts';
import { type SeriesStyle, StyleSlots } from '../common/seriesStyle.ts';
import type { PageState } from './pageState.ts';
import { groupRuns, type RunGroup } from './seedGroups.ts';

/** The runs that the page knows: which are on show, which stands out, how each is drawn. */
export class ShownRuns {
  readonly slots = new StyleSlots();
  highlighted: string | null = null;
  private readonly known = new Map<string, RunSummary>();
  private grouped: { state: unknown; groups: RunGroup[]; ofRun: Map<string, RunGroup> } | undefined;
  private readonly state: PageState;

  constructor(state: PageState) {
    this.state = state;
  }

  /** Everything there is to know, as a snapshot brings it. */
  replace(runs: readonly RunSummary[]): void {
    this.known.clear();
    this.update(runs, []);
  }

  update(runs: readonly RunSummary[], removed: readonly string[]): void {
    for (const run of runs) this.known.set(run.run, run);
    for (const run of removed) this.known.delete(run);
    this.grouped = undefined;
  }

  /** Of a run or a group. */
  nameOf(id: string): string {
    return this.known.get(id)?.name ?? this.grouping.ofRun.get(id)?.name ?? id;
  }

  /** Of a run or a group. Runs of a group look alike. */
  styleOf(id: string): SeriesStyle {
    return this.slots.styleOf(this.grouping.ofRun.get(id)?.runs[0] ?? id);
  }

  /** Runs on show in their order, those that are known. */
  get shown(): RunSummary[] {
    return (this.state.current?.runs ?? []).flatMap((id) => this.known.get(id) ?? []);
  }

  /** Those that are not hidden by a press on their row. */
  get visible(): RunSummary[] {
    const hidden = new Set(this.state.current?.hidden);
    return this.shown.filter((r) => !hidden.has(r.run));
  }

  /** Visible runs that are drawn as one; none where seeds are not grouped. */
  get groups(): readonly RunGroup[] {
    return this.grouping.groups;
  }

  /** The groups, also by the ids of their runs and their own; kept until runs or state change. */
  private get grouping(): { groups: readonly RunGroup[]; ofRun: ReadonlyMap<string, RunGroup> } {
    const state = this.state.current;
    if (this.grouped && this.grouped.state === state) return this.grouped;
    const groups = state?.groupSeeds ? groupRuns(this.visible) : [];
    const ofRun = new Map(groups.flatMap((group) => [group.id, ...group.runs].map((id) => [id, group])));
    this.grouped = { state, groups, ofRun };
    return this.grouped;
  }

  /** The visible run that others are compared with. */
  get baseline(): string | undefined {
    return this.visible.find((run) => run.baseline)?.run;
  }

  /** Every metric that some run on show has. */
  get metrics(): Set<string> {
    return new Set(this.shown.flatMap((r) => r.metrics));
  }

  emphasisOf(run: string): 'normal' | 'strong' | 'faint' {
    if (this.highlighted === run) return 'strong';
    return this.highlighted !== null || this.grouping.ofRun.has(run) ? 'faint' : 'normal';
  }

  /** Lets a run stand out (null: none does); returns whether that changed anything. */
  highlight(run: string | null): boolean {
    const next = run !== null && this.state.current?.hidden.includes(run) ? null : run;
    if (this.highlighted === next || this.visible.length < 2) return false;
    this.highlighted = next;
    return true;
  }

  /** Hides a run or shows it again; returns the hidden ones. */
  toggled(run: string): string[] {
    const hidden = new Set(this.state.current?.hidden);
    if (!hidden.delete(run)) hidden.add(run);
    // The pointer still rests on its row: a hidden run stands out from nothing.
    if (this.highlighted === run) this.highlighted = null;
    return [...hidden];
  }
}
