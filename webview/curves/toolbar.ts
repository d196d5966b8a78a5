import type { CurvesState } from '../../src/protocol/pageMessages.ts';
import { button, checkbox, choice } from '../common/controls.ts';
import { html, setText } from '../common/dom.ts';
import { axisChoices } from './axis.ts';
import { panelMetrics, panelsFor } from './panels.ts';
import type { SeriesX } from './seriesStore.ts';

export interface ToolbarEvents {
  pickRuns: () => void;
  setMetrics: (metrics: string[]) => void;
  setX: (x: SeriesX) => void;
  setLogY: (logY: boolean) => void;
  setTable: (table: boolean) => void;
  resetView: () => void;
}

/** Runs, metrics, axes, reset, and whether curves or the table are shown. */
export class Toolbar {
  readonly element: HTMLElement;
  private readonly runs;
  private readonly x;
  private readonly logY;
  private readonly curves;
  private readonly table;
  private readonly reset;
  private readonly summary = html('summary', { text: 'Metrics' });
  private readonly list = html('div', { class: 'metric-list' });
  private readonly menu: HTMLDetailsElement;
  private listed = '';
  private readonly events: ToolbarEvents;

  constructor(events: ToolbarEvents) {
    this.events = events;
    this.runs = button({ label: 'Runs…', title: 'Choose the runs to show', press: events.pickRuns });
    this.x = choice('x', axisChoices, (value) => events.setX(value as SeriesX));
    this.logY = checkbox('log y', 'Logarithmic y axis for losses and norms (L)', events.setLogY);
    this.curves = button({
      label: 'Curves',
      title: 'Show the points as curves (T)',
      press: () => events.setTable(false),
    });
    this.table = button({
      label: 'Table',
      title: 'Show the points as a table (T)',
      press: () => events.setTable(true),
    });
    this.reset = button({
      label: 'Whole run',
      title: 'Show the whole range again (0)',
      press: events.resetView,
    });
    this.menu = html('details', { class: 'metrics', children: [this.summary, this.list] });
    this.menu.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || !this.menu.open) return;
      event.stopPropagation();
      this.menu.open = false;
      this.summary.focus();
    });
    document.addEventListener('pointerdown', (event) => {
      if (!event.composedPath().includes(this.menu)) this.menu.open = false;
    });
    this.element = html('div', {
      class: 'toolbar',
      attributes: { role: 'toolbar', 'aria-label': 'Curves' },
      children: [
        this.runs.element,
        this.menu,
        this.x.element,
        this.logY.element,
        html('span', { class: 'spring' }),
        this.reset.element,
        html('div', {
          class: 'one-of-two',
          attributes: { role: 'group', 'aria-label': 'View' },
          children: [this.curves.element, this.table.element],
        }),
      ],
    });
  }

  update(state: CurvesState, chosen: readonly string[], available: Iterable<string>): void {
    this.runs.setLabel(state.runs.length === 0 ? 'Runs…' : `Runs (${state.runs.length})…`);
    this.x.set(state.x);
    this.logY.set(state.logY);
    this.curves.setPressed(!state.table);
    this.table.setPressed(state.table);
    this.reset.element.hidden = state.range === null;
    this.offerMetrics(panelMetrics([...available, ...chosen]), chosen);
  }

  private offerMetrics(metrics: readonly string[], chosen: readonly string[]): void {
    setText(this.summary, `Metrics (${chosen.length})`);
    const key = JSON.stringify([metrics, chosen]);
    if (key === this.listed) return;
    this.listed = key;
    const titles = new Map(panelsFor(metrics, []).map((p) => [p.metric, p.title]));
    const focused = [...this.list.children].indexOf(document.activeElement as Element);
    this.list.replaceChildren(
      ...metrics.map((metric) => {
        const box = checkbox(titles.get(metric) ?? metric, metric, (checked) => {
          const next = checked ? [...chosen, metric] : chosen.filter((m) => m !== metric);
          // The last one stays: a page without a chart says nothing.
          if (next.length > 0) this.events.setMetrics(panelMetrics(next));
          else box.set(true);
        });
        box.set(chosen.includes(metric));
        return box.element;
      }),
    );
    if (focused >= 0) (this.list.children[focused] as HTMLElement | undefined)?.focus();
  }
}
