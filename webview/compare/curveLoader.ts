import { LiveSeries } from '../../src/core/liveSeries.ts';
import { decodeSeries } from '../../src/core/seriesBytes.ts';
import type { PointsDelta, SeriesHeader, SeriesRequest } from '../../src/protocol/controlApi.ts';

interface Loaded {
  run: string;
  metric: string;
  series: LiveSeries | undefined;
  problem: string | undefined;
  state: 'wanted' | 'asked' | 'there';
}

/** Answers under way at once: the rest waits, so that neither end has a long row of messages before it. */
const atOnce = 4;

const keyOf = (run: string, metric: string): string => `${run} ${metric}`;

/** Points of any number of curves, asked for a few at a time in the order of `show`, and followed while they grow. */
export class CurveLoader {
  readonly #series = new Map<string, Loaded>();
  readonly #asked = new Map<number, Loaded>();
  readonly #ask: (request: number, series: SeriesRequest) => void;
  readonly #changed: (run: string) => void;
  #order: Loaded[] = [];
  #pixels = 400;
  #next = 1;

  constructor(ask: (request: number, series: SeriesRequest) => void, changed: (run: string) => void) {
    this.#ask = ask;
    this.#changed = changed;
  }

  /** The curves to have, the most wanted first; others are dropped. `pixels`: width at which each is drawn. */
  show(wanted: readonly { run: string; metric: string }[], pixels: number): void {
    this.#pixels = Math.max(16, Math.min(16384, Math.round(pixels)));
    const keys = new Set<string>();
    this.#order = wanted.map(({ run, metric }) => {
      const key = keyOf(run, metric);
      keys.add(key);
      const known = this.#series.get(key);
      if (known) return known;
      const fresh: Loaded = { run, metric, series: undefined, problem: undefined, state: 'wanted' };
      this.#series.set(key, fresh);
      return fresh;
    });
    for (const key of this.#series.keys()) if (!keys.has(key)) this.#series.delete(key);
    this.#pump();
  }

  /** The page was hidden: answers that were under way never come. Points stay until the new ones are there. */
  refresh(): void {
    this.#asked.clear();
    for (const loaded of this.#series.values()) loaded.state = 'wanted';
    this.#pump();
  }

  seriesOf(run: string, metric: string): LiveSeries | undefined {
    return this.#series.get(keyOf(run, metric))?.series;
  }

  problemOf(run: string, metric: string): string | undefined {
    return this.#series.get(keyOf(run, metric))?.problem;
  }

  /** How many are still to come. */
  get waiting(): number {
    return this.#order.reduce((n, { state }) => n + (state === 'there' ? 0 : 1), 0);
  }

  /** Throws `damaged` where the bytes do not fit the header. */
  answered(request: number, header: SeriesHeader, bytes: ArrayBuffer | undefined): void {
    const loaded = this.#taken(request);
    if (loaded) {
      loaded.series = new LiveSeries(header, decodeSeries(bytes ?? new ArrayBuffer(0), header.points));
      loaded.problem = undefined;
      this.#changed(loaded.run);
    }
    this.#pump();
  }

  failed(request: number, message: string): void {
    const loaded = this.#taken(request);
    if (loaded) {
      loaded.problem = message;
      this.#changed(loaded.run);
    }
    this.#pump();
  }

  /** New points; returns whether a curve has them now. */
  appended(header: PointsDelta, bytes: ArrayBuffer | undefined): boolean {
    const loaded = this.#series.get(keyOf(header.run, header.metric));
    if (!loaded || loaded.state === 'wanted') return false;
    const columns = decodeSeries(bytes ?? new ArrayBuffer(0), header.points);
    const outcome = loaded.series?.append(header, columns) ?? 'gap';
    if (outcome === 'gap' && loaded.state === 'there') {
      loaded.state = 'wanted';
      this.#pump();
    } else if (outcome === 'applied') {
      // Twice as many as a snapshot brings: a coarser one will do.
      if (loaded.series!.points.length > 8 * this.#pixels) {
        loaded.state = 'wanted';
        this.#pump();
      }
      this.#changed(loaded.run);
    }
    return outcome === 'applied';
  }

  #taken(request: number): Loaded | undefined {
    const loaded = this.#asked.get(request);
    this.#asked.delete(request);
    if (loaded?.state !== 'asked') return undefined;
    loaded.state = 'there';
    return this.#series.get(keyOf(loaded.run, loaded.metric)) === loaded ? loaded : undefined;
  }

  #pump(): void {
    if (this.#asked.size >= atOnce) return;
    for (const loaded of this.#order) {
      if (loaded.state !== 'wanted') continue;
      loaded.state = 'asked';
      const request = this.#next++;
      this.#asked.set(request, loaded);
      const { run, metric } = loaded;
      this.#ask(request, {
        run,
        metric,
        x: 'step',
        from: null,
        to: null,
        pixels: this.#pixels,
        smoothing: null,
      });
      if (this.#asked.size >= atOnce) return;
    }
  }
}
