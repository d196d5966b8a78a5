import { Smoother } from '../../core/smoothing.ts';
import type { SmoothingCarry } from '../../protocol/controlApi.ts';
import { Column } from '../store/column.ts';
import type { MetricColumns, RunColumns } from '../store/runColumns.ts';

/** The moving average of every visible point, in their order. */
interface Smoothed {
  halfLife: number;
  phaseEnds: string;
  smoother: Smoother;
  values: Column<Float64Array>;
}

const nothing = { index: -1, record: -1, step: -1 };

/**
 * The points of one metric that no later segment hides, ascending in step. Kept up with what is appended: a new point
 * costs what is new, and a request finds what the one before has computed.
 */
export class SeriesView {
  readonly #columns: RunColumns;
  readonly #points: MetricColumns;
  /** Indices into the metric's points. */
  #indices = new Column(new Uint32Array(0));
  /** Points of the metric that were looked at. */
  #seen = 0;
  #hiding = -1;
  /** The visible point that came last. */
  #newest = nothing;
  /** Visible points follow each other without a gap, and so do their records. */
  #straight = true;
  #smoothed: Smoothed | undefined;

  constructor(columns: RunColumns, points: MetricColumns) {
    this.#columns = columns;
    this.#points = points;
  }

  /** How many there are. */
  get length(): number {
    this.#update();
    return this.#indices.length;
  }

  /**
   * Whether who has the points that were visible, and gets the new ones in their order, sees what is visible now: these
   * go on in step and segment, none is hidden, and they go back to all that they hide. To be asked before anything
   * else after points or records were added.
   */
  goesOn(): boolean {
    const steps = this.#columns.step;
    const segments = this.#columns.segment;
    const hiddenFrom = this.#columns.hiddenFrom();
    const hidden = (record: number): boolean => steps.get(record) >= hiddenFrom.get(segments.get(record))!;
    const fresh = this.#points.record.view(this.#seen);
    for (const [i, record] of fresh.entries()) {
      if (hidden(record)) return false;
      const before = fresh[i - 1];
      if (before === undefined) continue;
      if (steps.get(record) <= steps.get(before) || segments.get(record) < segments.get(before)) return false;
    }
    if (this.#hiding === this.#columns.hiding) return true;
    const [first] = fresh;
    const back = first === undefined ? Number.POSITIVE_INFINITY : steps.get(first);
    return this.#indices.view().every((index) => {
      const record = this.#points.record.get(index);
      return !hidden(record) || steps.get(record) >= back;
    });
  }

  /** [from, to) of the points whose steps lie between two, both included; null = open. */
  range(firstStep: number | null, lastStep: number | null): [from: number, to: number] {
    this.#update();
    const from = firstStep === null ? 0 : this.#firstAtOrAfter(firstStep);
    const to = lastStep === null ? this.#indices.length : this.#firstAtOrAfter(lastStep + 1);
    return [from, Math.max(from, to)];
  }

  /** Columns of points [from, to): some are views, valid until the store changes. */
  slice(from: number, to: number): { record: Uint32Array; step: Uint32Array; y: Float64Array } {
    const records = this.#points.record.view();
    const values = this.#points.value.view();
    const steps = this.#columns.step.view();
    const indices = this.#indices.view(from, to);
    const n = indices.length;
    if (this.#straight && n > 0) {
      const first = indices[0]!;
      const record = records.subarray(first, first + n);
      return {
        record,
        step: steps.subarray(record[0], record[0]! + n),
        y: values.subarray(first, first + n),
      };
    }
    const out = { record: new Uint32Array(n), step: new Uint32Array(n), y: new Float64Array(n) };
    for (let i = 0; i < n; i++) {
      const record = records[indices[i]!]!;
      out.record[i] = record;
      out.step[i] = steps[record]!;
      out.y[i] = values[indices[i]!]!;
    }
    return out;
  }

  /** Average of points [from, to), taken over all points from the first on; `carry`: of the newest point there is. */
  smooth(
    halfLife: number,
    phaseEnds: readonly number[],
    from: number,
    to: number,
  ): { values: Float64Array; carry: SmoothingCarry | null } {
    this.#update();
    const phases = phaseEnds.join();
    let smoothed = this.#smoothed;
    if (smoothed?.halfLife !== halfLife || smoothed.phaseEnds !== phases) {
      const smoother = new Smoother(halfLife, phaseEnds);
      smoothed = { halfLife, phaseEnds: phases, smoother, values: new Column(new Float64Array(0)) };
      this.#smoothed = smoothed;
    }
    const { smoother, values } = smoothed;
    if (values.length < this.#indices.length) {
      const { step, y } = this.slice(values.length, this.#indices.length);
      const fresh = new Float64Array(y.length);
      for (let i = 0; i < y.length; i++) fresh[i] = smoother.next(step[i]!, y[i]!);
      values.append(fresh);
    }
    return { values: values.view(from, to), carry: smoother.carry };
  }

  #stepAt(place: number): number {
    return this.#columns.step.get(this.#points.record.get(this.#indices.get(place)));
  }

  #firstAtOrAfter(step: number): number {
    let low = 0;
    let high = this.#indices.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#stepAt(middle) < step) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #update(): void {
    const { hiding } = this.#columns;
    if (this.#hiding !== hiding) this.#forget(hiding);
    const { record } = this.#points;
    if (this.#seen === record.length) return;
    const hiddenFrom = this.#columns.hiddenFrom();
    const [steps, segments] = [this.#columns.step.view(), this.#columns.segment.view()];
    const fresh = record.view(this.#seen);
    const single = hiddenFrom.size <= 1;
    const kept = new Uint32Array(fresh.length);
    let count = 0;
    let ascending = true;
    let { index: lastIndex, record: lastRecord, step: lastStep } = this.#newest;
    for (let i = 0; i < fresh.length; i++) {
      const at = fresh[i]!;
      const step = steps[at]!;
      if (!single && step >= hiddenFrom.get(segments[at]!)!) continue;
      if (step < lastStep) ascending = false;
      const index = this.#seen + i;
      if (lastIndex >= 0 && (index !== lastIndex + 1 || at !== lastRecord + 1)) this.#straight = false;
      lastIndex = index;
      lastRecord = at;
      lastStep = step;
      kept[count++] = index;
    }
    this.#newest = { index: lastIndex, record: lastRecord, step: lastStep };
    this.#indices.append(kept.subarray(0, count));
    this.#seen = record.length;
    if (!ascending) this.#sort();
  }

  /** Other points are visible now. */
  #forget(hiding: number): void {
    this.#hiding = hiding;
    this.#indices = new Column(new Uint32Array(0));
    this.#seen = 0;
    this.#newest = nothing;
    this.#straight = true;
    this.#smoothed = undefined;
  }

  #sort(): void {
    const records = this.#points.record.view();
    const steps = this.#columns.step.view();
    this.#indices.view().sort((a, b) => steps[records[a]!]! - steps[records[b]!]!);
    const index = this.#indices.get(this.#indices.length - 1);
    this.#newest = { index, record: records[index]!, step: steps[records[index]!]! };
    this.#straight = false;
    this.#smoothed = undefined;
  }
}
