import { LiveSeries, stepsOfRange } from '../../src/core/liveSeries.ts';
import { decodeSeries } from '../../src/core/seriesBytes.ts';
import type { PointsDelta, SeriesHeader, SeriesRequest } from '../../src/protocol/controlApi.ts';
import { isValidation } from './panels.ts';

export type SeriesX = SeriesHeader['x'];

/** One (run, metric) on show. */
export interface SeriesKey {
  run: string;
  metric: string;
}

/** Points a pixel that deltas may pile up before a coarser snapshot is asked for: twice what a snapshot brings. */
const pointsPerPixel = 8;
const queuedDeltasKept = 256;
/** What a chart draws of all its runs together. */
const pointsPerChart = 24_000;
/** A series that cannot be had is not asked for again at each of its points. */
const retryMs = 5000;

interface Entry extends SeriesKey {
  /** Its whole is to be asked for when it is shown. */
  due: boolean;
  whole: LiveSeries | undefined;
  /** The points of the zoomed range, finer than `whole`; `to`: its last step, null where it goes on with the run. */
  detail: { series: LiveSeries; range: readonly [number, number]; to: number | null } | undefined;
  /** Numbers of the requests that are under way; answers to older ones are dropped. */
  wholeRequest: number | undefined;
  detailRequest: { number: number; range: readonly [number, number]; to: number | null } | undefined;
  /** Deltas that came while a snapshot was under way. */
  queued: { header: PointsDelta; bytes: ArrayBuffer }[];
  problem: string | undefined;
  /** When a request for it failed, by performance.now(). */
  failedAt: number;
}

/** What the store asks of its surroundings. */
export interface SeriesStoreEvents {
  ask: (request: number, series: SeriesRequest) => void;
  changed: (key: SeriesKey) => void;
}

function keyOf(run: string, metric: string): string {
  return `${run} ${metric}`;
}

/**
 * Every series on show: snapshots by request, deltas appended, gaps answered by a new snapshot. Knows no DOM.
 * The picture of a series never disappears while a new snapshot is under way.
 */
export class SeriesStore {
  private readonly entries = new Map<string, Entry>();
  private readonly asked = new Map<number, { key: string; detail: boolean }>();
  private readonly events: SeriesStoreEvents;
  private nextRequest = 1;
  private axis: SeriesX = 'step';
  private smoothing: number | null = null;
  private pixels = 800;
  /** Runs on show, at least 1. */
  private runs = 1;
  private view: readonly [number, number] | null = null;

  constructor(events: SeriesStoreEvents) {
    this.events = events;
  }

  /** Nothing that was asked for may come any more, as to a page that was hidden: what is shown next is asked for. */
  begin(x: SeriesX, smoothing: number | null): void {
    this.axis = x;
    this.smoothing = smoothing;
    this.asked.clear();
    for (const entry of this.entries.values()) {
      if (entry.whole?.x !== x) entry.whole = undefined;
      entry.detail = undefined;
      entry.detailRequest = undefined;
      entry.wholeRequest = undefined;
      entry.queued = [];
      entry.due = true;
    }
  }

  /** The series to hold from now on. Newcomers are asked for, others dropped. */
  show(keys: readonly SeriesKey[]): void {
    const wanted = new Map(keys.map((k) => [keyOf(k.run, k.metric), k]));
    this.runs = Math.max(1, new Set(keys.map((k) => k.run)).size);
    for (const key of [...this.entries.keys()]) if (!wanted.has(key)) this.entries.delete(key);
    for (const [key, { run, metric }] of wanted) {
      const known = this.entries.get(key);
      if (known) {
        if (known.due) this.askWhole(known);
        continue;
      }
      const entry: Entry = {
        due: true,
        run,
        metric,
        whole: undefined,
        detail: undefined,
        wholeRequest: undefined,
        detailRequest: undefined,
        queued: [],
        problem: undefined,
        failedAt: Number.NEGATIVE_INFINITY,
      };
      this.entries.set(key, entry);
      this.askWhole(entry);
    }
  }

  /** Asks for everything again: axis or smoothing changed. */
  refresh(x: SeriesX, smoothing: number | null): void {
    this.begin(x, smoothing);
    for (const entry of this.entries.values()) this.askWhole(entry);
  }

  /** Width of the charts in device pixels; asks again where the snapshots are now too coarse. */
  setPixels(pixels: number): void {
    const wider = pixels > this.pixels * 1.25;
    this.pixels = Math.min(16384, Math.max(64, Math.ceil(pixels)));
    if (wider)
      for (const entry of this.entries.values()) if ((entry.whole?.bucket ?? 1) > 1) this.askWhole(entry);
  }

  /** The range in view (in x) or null for everything: finer points are asked for where they exist. */
  setView(view: readonly [number, number] | null): void {
    this.view = view;
    for (const entry of this.entries.values()) this.askDetail(entry);
  }

  /** The best points there are for the range in view. */
  pointsOf(run: string, metric: string): LiveSeries | undefined {
    const entry = this.entries.get(keyOf(run, metric));
    const detail = entry?.detail;
    if (detail && this.view && detail.range[0] <= this.view[0] && detail.range[1] >= this.view[1])
      return detail.series;
    return entry?.whole;
  }

  /** The series over its whole length. */
  wholeOf(run: string, metric: string): LiveSeries | undefined {
    return this.entries.get(keyOf(run, metric))?.whole;
  }

  /** Whether the series' first points are still under way: only then nothing is known of it. */
  isLoading(run: string, metric: string): boolean {
    const entry = this.entries.get(keyOf(run, metric));
    return entry !== undefined && entry.whole === undefined && entry.wholeRequest !== undefined;
  }

  problemOf(run: string, metric: string): string | undefined {
    return this.entries.get(keyOf(run, metric))?.problem;
  }

  /** An answer to a request; throws `damaged` where the bytes do not fit the header. */
  answered(request: number, header: SeriesHeader, bytes: ArrayBuffer | undefined): void {
    const asked = this.asked.get(request);
    this.asked.delete(request);
    const entry = asked && this.entries.get(asked.key);
    if (!entry || header.x !== this.axis) return;
    const columns = decodeSeries(bytes ?? new ArrayBuffer(0), header.points, header.smoothing !== null);
    if (asked.detail) {
      if (entry.detailRequest?.number !== request) return;
      const { range, to } = entry.detailRequest;
      entry.detailRequest = undefined;
      entry.detail = { series: new LiveSeries(header, columns), range, to };
    } else {
      if (entry.wholeRequest !== request) return;
      entry.wholeRequest = undefined;
      entry.problem = undefined;
      entry.whole = new LiveSeries(header, columns);
      const queued = entry.queued;
      entry.queued = [];
      for (const delta of queued) this.apply(entry, delta.header, delta.bytes);
      if (this.view && !entry.detail) this.askDetail(entry);
    }
    this.events.changed(entry);
  }

  /** A request failed: said beside the series; what is drawn stays. */
  failed(request: number, message: string): void {
    const asked = this.asked.get(request);
    this.asked.delete(request);
    const entry = asked && this.entries.get(asked.key);
    if (!entry) return;
    if (asked.detail) {
      entry.detailRequest = undefined;
      return;
    }
    if (entry.wholeRequest !== request) return;
    entry.wholeRequest = undefined;
    entry.problem = message;
    entry.failedAt = performance.now();
    this.events.changed(entry);
  }

  /** New points; returns whether something changed on show. */
  appended(header: PointsDelta, bytes: ArrayBuffer | undefined): boolean {
    const entry = this.entries.get(keyOf(header.run, header.metric));
    if (!entry) return false;
    const held = bytes ?? new ArrayBuffer(0);
    if (entry.wholeRequest !== undefined) {
      if (entry.queued.length < queuedDeltasKept) entry.queued.push({ header, bytes: held });
      if (!entry.whole) return false;
    }
    const changed = this.apply(entry, header, held);
    if (changed) this.events.changed(entry);
    return changed;
  }

  private apply(entry: Entry, header: PointsDelta, bytes: ArrayBuffer): boolean {
    const columns = decodeSeries(bytes, header.points);
    const outcome = entry.whole?.append(header, columns) ?? 'gap';
    if (outcome === 'stale') return false;
    if (outcome === 'gap') {
      entry.detail = undefined;
      if (performance.now() - entry.failedAt >= retryMs) this.askWhole(entry);
      return false;
    }
    const detail = entry.detail;
    if (detail) {
      if (detail.series.append(header, columns, detail.to ?? Number.POSITIVE_INFINITY) === 'gap') {
        entry.detail = undefined;
        this.askDetail(entry);
      }
    }
    if (entry.whole!.points.length > pointsPerPixel * this.pixelsToAsk) this.askWhole(entry);
    return true;
  }

  /** Width that is asked for: a chart of many runs is coarser, so that drawing it takes no longer. */
  private get pixelsToAsk(): number {
    return Math.max(64, Math.min(this.pixels, Math.floor(pointsPerChart / (4 * this.runs))));
  }

  private askWhole(entry: Entry): void {
    // The answer under way was asked with the same axis: it will do.
    if (
      entry.wholeRequest !== undefined &&
      this.asked.has(entry.wholeRequest) &&
      entry.whole?.x === this.axis
    )
      return;
    entry.due = false;
    entry.wholeRequest = this.ask(entry, false, null, null);
  }

  private askDetail(entry: Entry): void {
    const whole = entry.whole;
    if (!this.view || !whole || whole.bucket === 1) {
      entry.detail = undefined;
      entry.detailRequest = undefined;
      return;
    }
    const steps = stepsOfRange(whole.points, this.view);
    if (!steps) return;
    // Half a view more on both sides, so that a small pan is sharp at once.
    const margin = Math.ceil((steps[1] - steps[0]) / 2);
    const from = Math.max(0, steps[0] - margin);
    const last = steps[1] + margin;
    const width = (this.view[1] - this.view[0]) / 2;
    const range: [number, number] = [this.view[0] - width, this.view[1] + width];
    const to = last >= (whole.points.at(-1)?.step ?? 0) ? null : last;
    const number = this.ask(entry, true, from, to);
    entry.detailRequest = { number, range, to };
  }

  private ask(entry: Entry, detail: boolean, from: number | null, to: number | null): number {
    const request = this.nextRequest++;
    this.asked.set(request, { key: keyOf(entry.run, entry.metric), detail });
    const pixels = detail ? Math.min(16384, this.pixelsToAsk * 2) : this.pixelsToAsk;
    this.events.ask(request, {
      run: entry.run,
      metric: entry.metric,
      x: this.axis,
      from,
      to,
      pixels,
      // A validation is drawn as it was measured.
      smoothing: isValidation(entry.metric) ? null : this.smoothing,
    });
    return request;
  }
}
