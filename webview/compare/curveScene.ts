import type { LiveSeries } from '../../src/core/liveSeries.ts';
import { formatCount } from '../../src/core/numberFormat.ts';
import type { CompareState } from '../../src/protocol/comparePage.ts';
import { metricNames } from '../../src/protocol/runDirectory.ts';
import type { SeriesStyle } from '../common/seriesStyle.ts';
import { isOfPhase, isOwnMark, isValidation } from '../curves/panels.ts';
import { type PhaseMark, phaseMarks } from '../curves/phaseMarks.ts';
import { type Column, columnDetail } from './columns.ts';
import type { CurveLoader } from './curveLoader.ts';
import { differenceCurve, meanCurve, type PlotPoint, valuesByStep } from './curvesOf.ts';
import type { OverlayCurve } from './overlayChart.ts';

interface Kept {
  /** What they were made of, and how new that was. */
  of: readonly LiveSeries[];
  signature: string;
  points: PlotPoint[];
}

/** Points over all curves: more would hold the page up while they are drawn. */
const pointBudget = 8000;
/** So many columns are drawn in colour at once. */
const mostNear = 24;

/** Turns the points of runs into the curves of columns: means of seeds, differences to the baseline. */
export class CurveScene {
  readonly #loader: CurveLoader;
  /** By column and metric: most curves are the same in the next picture. */
  readonly #means = new Map<string, Kept>();
  #askedFor: readonly Column[] = [];
  #askedAs = '';

  constructor(loader: CurveLoader) {
    this.#loader = loader;
  }

  /** Asks for what is to be drawn, where that is something else than before; `near`: positions of the columns in view. */
  ask(columns: readonly Column[], near: ReadonlySet<number>, metric: string, width: number): void {
    const key = JSON.stringify([[...near], metric, Math.round(width / 100)]);
    if (columns === this.#askedFor && key === this.#askedAs) return;
    this.#askedFor = columns;
    this.#askedAs = key;
    const runs = columns.reduce((n, column) => n + column.runs.length, 0);
    const wanted = columns.flatMap(({ runs: own }) => own.map(({ run }) => ({ run, metric })));
    const seen = columns.flatMap((column, i) => (near.has(i) ? [column] : []));
    const first = seen.flatMap(({ runs: own }) => own.map(({ run }) => ({ run, metric })));
    const marks = seen.flatMap((column) =>
      column.runs.flatMap(({ run }) => validationsOf(column, metric).map((name) => ({ run, metric: name }))),
    );
    const unique = new Map(
      [...first, ...marks, ...wanted].map((each) => [`${each.run} ${each.metric}`, each]),
    );
    this.#loader.show([...unique.values()], Math.min(width, Math.max(48, pointBudget / Math.max(1, runs))));
  }

  /** Curves of all columns; those at `near` positions in colour. */
  curves(
    columns: readonly Column[],
    near: ReadonlySet<number>,
    styleOf: (column: string) => SeriesStyle,
    { metric, differenceCurves, baseline }: Pick<CompareState, 'metric' | 'differenceCurves' | 'baseline'>,
  ): OverlayCurve[] {
    const pinned = differenceCurves && baseline !== null ? columns[0] : undefined;
    const bases = new Map<string, Map<number, number>>();
    const plotted = (column: Column, name: string): PlotPoint[] => {
      const points = this.#mean(column, name);
      if (!pinned) return points;
      let base = bases.get(name);
      if (!base) {
        base = valuesByStep(this.#mean(pinned, name));
        bases.set(name, base);
      }
      return differenceCurve(points, base);
    };
    let shown = 0;
    return columns.map((column, i) => {
      const isNear = near.has(i) && shown < mostNear;
      if (isNear) shown++;
      const { phases } = column.runs[0]!;
      return {
        ...{ key: column.key, name: column.name, detail: columnDetail(column), seeds: column.runs.length },
        style: styleOf(column.key),
        points: plotted(column, metric),
        marks: isNear
          ? validationsOf(column, metric).flatMap((name) =>
              plotted(column, name).filter(({ x }) => isOfPhase(name, phases, x)),
            )
          : [],
        near: isNear,
      };
    });
  }

  /** Where a column's objective switches and its decay begins, of the columns in colour. */
  marks(columns: readonly Column[], near: ReadonlySet<number>): PhaseMark[] {
    const seen = columns.filter((_, i) => near.has(i)).slice(0, mostNear);
    return seen.flatMap(({ key, name, runs }) =>
      phaseMarks([{ ...runs[0]!, step: Math.max(...runs.map(({ step }) => step)), run: key, name }]),
    );
  }

  /** The value of a column at the step, or at the nearest one before it that all its seeds have. */
  valueAt(column: Column, metric: string, step: number): PlotPoint | undefined {
    const points = this.#mean(column, metric);
    let low = 0;
    let high = points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (points[middle]!.x <= step) low = middle + 1;
      else high = middle;
    }
    return points[low - 1];
  }

  /** The last step at which a column has a value; below 0 where it has none. */
  lastStep(column: Column, metric: string): number {
    return this.#mean(column, metric).at(-1)?.x ?? -1;
  }

  /** How many points the longest run of all has, drawn or not. */
  longest(columns: readonly Column[], metric: string): number {
    let most = 0;
    for (const { runs } of columns)
      for (const { run } of runs) most = Math.max(most, this.#loader.seriesOf(run, metric)?.total ?? 0);
    return most;
  }

  /** "1,000 of 42,000 points" over the columns in view. */
  pointsNote(columns: readonly Column[], near: ReadonlySet<number>, metric: string): string {
    let shown = 0;
    let total = 0;
    let without = 0;
    for (const [i, { runs }] of columns.entries()) {
      if (!near.has(i)) continue;
      const before = total;
      for (const { run } of runs) {
        const series = this.#loader.seriesOf(run, metric);
        shown += series?.points.length ?? 0;
        total += series?.total ?? 0;
      }
      if (total === before) without++;
    }
    const waiting = this.#loader.waiting;
    return [
      ...(total > 0 ? [`${formatCount(shown)} of ${formatCount(Math.max(shown, total))} points`] : []),
      ...(total > 0 && waiting === 0 && without > 0
        ? [without === 1 ? '1 column has none' : `${formatCount(without)} columns have none`]
        : []),
      ...(waiting > 0 ? [`${formatCount(waiting)} curves to come`] : []),
    ].join(' · ');
  }

  #mean(column: Column, metric: string): PlotPoint[] {
    const all = column.runs.flatMap(({ run }) => this.#loader.seriesOf(run, metric) ?? []);
    const signature = all.map(({ version, points }) => `${version} ${points.length}`).join();
    const key = `${column.key} ${metric}`;
    const known = this.#means.get(key);
    // Series that never got a point since control began are of one version: it does not tell them apart.
    if (known?.signature === signature && known.of.every((series, i) => series === all[i]))
      return known.points;
    const points = all.length === 0 ? [] : meanCurve(all.map((series) => series.points));
    this.#means.set(key, { of: all, signature, points });
    return points;
  }

  /** Forgets columns that are gone. */
  keep(columns: readonly Column[]): void {
    const keys = new Set(columns.map(({ key }) => key));
    for (const key of this.#means.keys())
      if (!keys.has(key.slice(0, key.indexOf(' ')))) this.#means.delete(key);
  }
}

/** Validation losses that stand beside the training loss: of objectives that the column trains. */
export function validationsOf({ runs, facts }: Column, metric: string): string[] {
  if (metric !== metricNames.loss) return [];
  const names = new Set(facts.flatMap((fact) => fact?.metrics.map(({ name }) => name) ?? []));
  return [...names].filter((name) => isValidation(name) && isOwnMark(name, runs[0]!.phases)).sort();
}
