import type { SeriesKey, SeriesStore } from './seriesStore.ts';

/** What listeners in the page's frame learn after points were drawn. */
export interface DrawnDetail {
  run: string;
  metric: string;
  lastStep: number;
  /** Unix milliseconds when the canvas had them. */
  time: number;
  /** The whole chart was drawn; false: only what is new was added to its lines. */
  redrawn: boolean;
}

/** Says what was drawn, for whoever measures: an event in the frame of the drawing, nothing else. */
export class DrawnReport {
  private readonly arrived = new Map<string, SeriesKey>();
  /** Whose newest points are in the picture, and were added to a drawing of before. */
  private readonly added = new Map<string, SeriesKey>();
  private readonly store: SeriesStore;

  constructor(store: SeriesStore) {
    this.store = store;
  }

  /** New points came that will be drawn. */
  add({ run, metric }: SeriesKey): void {
    this.arrived.set(`${run} ${metric}`, { run, metric });
  }

  /** A chart of these metrics was drawn. */
  drawn(metrics: ReadonlySet<string>): void {
    const time = Date.now();
    for (const waiting of [this.added, this.arrived])
      for (const [key, series] of waiting)
        if (metrics.has(series.metric)) {
          this.added.delete(key);
          this.arrived.delete(key);
          this.tell(series, time, true);
        }
  }

  /** The lines of these runs in the chart of a metric were extended by what came. */
  extended(metric: string, runs: ReadonlySet<string>): void {
    const time = Date.now();
    for (const [key, series] of this.arrived)
      if (series.metric === metric && runs.has(series.run)) {
        this.arrived.delete(key);
        this.added.set(key, series);
        this.tell(series, time, false);
      }
  }

  private tell({ run, metric }: SeriesKey, time: number, redrawn: boolean): void {
    const lastStep = this.store.wholeOf(run, metric)?.points.at(-1)?.step;
    if (lastStep === undefined) return;
    const detail: DrawnDetail = { run, metric, lastStep, time, redrawn };
    document.dispatchEvent(new CustomEvent('biphase-drawn', { detail }));
  }
}
