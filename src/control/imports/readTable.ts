import fs from 'node:fs';
import path from 'node:path';
import { type CsvLayout, cellNumber, cellTime, csvLayout } from '../../core/csv/csvLayout.ts';
import { CsvReader, separatorOf } from '../../core/csv/csvReader.ts';
import { BiphaseError } from '../../core/errors.ts';
import type { ImportedStep, MetricsWriter } from './metricsWriter.ts';
import type { ReadOptions } from './readEventFiles.ts';

const mostRuns = 10_000;

/** A table whose step column has to be named by a person. */
export interface UnclearTable {
  columns: string[];
}

/**
 * Reads a table row by row. `writerOf` is asked once for each run in it, by name; '' where the table is one run.
 * @returns its columns where nobody can tell which is the step; then nothing was written
 * @throws BiphaseError `damaged`
 */
export async function readTable(
  file: string,
  step: string | null | undefined,
  writerOf: (run: string) => MetricsWriter,
  { signal, read, notes }: ReadOptions,
): Promise<UnclearTable | undefined> {
  const decoder = new TextDecoder();
  let table: TableRows | undefined;
  let reader: CsvReader | undefined;
  for await (const chunk of fs.createReadStream(file, { highWaterMark: 256 << 10, signal })) {
    const text = decoder.decode(chunk as Buffer, { stream: true });
    if (!reader) {
      const separator = separatorOf(text);
      reader = new CsvReader(separator);
      table = new TableRows(path.basename(file, path.extname(file)), separator, step, writerOf);
    }
    for (const row of reader.push(text)) if (!table!.take(row)) return { columns: table!.columns };
    read((chunk as Buffer).length);
  }
  for (const row of reader?.end() ?? []) if (!table!.take(row)) return { columns: table!.columns };
  if (table && table.strange > 0)
    notes.push(`${path.basename(file)}: ${table.strange} cells are no numbers and were left out.`);
  if (table && table.withoutStep > 0)
    notes.push(`${path.basename(file)}: ${table.withoutStep} rows have no step and were left out.`);
  return undefined;
}

class TableRows {
  columns: string[] = [];
  strange = 0;
  withoutStep = 0;
  readonly #stem: string;
  readonly #separator: string;
  readonly #step: string | null | undefined;
  readonly #writerOf: (run: string) => MetricsWriter;
  readonly #writers = new Map<string, MetricsWriter>();
  #layout: CsvLayout | undefined;
  #rows = 0;

  constructor(
    stem: string,
    separator: string,
    step: string | null | undefined,
    writerOf: (run: string) => MetricsWriter,
  ) {
    this.#stem = stem;
    this.#separator = separator;
    this.#step = step;
    this.#writerOf = writerOf;
  }

  /** False where the header leaves open what the step is. */
  take(row: string[]): boolean {
    if (this.#layout) {
      this.#row(row, this.#layout);
      return true;
    }
    this.columns = row.map((name) => name.replace(/^\ufeff/, '').trim());
    const layout = csvLayout(this.columns, this.#step);
    if (layout === 'unclear') return false;
    this.#layout = layout;
    return true;
  }

  #row(row: string[], layout: CsvLayout): void {
    const number = (column: number | undefined): number | undefined =>
      column === undefined ? undefined : cellNumber(row[column], this.#separator);
    const step = layout.step === null ? this.#rows : number(layout.step);
    this.#rows++;
    if (step === undefined) {
      this.withoutStep++;
      return;
    }
    const at = {
      segment: number(layout.segment) ?? 0,
      step,
      tokens: number(layout.tokens) ?? 0,
      time: layout.wallTime === undefined ? undefined : cellTime(row[layout.wallTime], this.#separator),
      elapsed: number(layout.elapsed),
    };
    const run = layout.run === undefined ? '' : (row[layout.run] ?? '').trim();
    if (layout.long) {
      const { metric, value } = layout.long;
      const name = metric === undefined ? this.#stem : (row[metric] ?? '').trim();
      this.#add(run, at, [[name, row[value]]]);
    } else if (layout.perRun)
      for (const { column, name, run: named } of layout.metrics)
        this.#add(named ?? run, at, [[name, row[column]]]);
    else
      this.#add(
        run,
        at,
        layout.metrics.map(({ column, name }) => [name, row[column]]),
      );
  }

  #add(run: string, at: ImportedStep, cells: readonly [name: string, cell: string | undefined][]): void {
    const values: [string, number][] = [];
    for (const [name, cell] of cells) {
      const value = cellNumber(cell, this.#separator);
      if (value !== undefined) values.push([name, value]);
      else if (cell !== undefined && cell.trim() !== '') this.strange++;
    }
    if (values.length > 0) this.#writer(run).add(at, values);
  }

  #writer(run: string): MetricsWriter {
    let writer = this.#writers.get(run);
    if (!writer) {
      if (this.#writers.size >= mostRuns)
        throw new BiphaseError('refused', `${this.#stem} has more than ${mostRuns} runs.`);
      writer = this.#writerOf(run);
      this.#writers.set(run, writer);
    }
    return writer;
  }
}
