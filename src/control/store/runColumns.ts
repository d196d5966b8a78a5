import type { MetricRecord } from '../../core/metricParser.ts';
import { Column } from './column.ts';

/** Points of one metric: which record each belongs to, and its value (NaN and ±Infinity as they are). */
export interface MetricColumns {
  record: Column<Uint32Array>;
  value: Column<Float64Array>;
}

/** All metric lines of one run in memory. A record is one (segment, step), and is here once whatever the file repeats. */
export class RunColumns {
  readonly segment = new Column(new Uint16Array(0));
  readonly step = new Column(new Uint32Array(0));
  readonly tokens = new Column(new Float64Array(0));
  readonly time = new Column(new Float64Array(0));
  readonly elapsed = new Column(new Float64Array(0));
  readonly metrics = new Map<string, MetricColumns>();
  /** Changes whenever `hiddenFrom` does. */
  hiding = 0;
  /** Per segment: its first and its highest step. */
  readonly #segments = new Map<number, { first: number; last: number }>();
  #hidden: { hiding: number; from: ReadonlyMap<number, number> } | undefined;
  /** Only built when a file goes back within a segment. */
  #places: Map<number, number> | undefined;
  /** Records that a metric has points of; only of metrics that got one of an earlier record. */
  readonly #known = new Map<string, Set<number>>();

  get records(): number {
    return this.step.length;
  }

  metric(name: string): MetricColumns {
    let columns = this.metrics.get(name);
    if (!columns) {
      columns = { record: new Column(new Uint32Array(0)), value: new Column(new Float64Array(0)) };
      this.metrics.set(name, columns);
    }
    return columns;
  }

  /** Adds a line. What is already here for its (segment, step, metric) stays as it is. */
  add(line: MetricRecord): void {
    const index = this.#placeOf(line);
    for (const [name, value] of line.metrics) {
      const { record, value: values } = this.metric(name);
      const newest = record.length === 0 ? -1 : record.get(record.length - 1);
      const known = newest >= index ? this.#knownOf(name, record) : this.#known.get(name);
      if (known?.has(index)) continue;
      known?.add(index);
      record.push(index);
      values.push(value);
    }
  }

  /** Room for what will be added from blocks. */
  reserveRecords(more: number): void {
    for (const column of [this.segment, this.step, this.tokens, this.time, this.elapsed])
      column.reserve(more);
  }

  /** Adds records that were read from blocks: unique already. */
  addRecords(block: {
    segment: Uint16Array<ArrayBuffer>;
    step: Uint32Array<ArrayBuffer>;
    tokens: Float64Array<ArrayBuffer>;
    time: Float64Array<ArrayBuffer>;
    elapsed: Float64Array<ArrayBuffer>;
  }): void {
    let from = 0;
    while (from < block.step.length) {
      // Most blocks are of one segment, in order: what is between its ends tells nothing more.
      const segment = block.segment[from]!;
      let to = from + 1;
      while (to < block.step.length && block.segment[to] === segment && block.step[to]! > block.step[to - 1]!)
        to++;
      this.#note(segment, block.step[from]!);
      this.#note(segment, block.step[to - 1]!);
      from = to;
    }
    this.segment.append(block.segment);
    this.step.append(block.step);
    this.tokens.append(block.tokens);
    this.time.append(block.time);
    this.elapsed.append(block.elapsed);
    this.#places = undefined;
  }

  /**
   * Per segment the step from which a later segment hides it: a run resumed from step r shows what it computed after r
   * in the newest segment only.
   */
  hiddenFrom(): ReadonlyMap<number, number> {
    if (this.#hidden?.hiding !== this.hiding)
      this.#hidden = { hiding: this.hiding, from: this.#findHidden() };
    return this.#hidden.from;
  }

  #knownOf(name: string, record: MetricColumns['record']): Set<number> {
    let known = this.#known.get(name);
    if (!known) {
      known = new Set(record.view());
      this.#known.set(name, known);
    }
    return known;
  }

  #findHidden(): Map<number, number> {
    const hidden = new Map<number, number>();
    let lowest = Number.POSITIVE_INFINITY;
    for (const segment of [...this.#segments.keys()].sort((a, b) => b - a)) {
      hidden.set(segment, lowest);
      lowest = Math.min(lowest, this.#segments.get(segment)!.first);
    }
    return hidden;
  }

  #placeOf(line: MetricRecord): number {
    const segment = this.#segments.get(line.segment);
    if (segment && line.step <= segment.last) {
      const place = this.#find(line.segment, line.step);
      if (place !== undefined) return place;
    }
    const index = this.records;
    this.segment.push(line.segment);
    this.step.push(line.step);
    this.tokens.push(line.tokens);
    this.time.push(line.time);
    this.elapsed.push(line.elapsed);
    this.#note(line.segment, line.step);
    this.#places?.set(key(line.segment, line.step), index);
    return index;
  }

  #find(segment: number, step: number): number | undefined {
    const newest = this.records - 1;
    if (this.step.get(newest) === step && this.segment.get(newest) === segment) return newest;
    if (!this.#places) {
      this.#places = new Map();
      for (let i = 0; i < this.records; i++) this.#places.set(key(this.segment.get(i), this.step.get(i)), i);
    }
    return this.#places.get(key(segment, step));
  }

  #note(segment: number, step: number): void {
    const known = this.#segments.get(segment);
    if (!known || step < known.first) this.hiding++;
    if (!known) this.#segments.set(segment, { first: step, last: step });
    else {
      if (step < known.first) known.first = step;
      if (step > known.last) known.last = step;
    }
  }
}

function key(segment: number, step: number): number {
  return segment * 0x1_0000_0000 + step;
}
