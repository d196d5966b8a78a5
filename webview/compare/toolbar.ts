import type { CompareState } from '../../src/protocol/comparePage.ts';
import { button, checkbox, choice } from '../common/controls.ts';
import { html } from '../common/dom.ts';

export interface ToolbarEvents {
  pickRuns: () => void;
  change: (change: Partial<CompareState>) => void;
  unpin: () => void;
  copy: (format: 'Markdown' | 'CSV') => void;
  showCurves: () => void;
}

const copied = 'Copy the rows on show, of all columns';

/** What is compared, which rows are shown and how, and where the comparison goes. */
export class Toolbar {
  readonly element: HTMLElement;
  readonly #runs;
  readonly #only;
  readonly #group;
  readonly #curves;
  readonly #points;
  readonly #unpin;
  readonly #order;
  readonly #metric;
  readonly #filter: HTMLInputElement;

  constructor(events: ToolbarEvents) {
    this.#runs = button({ label: 'Runs…', title: 'Choose the runs to compare', press: events.pickRuns });
    this.#only = checkbox(
      'only differences',
      'Leave out rows in which all runs agree; metrics stay (D)',
      (onlyDifferences) => events.change({ onlyDifferences }),
    );
    this.#group = checkbox(
      'group seeds',
      'Runs of one setup with other seeds are one column (G)',
      (groupSeeds) => events.change({ groupSeeds }),
    );
    this.#curves = checkbox(
      'difference curves',
      'Curves as differences to the baseline, at the steps that both have',
      (differenceCurves) => events.change({ differenceCurves }),
    );
    this.#points = checkbox('table of points', 'The points of the curves as a table (T)', (table) =>
      events.change({ table }),
    );
    this.#unpin = button({ label: 'Unpin Baseline', press: events.unpin });
    this.#order = choice(
      'Rows',
      [
        ['group', 'by section'],
        ['name', 'by name'],
        ['values', 'most different first'],
      ],
      (value) => events.change({ sortRows: value as CompareState['sortRows'] }),
    );
    this.#metric = choice('Curve', [['loss', 'training loss']], (metric) => events.change({ metric }));
    this.#filter = html('input', {
      class: 'filter',
      attributes: {
        type: 'search',
        placeholder: 'Filter rows (/)',
        'aria-label': 'Filter rows',
        maxlength: 200,
        spellcheck: 'false',
      },
    });
    this.#filter.addEventListener('input', () => events.change({ filter: this.#filter.value }));
    this.element = html('div', {
      class: 'toolbar',
      attributes: { role: 'toolbar', 'aria-label': 'Comparison' },
      children: [
        this.#runs.element,
        this.#only.element,
        this.#group.element,
        this.#unpin.element,
        this.#curves.element,
        this.#metric.element,
        this.#points.element,
        this.#order.element,
        this.#filter,
        html('div', {
          class: 'toolbar-end',
          children: [
            button({ label: 'Copy Markdown', title: copied, press: () => events.copy('Markdown') }).element,
            button({ label: 'Copy CSV', title: copied, press: () => events.copy('CSV') }).element,
            button({
              label: 'Show Curves',
              title: 'Show these runs in the curves panel',
              press: events.showCurves,
            }).element,
          ],
        }),
      ],
    });
  }

  focusFilter(): void {
    this.#filter.focus();
  }

  update(state: CompareState, metrics: readonly (readonly [string, string])[]): void {
    this.#runs.setLabel(state.runs.length === 0 ? 'Runs…' : `Runs (${state.runs.length})…`);
    this.#only.set(state.onlyDifferences);
    this.#group.set(state.groupSeeds);
    this.#curves.set(state.differenceCurves);
    this.#points.set(state.table);
    this.#curves.element.hidden = state.baseline === null;
    this.#unpin.element.hidden = state.baseline === null;
    this.#order.set(state.sortRows);
    this.#metric.offer(metrics);
    this.#metric.set(state.metric);
    if (document.activeElement !== this.#filter && this.#filter.value !== state.filter)
      this.#filter.value = state.filter;
  }
}
