import { decimate } from '../../core/decimation.ts';
import type { WithBytes } from '../../core/rpcPeer.ts';
import { encodeSeries, type SeriesColumns } from '../../core/seriesBytes.ts';
import type { PointsDelta, SeriesHeader, SeriesRequest } from '../../protocol/controlApi.ts';
import type { CacheStore, Committed } from '../store/cacheStore.ts';
import type { MetricColumns, RunColumns } from '../store/runColumns.ts';

export interface EncodedDelta {
  data: PointsDelta;
  binary: Uint8Array;
}

/** Answers series from the store, and turns commits into numbered deltas. */
export class SeriesService {
  readonly #store: CacheStore;
  /** Newest number of each (run, metric). Numbers of another process never repeat: they begin at its start time. */
  readonly #versions = new Map<string, number>();
  readonly #firstVersion = Date.now() * 1000;
  #newestVersion = this.#firstVersion;

  constructor(store: CacheStore) {
    this.#store = store;
  }

  snapshot(request: SeriesRequest): WithBytes<SeriesHeader> {
    const columns = this.#store.columns(request.run);
    const points = columns.metrics.get(request.metric);
    const visible = points ? visiblePoints(columns, points, request.from, request.to) : new Uint32Array(0);
    const step = visible.map((i) => columns.step.get(points!.record.get(i)));
    const y = Float64Array.from(visible, (i) => points!.value.get(i));
    const { indices, bucket } = decimate({ step, y }, 0, visible.length, request.pixels);
    const shown = columnsOf(
      columns,
      points,
      indices.map((i) => visible[i]!),
      request.x,
    );
    return {
      value: {
        run: request.run,
        metric: request.metric,
        x: request.x,
        version: this.#version(request.run, request.metric),
        total: visible.length,
        points: indices.length,
        bucket,
        smoothing: null,
      },
      binary: new Uint8Array(encodeSeries(shown)),
    };
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
    for (const [metric, { from, to }] of committed.metrics) {
      if (!watched(metric)) {
        this.#advance(run, metric);
        continue;
      }
      const points = columns.metric(metric);
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
    const points = columns.metric(metric);
    const { follows, version } = this.#advance(run, metric);
    const shown = columnsOf(
      columns,
      points,
      Uint32Array.from({ length: to - from }, (_, i) => from + i),
      'step',
    );
    const newest = to > from ? points.record.get(to - 1) : undefined;
    return {
      data: {
        run,
        metric,
        x: 'step',
        version,
        follows,
        reset,
        total: visibleCount(columns, points),
        points: to - from,
        bucket: 1,
        ends: {
          tokens: newest === undefined ? 0 : columns.tokens.get(newest),
          flops: null,
          time: newest === undefined ? 0 : columns.elapsed.get(newest),
          share: null,
        },
      },
      binary: new Uint8Array(encodeSeries(shown)),
    };
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

/** Indices of the points that no later segment hides, ascending in step; `from` and `to` are steps, both included. */
function visiblePoints(
  columns: RunColumns,
  points: MetricColumns,
  from: number | null,
  to: number | null,
): Uint32Array {
  const hiddenFrom = columns.hiddenFrom();
  const kept = new Uint32Array(points.record.length);
  let length = 0;
  let ascending = true;
  let before = -1;
  for (let i = 0; i < points.record.length; i++) {
    const record = points.record.get(i);
    const step = columns.step.get(record);
    if (step >= hiddenFrom.get(columns.segment.get(record))!) continue;
    if ((from !== null && step < from) || (to !== null && step > to)) continue;
    if (step < before) ascending = false;
    before = step;
    kept[length++] = i;
  }
  const visible = kept.subarray(0, length);
  const stepOf = (i: number): number => columns.step.get(points.record.get(i));
  return ascending ? visible : visible.sort((a, b) => stepOf(a) - stepOf(b));
}

/** How many of the first `points` of a metric are visible while segments hide each other as in `hiding`. */
interface Counted {
  hiding: number;
  points: number;
  visible: number;
}
const counted = new WeakMap<MetricColumns, Counted>();

/** Goes on from the count before: a delta costs what is new in it, however long the run is. */
function visibleCount(columns: RunColumns, points: MetricColumns): number {
  const hiddenFrom = columns.hiddenFrom();
  if (hiddenFrom.size <= 1) return points.record.length;
  let count = counted.get(points);
  if (count?.hiding !== columns.hiding) {
    count = { hiding: columns.hiding, points: 0, visible: 0 };
    counted.set(points, count);
  }
  for (; count.points < points.record.length; count.points++) {
    const record = points.record.get(count.points);
    if (columns.step.get(record) < hiddenFrom.get(columns.segment.get(record))!) count.visible++;
  }
  return count.visible;
}

function columnsOf(
  columns: RunColumns,
  points: MetricColumns | undefined,
  indices: Uint32Array,
  axis: SeriesRequest['x'],
): SeriesColumns {
  const n = points ? indices.length : 0;
  const out: SeriesColumns = {
    x: new Float64Array(n),
    y: new Float64Array(n),
    step: new Uint32Array(n),
    segment: new Uint16Array(n),
  };
  const source = axis === 'step' ? columns.step : axis === 'tokens' ? columns.tokens : columns.elapsed;
  for (let i = 0; i < n; i++) {
    const record = points!.record.get(indices[i]!);
    out.x[i] = source.get(record);
    out.y[i] = points!.value.get(indices[i]!);
    out.step[i] = columns.step.get(record);
    out.segment[i] = columns.segment.get(record);
  }
  return out;
}

/** Where the points from `start` on leave their segment, or stop ascending. */
function endOfSegment(columns: RunColumns, points: MetricColumns, start: number, to: number): number {
  const segment = columns.segment.get(points.record.get(start));
  let end = start + 1;
  while (
    end < to &&
    columns.segment.get(points.record.get(end)) === segment &&
    points.record.get(end) > points.record.get(end - 1)
  )
    end++;
  return end;
}
