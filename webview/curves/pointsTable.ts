import { formatCount } from '../../src/core/numberFormat.ts';
import { button } from '../common/controls.ts';
import { html, setText } from '../common/dom.ts';
import type { SeriesStyle } from '../common/seriesStyle.ts';
import { swatch } from '../common/swatch.ts';
import { type TablePoint, type TableRow, tableRows } from './tableRows.ts';

const rowsAPage = 100;

/** A curve as a column of numbers. */
export interface PointsColumn {
  name: string;
  /** Behind the name: what tells it from other curves of that name. */
  label: string;
  style: SeriesStyle;
  points: readonly TablePoint[];
}

export interface PointsScene {
  columns: readonly PointsColumn[];
  format: (value: number) => string;
  /** The place on the x axis beside the step; null where that is the axis. */
  place: { title: string; text: (x: number) => string } | null;
  /** What is said behind "Rows 1 to 100 of 1,000"; `rows`: how many there are in all. */
  about: (rows: number) => string;
  /** What is said where there are no rows. */
  empty: string;
}

/** Points of curves as a table, newest first, a hundred rows a page. */
export class PointsTable {
  readonly element: HTMLElement;
  readonly #caption = html('caption', { class: 'muted numbers' });
  readonly #head = html('thead');
  readonly #body = html('tbody');
  readonly #newer;
  readonly #older;
  readonly #scroller: HTMLElement;
  readonly #turned: () => void;
  #page = 0;

  /** `lead`: what stands before the buttons. `turned`: another page was chosen, draw again. */
  constructor(lead: readonly HTMLElement[], turned: () => void) {
    this.#turned = turned;
    this.#newer = button({ label: 'Newer', press: () => this.#turn(-1) });
    this.#older = button({ label: 'Older', press: () => this.#turn(1) });
    this.#scroller = html('div', {
      class: 'points-scroller',
      attributes: { tabindex: 0, role: 'region', 'aria-label': 'Points' },
      children: [html('table', { class: 'numbers', children: [this.#caption, this.#head, this.#body] })],
    });
    this.element = html('section', {
      class: 'data-table',
      attributes: { 'aria-label': 'Data table', hidden: true },
      children: [
        html('div', {
          class: 'table-bar',
          children: [...lead, html('span', { class: 'spring' }), this.#newer.element, this.#older.element],
        }),
        this.#scroller,
      ],
    });
  }

  /** Back to the newest points. */
  rewind(): void {
    this.#page = 0;
  }

  focus(): void {
    this.#scroller.focus();
  }

  draw({ columns, format, place, about, empty }: PointsScene): void {
    const rows = tableRows(columns.map(({ points }) => points));
    const pages = Math.max(1, Math.ceil(rows.length / rowsAPage));
    this.#page = Math.min(this.#page, pages - 1);
    this.#newer.setEnabled(this.#page > 0);
    this.#older.setEnabled(this.#page < pages - 1);
    const from = this.#page * rowsAPage;
    const shown = rows.slice(from, from + rowsAPage);
    setText(
      this.#caption,
      rows.length === 0
        ? empty
        : `Rows ${formatCount(from + 1)} to ${formatCount(from + shown.length)} of ${formatCount(rows.length)}; ${about(rows.length)}`,
    );
    this.#head.replaceChildren(
      html('tr', {
        children: [
          html('th', { text: 'step', attributes: { scope: 'col' } }),
          ...(place ? [html('th', { text: place.title, attributes: { scope: 'col' } })] : []),
          ...columns.map(({ name, label, style }) =>
            html('th', {
              attributes: { scope: 'col', title: label === '' ? name : `${name} ${label}` },
              children: [
                swatch(style),
                html('span', { class: 'column-name', text: name }),
                ...(label === '' ? [] : [` ${label}`]),
              ],
            }),
          ),
        ],
      }),
    );
    this.#body.replaceChildren(...shown.map((row) => tableRow(row, format, place)));
  }

  #turn(by: number): void {
    this.#page = Math.max(0, this.#page + by);
    this.#scroller.scrollTop = 0;
    this.#turned();
  }
}

function tableRow(
  row: TableRow,
  format: PointsScene['format'],
  place: PointsScene['place'],
): HTMLTableRowElement {
  return html('tr', {
    children: [
      html('th', { text: formatCount(row.step), attributes: { scope: 'row' } }),
      ...(place ? [html('td', { text: place.text(row.x) })] : []),
      // A hole in the row is a column without a point there.
      ...Array.from(row.values, (value) =>
        html('td', {
          class: value === undefined || Number.isFinite(value) ? undefined : 'bad',
          text: value === undefined ? '' : format(value),
        }),
      ),
    ],
  });
}
