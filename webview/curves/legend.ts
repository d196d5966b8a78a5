import type { RunSummary } from '../../src/protocol/controlApi.ts';
import { html, setText, svg } from '../common/dom.ts';
import type { SeriesStyle } from '../common/seriesStyle.ts';
import { stateIcon } from '../common/stateIcon.ts';
import { swatch } from '../common/swatch.ts';
import { lossText, progressText, stateText } from './runText.ts';

export interface LegendEvents {
  toggle: (run: string) => void;
  /** The pointer or focus is on a run: it stands out in the charts. Null: on none. */
  highlight: (run: string | null) => void;
  exportCsv: (run: string) => void;
}

interface Row {
  element: HTMLElement;
  toggle: HTMLButtonElement;
  name: HTMLElement;
  loss: HTMLElement;
  progress: HTMLElement;
  state: HTMLElement;
  icon: HTMLElement;
  swatchBox: HTMLElement;
  shown: string;
}

/** One row a run: style, name, last loss, progress, state. A press hides or shows the run. Rows are kept, texts change. */
export class Legend {
  readonly element = html('ul', { class: 'legend', attributes: { 'aria-label': 'Runs' } });
  private readonly rows = new Map<string, Row>();
  private readonly events: LegendEvents;

  constructor(events: LegendEvents) {
    this.events = events;
  }

  update(
    runs: readonly RunSummary[],
    hidden: ReadonlySet<string>,
    styleOf: (run: string) => SeriesStyle,
    problemOf: (run: string) => string | undefined,
  ): void {
    const wanted = new Set(runs.map((r) => r.run));
    const named = Map.groupBy(runs, ({ name }) => name);
    for (const [run, row] of this.rows) {
      if (wanted.has(run)) continue;
      row.element.remove();
      this.rows.delete(run);
    }
    for (const [index, run] of runs.entries()) {
      let row = this.rows.get(run.run);
      if (!row) {
        row = this.makeRow(run.run);
        this.rows.set(run.run, row);
      }
      if (this.element.children[index] !== row.element)
        this.element.insertBefore(row.element, this.element.children[index] ?? null);
      const off = hidden.has(run.run);
      row.toggle.setAttribute('aria-pressed', String(!off));
      row.element.classList.toggle('off', off);
      const seed = run.seed === null ? '' : ` · seed ${run.seed}`;
      // Repeats have one name.
      setText(row.name, `${run.name}${named.get(run.name)!.length > 1 ? seed : ''}`);
      setText(row.loss, lossText(run));
      setText(row.progress, progressText(run));
      const problem = problemOf(run.run);
      setText(row.state, problem ? 'no curve' : stateText(run));
      row.toggle.title = [
        run.name,
        `${run.node} · ${run.run}${seed} · ${run.state}${run.reason ? `: ${run.reason}` : ''}`,
        ...(problem ? [problem] : []),
        off ? 'Press to show.' : 'Press to hide.',
      ].join('\n');
      const style = styleOf(run.run);
      const key = `${style.colour} ${style.marker} ${style.dash.join()} ${run.state}`;
      if (row.shown !== key) {
        row.shown = key;
        row.swatchBox.replaceChildren(swatch(style));
        row.icon.replaceChildren(stateIcon(run.state));
      }
    }
  }

  private makeRow(run: string): Row {
    const name = html('span', { class: 'name' });
    const loss = html('span', { class: 'loss numbers' });
    const progress = html('span', { class: 'progress muted numbers' });
    const icon = html('span', { class: 'icon' });
    const state = html('span', { class: 'state muted numbers' });
    const swatchBox = html('span', { class: 'swatch-box' });
    const toggle = html('button', {
      class: 'plain toggle',
      attributes: { type: 'button' },
      children: [swatchBox, name, loss, progress, icon, state],
      on: { click: () => this.events.toggle(run) },
    });
    const csv = html('button', {
      class: 'plain csv',
      attributes: {
        type: 'button',
        title: 'Export all points as CSV',
        'aria-label': 'Export all points as CSV',
      },
      children: [
        svg('svg', {
          attributes: { viewBox: '0 0 16 16', width: 14, height: 14, 'aria-hidden': 'true' },
          children: [svg('path', { attributes: { d: 'M8 2.5v7.5M4.8 7l3.2 3.2L11.2 7M3 13h10' } })],
        }),
      ],
      on: { click: () => this.events.exportCsv(run) },
    });
    const element = html('li', {
      children: [toggle, csv],
      on: {
        pointerenter: () => this.events.highlight(run),
        pointerleave: () => this.events.highlight(null),
        focusin: () => this.events.highlight(run),
        focusout: () => this.events.highlight(null),
      },
    });
    return { element, toggle, name, loss, progress, state, icon, swatchBox, shown: '' };
  }
}
