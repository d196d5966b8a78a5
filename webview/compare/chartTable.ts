import { formatCount } from '../../src/core/numberFormat.ts';
import { html, setText } from '../common/dom.ts';
import { type PointsColumn, PointsTable } from '../curves/pointsTable.ts';
import type { TablePoint } from '../curves/tableRows.ts';
import { chartFormat } from './chartWords.ts';
import type { PlotPoint } from './curvesOf.ts';
import type { OverlayCurve, OverlayScene } from './overlayChart.ts';

/** So many columns have their points in the table; of more, those in view. */
const mostColumns = 24;

/** The chart's points as a table, in the chart's place. */
export class ChartTable {
  readonly #title = html('h2');
  readonly #table: PointsTable;
  #shown = '';

  /** `turned`: another page was chosen, draw again. */
  constructor(turned: () => void) {
    this.#table = new PointsTable([this.#title], turned);
  }

  get element(): HTMLElement {
    return this.#table.element;
  }

  focus(): void {
    this.#table.focus();
  }

  /** `longest`: points of the longest run, of which the curves may have fewer. */
  draw({ curves, title, zero, waiting }: OverlayScene, longest: number): void {
    if (this.#shown !== title) this.#table.rewind();
    this.#shown = title;
    setText(this.#title, title);
    const shown = curves.length > mostColumns ? curves.filter(({ near }) => near) : curves;
    this.#table.draw({
      columns: shown.flatMap(columnsOf),
      format: chartFormat(zero),
      place: null,
      about: (rows) =>
        [
          ...(shown.length < curves.length
            ? [`of ${formatCount(shown.length)} of ${formatCount(curves.length)} columns, those in view`]
            : []),
          `${formatCount(Math.max(rows, longest))} points in the longest run.`,
          ...(longest > rows ? ['Show Curves has finer rows.'] : []),
        ].join(' '),
      empty: waiting,
    });
  }
}

/** A curve, and its validations beside it. */
function columnsOf({ name, detail, seeds, style, points, marks }: OverlayCurve): PointsColumn[] {
  const label = seeds > 1 ? `mean of ${formatCount(seeds)} seeds` : detail;
  return [
    { name, label, style, points: points.map(tablePoint) },
    ...(marks.length > 0
      ? [{ name, label: `${label}, validation`, style, points: marks.map(tablePoint) }]
      : []),
  ];
}

function tablePoint({ x, y }: PlotPoint): TablePoint {
  return { x, y, step: x, segment: 0 };
}
