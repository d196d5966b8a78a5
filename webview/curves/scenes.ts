import type { ThemeColours } from '../common/theme.ts';
import { extentOf } from './extent.ts';
import type { PageState } from './pageState.ts';
import { isOwnMark, metricsOf, type Panel } from './panels.ts';
import type { PanelCurve, PanelScene } from './panelView.ts';
import { phaseMarks } from './phaseMarks.ts';
import { isActive, waitingLines } from './runText.ts';
import type { SeriesStore } from './seriesStore.ts';
import type { ShownRuns } from './shownRuns.ts';

/** Joins state, runs and series to what a panel draws. */
export class Scenes {
  /** The range of x that all panels show where the person chose none. */
  extent: [number, number] = [0, 1];
  /** Points were asked for a moment ago. */
  moment = false;
  theme: ThemeColours;
  private readonly state: PageState;
  private readonly runs: ShownRuns;
  private readonly store: SeriesStore;

  constructor(state: PageState, runs: ShownRuns, store: SeriesStore, theme: ThemeColours) {
    this.state = state;
    this.runs = runs;
    this.store = store;
    this.theme = theme;
  }

  /** Takes the extent of x from the points there are now; returns whether every panel has to follow it. */
  measure(panels: readonly Panel[]): boolean {
    const found = extentOf(
      panels.flatMap((panel) =>
        this.curves(panel).map((c) => this.store.wholeOf(c.run, c.metric)?.points ?? []),
      ),
    );
    if (!found || (found[0] === this.extent[0] && found[1] === this.extent[1])) return false;
    this.extent = found;
    return this.state.current?.range === null;
  }

  /** The curves of a panel, those of visible runs. */
  curves(panel: Panel): PanelCurve[] {
    return this.runs.visible.flatMap((run) =>
      metricsOf(panel).flatMap((metric) => {
        const series = this.store.pointsOf(run.run, metric);
        if (metric !== panel.metric && (!series || !isOwnMark(metric, run.phases))) return [];
        return [
          {
            run: run.run,
            name: run.name,
            metric,
            phases: run.phases,
            style: this.runs.slots.styleOf(run.run),
            series,
            emphasis: this.runs.emphasisOf(run.run),
          },
        ];
      }),
    );
  }

  scene(panel: Panel): PanelScene {
    const state = this.state.current!;
    const runs = this.runs.visible;
    const { highlighted } = this.runs;
    const marked = highlighted === null ? runs : runs.filter((r) => r.run === highlighted);
    const loading = this.isLoading(panel.metric);
    return {
      curves: this.curves(panel),
      marks: phaseMarks(marked),
      x: state.x,
      logY: state.logY,
      theme: this.theme,
      view: state.range ?? this.extent,
      waiting: loading ? 'Loading…' : this.waitingFor(panel),
      moment: loading && this.moment,
    };
  }

  /** Whether points of some run on show are under way, so that nothing is known of them yet. */
  isLoading(metric: string): boolean {
    return this.runs.visible.some((run) => this.store.isLoading(run.run, metric));
  }

  /** What a panel without points says. */
  private waitingFor({ metric, size }: Panel): string {
    const runs = this.runs.visible;
    if (size === 'small') return runs.some(isActive) ? 'no points yet' : 'no points';
    if (runs.length === 0) return 'All runs are hidden. Press one in the list to show it.';
    return waitingLines(runs, (run) => this.store.problemOf(run, metric));
  }
}
