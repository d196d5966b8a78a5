import type { DrawnReport } from './drawnReport.ts';
import type { DrawReason } from './drawScheduler.ts';
import type { PanelView } from './panelView.ts';
import type { SeriesKey } from './seriesStore.ts';

/** Between two times at which lines are extended, in milliseconds. */
const interval = 50;

/** Adds new points to the lines of all pictures at once, then has them drawn again: soon where the lines are not all of it. */
export class LineExtender<View extends Pick<PanelView, 'panel' | 'extend'>> {
  private readonly report: Pick<DrawnReport, 'extended'>;
  private readonly drawLater: (view: View, reason: DrawReason) => void;
  private readonly grown = new Map<View, SeriesKey[]>();
  private extendedAt = Number.NEGATIVE_INFINITY;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(report: Pick<DrawnReport, 'extended'>, drawLater: (view: View, reason: DrawReason) => void) {
    this.report = report;
    this.drawLater = drawLater;
  }

  /** New points of a series came that this view shows. */
  later(view: View, key: SeriesKey): void {
    const keys = this.grown.get(view) ?? [];
    keys.push(key);
    this.grown.set(view, keys);
    const wait = Math.max(0, this.extendedAt + interval - performance.now());
    this.timer ??= setTimeout(() => requestAnimationFrame(() => this.extend()), wait);
  }

  /** The view is no longer there. */
  forget(view: View): void {
    this.grown.delete(view);
  }

  private extend(): void {
    this.timer = undefined;
    this.extendedAt = performance.now();
    const all = [...this.grown];
    this.grown.clear();
    for (const [view, keys] of all) {
      const { metric } = view.panel;
      const { runs, soon } = view.extend();
      if (runs.size > 0) this.report.extended(metric, runs);
      const shown = keys.every((key) => key.metric === metric && runs.has(key.run));
      this.drawLater(view, shown && !soon ? 'added' : 'points');
    }
  }
}
