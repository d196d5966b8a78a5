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
  private readonly store: SeriesStore;

  constructor(store: SeriesStore) {
    this.store = store;
  }

  /** New points came that will be drawn. */
  add({ run, metric }: SeriesKey): void {
    this.arrived.set(`${run} ${metric}`, { run, metric });
  }

  /** A chart of these metrics was drawn, or the lines of these runs in it were extended. */
  drawn(metrics: ReadonlySet<string>, extended?: ReadonlySet<string>): void {
    const time = Date.now();
    for (const [key, { run, metric }] of this.arrived) {
      if (!metrics.has(metric) || extended?.has(run) === false) continue;
      this.arrived.delete(key);
      const lastStep = this.store.wholeOf(run, metric)?.points.at(-1)?.step;
      if (lastStep === undefined) continue;
      const detail: DrawnDetail = { run, metric, lastStep, time, redrawn: extended === undefined };
      document.dispatchEvent(new CustomEvent('biphase-drawn', { detail }));
    }
  }
}
