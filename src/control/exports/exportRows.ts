import type { RunColumns } from '../store/runColumns.ts';

/** All values of one (segment, step). */
export interface ExportRow {
  segment: number;
  step: number;
  tokens: number;
  time: number;
  elapsed: number;
  values: { metric: number; value: number }[];
}

/** Every point of a run, or of some of its metrics, as it is now, by segment and step; points that come later are not in it. */
export class ExportRows {
  readonly metrics: string[];
  readonly points: number;
  readonly #columns: RunColumns;
  /** Records in the order of the rows. */
  readonly #order: Uint32Array;
  /** Values of row i: [#starts[i], #starts[i + 1]). */
  readonly #starts: Uint32Array;
  readonly #metric: Uint32Array;
  readonly #value: Float64Array;

  constructor(columns: RunColumns, wanted?: ReadonlySet<string>) {
    this.#columns = columns;
    const chosen = [...columns.metrics].filter(([name]) => wanted?.has(name) ?? true);
    this.metrics = chosen.map(([name]) => name);
    const { records } = columns;
    const order = Uint32Array.from({ length: records }, (_, i) => i);
    order.sort(
      (a, b) =>
        columns.segment.get(a) - columns.segment.get(b) || columns.step.get(a) - columns.step.get(b) || a - b,
    );
    const rowOf = new Uint32Array(records);
    for (let row = 0; row < records; row++) rowOf[order[row]!] = row;
    this.#order = order;
    this.#starts = new Uint32Array(records + 1);
    for (const [, { record }] of chosen)
      for (let i = 0; i < record.length; i++) this.#starts[rowOf[record.get(i)]! + 1]!++;
    for (let row = 0; row < records; row++) this.#starts[row + 1]! += this.#starts[row]!;
    this.points = this.#starts[records]!;
    this.#metric = new Uint32Array(this.points);
    this.#value = new Float64Array(this.points);
    const next = this.#starts.slice();
    for (const [metric, [, { record, value }]] of chosen.entries())
      for (let i = 0; i < record.length; i++) {
        const place = next[rowOf[record.get(i)]!]!++;
        this.#metric[place] = metric;
        this.#value[place] = value.get(i);
      }
  }

  *rows(): Generator<ExportRow> {
    const { segment, step, tokens, time, elapsed } = this.#columns;
    for (let row = 0; row < this.#order.length; row++) {
      const record = this.#order[row]!;
      const values: ExportRow['values'] = [];
      for (let i = this.#starts[row]!; i < this.#starts[row + 1]!; i++)
        values.push({ metric: this.#metric[i]!, value: this.#value[i]! });
      yield {
        segment: segment.get(record),
        step: step.get(record),
        tokens: tokens.get(record),
        time: time.get(record),
        elapsed: elapsed.get(record),
        values,
      };
    }
  }
}
