import { formatCount } from '../../src/core/numberFormat.ts';
import { button, choice } from '../common/controls.ts';
import { html, setText } from '../common/dom.ts';
import { swatch } from '../common/swatch.ts';
import { placeText } from './axis.ts';
import type { PanelScene } from './panelScene.ts';
import { markLabel, type Panel } from './panels.ts';
import type { SeriesX } from './seriesStore.ts';
import { type TableRow, tableRows } from './tableRows.ts';

const rowsAPage = 100;

/** The charts' points as a table: a panel at a time, newest first, a hundred rows a page. */
export class DataTable {
  readonly element: HTMLElement;
  private readonly picker;
  private readonly caption = html('caption', { class: 'muted numbers' });
  private readonly head = html('thead');
  private readonly body = html('tbody');
  private readonly newer;
  private readonly older;
  private readonly scroller: HTMLElement;
  private page = 0;
  private chosen = '';
  private readonly changed: () => void;

  /** `changed`: another metric or page was chosen, draw again. */
  constructor(changed: () => void) {
    this.changed = changed;
    this.picker = choice('Metric', [], (metric) => {
      this.chosen = metric;
      this.page = 0;
      changed();
    });
    this.newer = button({ label: 'Newer', press: () => this.turn(-1) });
    this.older = button({ label: 'Older', press: () => this.turn(1) });
    this.scroller = html('div', {
      class: 'table-scroller',
      attributes: { tabindex: 0, role: 'region', 'aria-label': 'Points' },
      children: [html('table', { class: 'numbers', children: [this.caption, this.head, this.body] })],
    });
    this.element = html('section', {
      class: 'data-table',
      attributes: { 'aria-label': 'Data table', hidden: true },
      children: [
        html('div', {
          class: 'table-bar',
          children: [
            this.picker.element,
            html('span', { class: 'spring' }),
            this.newer.element,
            this.older.element,
          ],
        }),
        this.scroller,
      ],
    });
  }

  /** The panel whose points are asked for. */
  panel(panels: readonly Panel[]): Panel | undefined {
    this.picker.offer(panels.map((p) => [p.metric, p.title]));
    const found = panels.find((p) => p.metric === this.chosen) ?? panels[0];
    if (found) {
      this.chosen = found.metric;
      this.picker.set(found.metric);
    }
    return found;
  }

  /** Shows this metric's points. */
  choose(metric: string): void {
    if (this.chosen !== metric) this.page = 0;
    this.chosen = metric;
  }

  focus(): void {
    this.scroller.focus();
  }

  /** `waiting`: what is said where there are no rows. */
  draw(panel: Panel, { curves, x, waiting, moment }: PanelScene): void {
    const columns = curves.filter(
      (c) => c.series && (c.metric === panel.metric || c.series.points.length > 0),
    );
    const rows = tableRows(columns.map((c) => c.series!.points));
    const pages = Math.max(1, Math.ceil(rows.length / rowsAPage));
    this.page = Math.min(this.page, pages - 1);
    this.newer.setEnabled(this.page > 0);
    this.older.setEnabled(this.page < pages - 1);
    const from = this.page * rowsAPage;
    const shown = rows.slice(from, from + rowsAPage);
    const total = columns.reduce((most, c) => Math.max(most, c.series!.total), rows.length);
    setText(
      this.caption,
      rows.length === 0
        ? moment
          ? ''
          : waiting
        : `Rows ${formatCount(from + 1)} to ${formatCount(from + shown.length)} of ${formatCount(rows.length)}; ${formatCount(
            total,
          )} points in the longest run. Zoom in for finer rows.`,
    );
    this.head.replaceChildren(
      html('tr', {
        children: [
          html('th', { text: 'step', attributes: { scope: 'col' } }),
          ...(x === 'step' ? [] : [html('th', { text: x, attributes: { scope: 'col' } })]),
          ...columns.map((c) =>
            html('th', {
              attributes: {
                scope: 'col',
                title: c.metric === panel.metric ? c.name : `${c.name} ${markLabel(c.metric)}`,
              },
              children: [
                swatch(c.style),
                html('span', { class: 'column-name', text: c.name }),
                ...(c.metric === panel.metric ? [] : [` ${markLabel(c.metric)}`]),
              ],
            }),
          ),
        ],
      }),
    );
    this.body.replaceChildren(...shown.map((row) => tableRow(row, panel, x)));
  }

  private turn(by: number): void {
    this.page = Math.max(0, this.page + by);
    this.scroller.scrollTop = 0;
    this.changed();
  }
}

function tableRow(row: TableRow, panel: Panel, x: SeriesX): HTMLTableRowElement {
  return html('tr', {
    children: [
      html('th', { text: formatCount(row.step), attributes: { scope: 'row' } }),
      ...(x === 'step' ? [] : [html('td', { text: placeText(x, row.x) })]),
      // A hole in the row is a column without a point there.
      ...Array.from(row.values, (value) =>
        html('td', {
          class: value === undefined || Number.isFinite(value) ? undefined : 'bad',
          text: value === undefined ? '' : panel.format(value),
        }),
      ),
    ],
  });
}
