import type { ThemeColours } from '../common/theme.ts';
import { extentOf } from './extent.ts';
import type { PageState } from './pageState.ts';
import { type PanelBand, type PanelCurve, type PanelScene, readPoints } from './panelScene.ts';
import { isOwnMark, metricsOf, type Panel } from './panels.ts';
import { branchMarks, phaseMarks, resumeMarks } from './phaseMarks.ts';
import { isActive, waitingLines } from './runText.ts';
import { type BandPoint, bandOf } from './seedGroups.ts';
import type { SeriesStore } from './seriesStore.ts';
import type { ShownRuns } from './shownRuns.ts';

/** Joins state, runs and series to what a panel draws. */
export class Scenes {
  /** The range of x that all panels show where the person chose none. */
  extent: [number, number] = [0, 1];
  /** Points were asked for a moment ago. */
  moment = false;
  theme: ThemeColours;
  private readonly bands = new Map<string, { key: string; points: BandPoint[] }>();
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
    const runs = this.runs.visible;
    const found = extentOf(
      panels.flatMap((panel) =>
        metricsOf(panel).flatMap((metric) =>
          runs
            .filter((run) => metric === panel.metric || isOwnMark(metric, run.phases))
            .map((run) => this.store.wholeOf(run.run, metric)?.points ?? []),
        ),
      ),
      this.state.current?.logX,
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
        const emphasis = this.runs.emphasisOf(run.run);
        return [
          {
            run: run.run,
            name: run.name,
            metric,
            phases: run.phases,
            style: this.runs.styleOf(run.run),
            series,
            emphasis,
            checkpoints:
              panel.size === 'big' && metric === panel.metric && emphasis !== 'faint' ? run.checkpoints : [],
          },
        ];
      }),
    );
  }

  scene(panel: Panel): PanelScene {
    const state = this.state.current!;
    const runs = this.runs.visible;
    const { highlighted } = this.runs;
    const isMarked = (run: string) => highlighted === null || run === highlighted;
    const marked = runs.filter(({ run }) => isMarked(run));
    const loading = this.isLoading(panel.metric);
    const curves = this.curves(panel);
    const resumed = marked.flatMap(({ run, name }) =>
      resumeMarks(run, name, this.store.wholeOf(run, panel.metric)?.points ?? []),
    );
    return {
      curves,
      bands: this.bandsOf(panel, curves),
      marks: [...phaseMarks(marked), ...branchMarks(runs).filter(({ run }) => isMarked(run)), ...resumed],
      x: state.x,
      logX: state.logX,
      logY: state.logY,
      robust: state.robust.includes(panel.metric),
      pinned: state.pinned === panel.metric,
      smoothed: state.smoothing !== null,
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

  private bandsOf(panel: Panel, curves: readonly PanelCurve[]): PanelBand[] {
    const smoothed = this.state.current?.smoothing !== null;
    return this.runs.groups.map((group) => {
      const lines = curves
        .filter((curve) => curve.metric === panel.metric && group.runs.includes(curve.run))
        .flatMap((curve) => (curve.series ? [{ curve, series: curve.series }] : []));
      const key = JSON.stringify(
        lines.map(({ curve, series: { x, version, bucket, smoothing, points } }) => [
          ...[curve.run, x, version, bucket, smoothing, points.length, points[0]?.step],
        ]),
      );
      const at = `${group.id} ${panel.metric}`;
      let band = this.bands.get(at);
      if (band?.key !== key) {
        const points = bandOf(
          lines.map(({ curve, series }) => ({
            points: readPoints(panel, curve, smoothed),
            bucket: series.bucket,
          })),
        );
        band = { key, points };
        this.bands.set(at, band);
      }
      return { run: group.id, name: group.name, style: this.runs.styleOf(group.id), points: band.points };
    });
  }

  /** What a panel without points says. */
  private waitingFor({ metric, size }: Panel): string {
    const runs = this.runs.visible;
    if (size === 'small') return runs.some(isActive) ? 'no points yet' : 'no points';
    if (runs.length === 0) return 'All runs are hidden. Press one in the list to show it.';
    return waitingLines(runs, (run) => this.store.problemOf(run, metric));
  }
}
