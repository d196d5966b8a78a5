import type { DrawnReport } from './drawnReport.ts';
import type { PanelView } from './panelView.ts';

/** Between two times at which lines are extended, in milliseconds. */
const interval = 50;

/** What is extended, and who is told. */
type Extended = Pick<PanelView, 'panel' | 'extend'>;
type Report = Pick<DrawnReport, 'drawn'>;

/** Adds new points to the lines of all pictures at once, between their drawings. */
export class LineExtender {
  private readonly views: () => readonly Extended[];
  private readonly report: Report;
  private extendedAt = Number.NEGATIVE_INFINITY;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(views: () => readonly Extended[], report: Report) {
    this.views = views;
    this.report = report;
  }

  /** New points came. */
  later(): void {
    const wait = Math.max(0, this.extendedAt + interval - performance.now());
    this.timer ??= setTimeout(() => requestAnimationFrame(() => this.extend()), wait);
  }

  private extend(): void {
    this.timer = undefined;
    this.extendedAt = performance.now();
    for (const view of this.views()) {
      const runs = view.extend();
      if (runs.size > 0) this.report.drawn(new Set([view.panel.metric]), runs);
    }
  }
}
