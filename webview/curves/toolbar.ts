import type { CurvesState } from '../../src/protocol/pageMessages.ts';
import { button, checkbox, choice } from '../common/controls.ts';
import { html } from '../common/dom.ts';
import { axisChoices } from './axis.ts';
import { MetricMenu } from './metricMenu.ts';
import { PopUp } from './popUp.ts';
import { searchBox } from './searchBox.ts';
import type { SeriesX } from './seriesStore.ts';
import { SmoothingSlider } from './smoothingSlider.ts';

export interface ToolbarEvents {
  pickRuns: () => void;
  change: (change: Partial<CurvesState>) => void;
  setX: (x: SeriesX, logX: boolean) => void;
  setSmoothing: (halfLife: number | null) => void;
  setTable: (table: boolean) => void;
  resetView: () => void;
  exportAs: (format: 'png' | 'svg' | 'csv') => void;
}

/** Runs, metrics, axes, what is done with the curves, reset, export, and whether curves or the table are shown. */
export class Toolbar {
  readonly element: HTMLElement;
  private readonly runs;
  private readonly metrics: MetricMenu;
  private readonly x;
  private readonly logX;
  private readonly logY;
  private readonly smoothing: SmoothingSlider;
  private readonly seeds;
  private readonly all;
  private readonly filter;
  private readonly linked;
  private readonly curves;
  private readonly table;
  private readonly reset;
  private state: CurvesState | undefined;

  constructor(events: ToolbarEvents) {
    this.runs = button({ label: 'Runs…', title: 'Choose the runs to show', press: events.pickRuns });
    this.metrics = new MetricMenu((metrics) => events.change({ metrics }));
    this.x = choice('x', axisChoices, (x) => events.setX(x as SeriesX, this.state?.logX ?? false));
    this.logX = checkbox('log x', 'Logarithmic x axis (X)', (logX) =>
      events.setX(this.state?.x ?? 'step', logX),
    );
    this.logY = checkbox('log y', 'Logarithmic y axis for losses and norms (L)', (logY) =>
      events.change({ logY }),
    );
    this.smoothing = new SmoothingSlider(events.setSmoothing);
    this.seeds = checkbox(
      'group seeds',
      'Draw runs of one setup that differ in their seeds as their mean with a band (G)',
      (groupSeeds) => events.change({ groupSeeds }),
    );
    this.all = checkbox('all metrics', 'A small chart for every metric (A)', (all) => events.change({ all }));
    this.filter = searchBox('Filter metrics', (filter) => events.change({ filter }));
    this.linked = button({
      label: 'Linked',
      title: 'Cursor and range go with the other curves panels; press to lock this one',
      press: () => events.change({ linked: !(this.state?.linked ?? true) }),
    });
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
      title: 'Show the whole range again (0, or a double click)',
      press: events.resetView,
    });
    this.element = html('div', {
      class: 'toolbar',
      attributes: { role: 'group', 'aria-label': 'Curves' },
      children: [
        this.runs.element,
        this.metrics.element,
        this.x.element,
        this.logX.element,
        this.logY.element,
        this.smoothing.element,
        this.seeds.element,
        this.all.element,
        this.filter.element,
        html('span', { class: 'spring' }),
        this.reset.element,
        this.linked.element,
        exportMenu(events.exportAs),
        html('div', {
          class: 'one-of-two',
          attributes: { role: 'group', 'aria-label': 'View' },
          children: [this.curves.element, this.table.element],
        }),
      ],
    });
  }

  update(state: CurvesState, chosen: readonly string[], available: Iterable<string>): void {
    this.state = state;
    this.runs.setLabel(state.runs.length === 0 ? 'Runs…' : `Runs (${state.runs.length})…`);
    this.x.set(state.x);
    this.logX.set(state.logX);
    this.logY.set(state.logY);
    this.smoothing.set(state.smoothing);
    this.seeds.set(state.groupSeeds);
    this.all.set(state.all);
    this.filter.set(state.filter);
    this.filter.element.hidden = !state.all;
    this.metrics.element.hidden = state.all;
    this.linked.setLabel(state.linked ? 'Linked' : 'Locked');
    this.linked.setPressed(state.linked);
    this.curves.setPressed(!state.table);
    this.table.setPressed(state.table);
    this.reset.element.hidden = state.range === null;
    this.metrics.update(available, chosen);
  }
}

function exportMenu(exportAs: ToolbarEvents['exportAs']): HTMLElement {
  const content = html('div');
  const menu = new PopUp('Export', content);
  const formats = [
    ['png', 'PNG picture…'],
    ['svg', 'SVG drawing…'],
    ['csv', 'CSV, all points…'],
  ] as const;
  content.append(
    ...formats.map(
      ([format, label]) =>
        button({
          label,
          press: () => {
            menu.close();
            exportAs(format);
          },
        }).element,
    ),
  );
  return menu.element;
}
