import type { RunSummary } from '../../src/protocol/controlApi.ts';
import { StyleSlots } from '../common/seriesStyle.ts';
import type { PageState } from './pageState.ts';

/** The runs that the page knows: which are on show, which stands out, how each is drawn. */
export class ShownRuns {
  readonly slots = new StyleSlots();
  highlighted: string | null = null;
  private readonly known = new Map<string, RunSummary>();
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
  }

  nameOf(run: string): string {
    return this.known.get(run)?.name ?? run;
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

  /** Every metric that some run on show has. */
  get metrics(): Set<string> {
    return new Set(this.shown.flatMap((r) => r.metrics));
  }

  emphasisOf(run: string): 'normal' | 'strong' | 'faint' {
    if (this.highlighted === null) return 'normal';
    return this.highlighted === run ? 'strong' : 'faint';
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
