import { decimate } from '../../core/decimation.ts';
import { BiphaseError } from '../../core/errors.ts';
import type { WithBytes } from '../../core/rpcPeer.ts';
import { encodeSeries, type SeriesColumns } from '../../core/seriesBytes.ts';
import type { Turns } from '../../core/turns.ts';
import type { PointsDelta, SeriesHeader, SeriesRequest } from '../../protocol/controlApi.ts';
import type { CacheStore, Committed } from '../store/cacheStore.ts';
import type { MetricColumns, RunColumns } from '../store/runColumns.ts';
import type { RunFacts } from './runSummary.ts';
import { SeriesView } from './seriesView.ts';

export interface EncodedDelta {
  data: PointsDelta;
  binary: Uint8Array;
}

/** Answers series from the store, and turns commits into numbered deltas. */
export class SeriesService {
  readonly #store: CacheStore;
  readonly #facts: (run: string) => RunFacts;
  /** Newest number of each (run, metric). Numbers of another process never repeat: they begin at its start time. */
  readonly #versions = new Map<string, number>();
  readonly #firstVersion = Date.now() * 1000;
  #newestVersion = this.#firstVersion;
  #newestLoad: Promise<void> = Promise.resolve();
  /** Goes with the points, which the store keeps or drops. */
  readonly #views = new WeakMap<MetricColumns, SeriesView>();

  constructor(store: CacheStore, facts: (run: string) => RunFacts) {
    this.#store = store;
    this.#facts = facts;
  }

  /** As `snapshot`, in turns with others; one run is loaded after the other. */
  async answer(request: SeriesRequest, turns: Turns): Promise<WithBytes<SeriesHeader>> {
    const loaded = this.#newestLoad.then(() => turns.all(this.#store.loading(request.run)));
    this.#newestLoad = loaded.catch(() => undefined);
    await loaded;
    return turns.do(() => this.snapshot(request));
  }

  /** @throws BiphaseError `missing` where the axis needs the run file and it is not known */
  snapshot(request: SeriesRequest): WithBytes<SeriesHeader> {
    const { run, metric, x, pixels, smoothing } = request;
    const facts = this.#facts(run);
    const xOf = axisOf(x, facts);
    const columns = this.#store.columns(run);
    const points = columns.metrics.get(metric);
    const view = points && this.#view(columns, points);
    const [from, to] = view?.range(request.from, request.to) ?? [0, 0];
    const visible = view?.slice(from, to) ?? noPoints;
    const average = smoothing === null ? undefined : view?.smooth(smoothing, facts.phaseEnds, from, to);
    const carry = request.to === null ? (average?.carry ?? null) : null;
    const { indices, bucket } = decimate(visible, 0, to - from, pixels);
    const shown: SeriesColumns = {
      ...columnsOf(
        columns,
        indices.map((i) => visible.record[i]!),
        xOf,
      ),
      y: picked(visible.y, indices),
      ...(smoothing === null ? {} : { smooth: picked(average?.values ?? visible.y, indices) }),
    };
    const header: SeriesHeader = {
      ...{ run, metric, x, bucket },
      version: this.#version(run, metric),
      total: to - from,
      points: indices.length,
      smoothing: smoothing === null ? null : { halfLife: smoothing, phaseEnds: [...facts.phaseEnds], carry },
    };
    return { value: header, binary: new Uint8Array(encodeSeries(shown)) };
  }

  /** The deltas of a commit, for the metrics that somebody watches. Numbers advance for all. */
  deltas(run: string, committed: Committed, watched: (metric: string) => boolean): EncodedDelta[] {
    const events: EncodedDelta[] = [];
    const columns = this.#store.columns(run);
    if (committed.reset)
      for (const key of [...this.#versions.keys()])
        if (key.startsWith(`${run} `)) {
          const metric = key.slice(run.length + 1);
          if (watched(metric)) events.push(this.#delta(columns, run, metric, 0, 0, true));
          else this.#advance(run, metric);
        }
    const told = new Set(committed.hides ? columns.metrics.keys() : committed.metrics.keys());
    for (const metric of told) {
      if (!watched(metric)) {
        this.#advance(run, metric);
        continue;
      }
      const points = columns.metric(metric);
      const { from, to } = committed.metrics.get(metric) ?? { from: 0, to: 0 };
      if (!this.#view(columns, points).goesOn()) {
        events.push(this.#delta(columns, run, metric, 0, 0, true));
        continue;
      }
      let start = from;
      while (start < to) {
        const end = endOfSegment(columns, points, start, to);
        events.push(this.#delta(columns, run, metric, start, end, false));
        start = end;
      }
    }
    return events;
  }

  #advance(run: string, metric: string): { follows: number; version: number } {
    const follows = this.#version(run, metric);
    const version = ++this.#newestVersion;
    this.#versions.set(`${run} ${metric}`, version);
    return { follows, version };
  }

  #delta(
    columns: RunColumns,
    run: string,
    metric: string,
    from: number,
    to: number,
    reset: boolean,
  ): EncodedDelta {
    const points = columns.metrics.get(metric);
    const { follows, version } = this.#advance(run, metric);
    const records = points?.record.view(from, to) ?? noPoints.record;
    const shown = { ...columnsOf(columns, records, steps), y: points?.value.view(from, to) ?? noPoints.y };
    return {
      data: {
        ...{ run, metric, x: 'step', version, follows, reset, bucket: 1 },
        total: points ? this.#view(columns, points).length : 0,
        points: to - from,
        ends: this.#ends(columns, run, records.at(-1)),
      },
      binary: new Uint8Array(encodeSeries(shown)),
    };
  }

  /** Where a record lies on the axes. */
  #ends(columns: RunColumns, run: string, record: number | undefined): PointsDelta['ends'] {
    if (record === undefined) return { tokens: 0, flops: null, time: 0, share: null };
    const { flops, totalSteps } = this.#facts(run);
    const [step, tokens] = [columns.step.get(record), columns.tokens.get(record)];
    return {
      tokens,
      flops: flops?.at(step, tokens) ?? null,
      time: columns.elapsed.get(record),
      share: totalSteps > 0 ? step / totalSteps : null,
    };
  }

  #view(columns: RunColumns, points: MetricColumns): SeriesView {
    let view = this.#views.get(points);
    if (!view) {
      view = new SeriesView(columns, points);
      this.#views.set(points, view);
    }
    return view;
  }

  #version(run: string, metric: string): number {
    const key = `${run} ${metric}`;
    const known = this.#versions.get(key);
    if (known !== undefined) return known;
    // Noted, so that a reset is told to whoever holds a snapshot.
    this.#versions.set(key, this.#firstVersion);
    return this.#firstVersion;
  }
}

const noPoints = { record: new Uint32Array(0), step: new Uint32Array(0), y: new Float64Array(0) };

/** x of a record. */
type Axis = (columns: RunColumns, record: number) => number;
const steps: Axis = ({ step }, record) => step.get(record);

function axisOf(x: SeriesRequest['x'], { flops, totalSteps }: RunFacts): Axis {
  switch (x) {
    case 'step':
      return steps;
    case 'tokens':
      return ({ tokens }, record) => tokens.get(record);
    case 'time':
      return ({ elapsed }, record) => elapsed.get(record);
    case 'flops':
      if (flops) return ({ step, tokens }, record) => flops.at(step.get(record), tokens.get(record));
      throw notKnown('How many FLOPs its steps take');
    case 'share':
      if (totalSteps > 0) return ({ step }, record) => step.get(record) / totalSteps;
      throw notKnown('How many steps it is to take');
  }
}

function notKnown(what: string): BiphaseError {
  return new BiphaseError('missing', `${what} is not known of this run: its run file cannot be read.`, {
    next: 'Show it over steps, tokens or time.',
  });
}

function columnsOf(columns: RunColumns, records: Uint32Array, axis: Axis): Omit<SeriesColumns, 'y'> {
  const n = records.length;
  const out = { x: new Float64Array(n), step: new Uint32Array(n), segment: new Uint16Array(n) };
  for (let i = 0; i < n; i++) {
    const record = records[i]!;
    out.x[i] = axis(columns, record);
    out.step[i] = columns.step.get(record);
    out.segment[i] = columns.segment.get(record);
  }
  return out;
}

/** The values at some places. */
function picked(values: Float64Array, places: Uint32Array): Float64Array {
  const out = new Float64Array(places.length);
  for (let i = 0; i < places.length; i++) out[i] = values[places[i]!]!;
  return out;
}

/** Where the points from `start` on leave their segment. */
function endOfSegment(columns: RunColumns, points: MetricColumns, start: number, to: number): number {
  const segment = columns.segment.get(points.record.get(start));
  let end = start + 1;
  while (end < to && columns.segment.get(points.record.get(end)) === segment) end++;
  return end;
}
