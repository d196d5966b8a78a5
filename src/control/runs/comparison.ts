import { metricDirection } from '../../core/metricDirection.ts';
import { printable } from '../../core/printable.ts';
import { specTexts } from '../../core/runDifferences.ts';
import { median } from '../../core/statistics/moments.ts';
import type { Turns } from '../../core/turns.ts';
import type { ComparedMetric, ComparedRun } from '../../protocol/comparison.ts';
import { type MetricNumber, metricNames } from '../../protocol/runDirectory.ts';
import type { CacheStore } from '../store/cacheStore.ts';
import type { MetricColumns, RunColumns } from '../store/runColumns.ts';
import type { CatalogRun, RunCatalog } from './runCatalog.ts';
import { resolvedFileOf } from './runSummary.ts';

/** Says of runs what a comparison shows beside their summaries: run files, ends and bests of metrics, time and speed. */
export class Comparison {
  readonly #catalog: RunCatalog;
  readonly #store: CacheStore;

  constructor(catalog: RunCatalog, store: CacheStore) {
    this.#catalog = catalog;
    this.#store = store;
  }

  /** Those of the runs that are known, in turns with whoever else asks. */
  async answer(runs: readonly string[], turns: Turns): Promise<ComparedRun[]> {
    const compared: ComparedRun[] = [];
    for (const run of runs) {
      await turns.all(this.#store.loading(run));
      const found = await turns.do(() => this.of(run));
      if (found) compared.push(found);
    }
    return compared;
  }

  /** Undefined where the run is not known. */
  of(run: string): ComparedRun | undefined {
    const known = this.#catalog.get(run);
    return known && this.#compared(known);
  }

  #compared({ report, node }: CatalogRun): ComparedRun {
    const { run, spec } = report;
    // What came from another program has no run file, and differs in nothing that is known.
    const imported = spec?.kind === 'imported';
    const file = resolvedFileOf(spec);
    const columns = this.#store.columns(run);
    const { hidden, elapsed } = ofRecords(columns);
    const rates = columns.metrics.get(metricNames.tokensPerSecond);
    const threads = file?.engine.threads;
    return {
      run,
      spec: spec && !imported ? printableTexts(specTexts(file, { node, bundle: spec.bundle })) : null,
      problem: spec
        ? file || imported
          ? null
          : 'This version cannot read its run file.'
        : 'Its run file could not be read.',
      metrics: [...columns.metrics].map(([name, points]) => comparedMetric(name, points, columns, hidden)),
      elapsed,
      tokensPerSecond: rates ? medianOf(rates, hidden) : null,
      threads: typeof threads === 'number' ? threads : null,
    };
  }
}

/** A run file may hold what turns or moves the text around it. */
function printableTexts(texts: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, printable(text)]));
}

/** Which records a later segment hides (null: none), and the seconds of training at the newest. */
function ofRecords(columns: RunColumns): { hidden: Uint8Array | null; elapsed: number | null } {
  const { records } = columns;
  const elapsed = records === 0 ? null : columns.elapsed.view().reduce((most, at) => Math.max(most, at), 0);
  const from = columns.hiddenFrom();
  if (from.size < 2) return { hidden: null, elapsed };
  const hidden = new Uint8Array(records);
  for (let i = 0; i < records; i++)
    if (columns.step.get(i) >= from.get(columns.segment.get(i))!) hidden[i] = 1;
  return { hidden, elapsed };
}

function comparedMetric(
  name: string,
  points: MetricColumns,
  columns: RunColumns,
  hidden: Uint8Array | null,
): ComparedMetric {
  const direction = metricDirection(name);
  const found: ComparedMetric = { name, points: 0, nonFinite: 0, last: null, best: null };
  let last = -1;
  let lastStep = -1;
  let best = -1;
  let bestValue = direction === 'higher' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  for (let i = 0; i < points.record.length; i++) {
    const record = points.record.get(i);
    if (hidden?.[record]) continue;
    const value = points.value.get(i);
    const step = columns.step.get(record);
    found.points++;
    if (step >= lastStep) {
      last = i;
      lastStep = step;
    }
    if (!Number.isFinite(value)) found.nonFinite++;
    else if (direction && (direction === 'lower' ? value < bestValue : value > bestValue)) {
      best = record;
      bestValue = value;
    }
  }
  if (last >= 0) found.last = { step: lastStep, value: metricNumber(points.value.get(last)) };
  if (best >= 0) found.best = { step: columns.step.get(best), value: bestValue };
  return found;
}

function medianOf(points: MetricColumns, hidden: Uint8Array | null): number | null {
  const values: number[] = [];
  for (let i = 0; i < points.record.length; i++) {
    const value = points.value.get(i);
    if (!hidden?.[points.record.get(i)] && Number.isFinite(value)) values.push(value);
  }
  return values.length === 0 ? null : median(values);
}

function metricNumber(value: number): MetricNumber {
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
}
