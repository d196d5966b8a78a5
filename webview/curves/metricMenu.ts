import { formatCount } from '../../src/core/numberFormat.ts';
import { printable } from '../../src/core/printable.ts';
import { checkbox } from '../common/controls.ts';
import { html, setText } from '../common/dom.ts';
import { filteredMetrics, panelMetrics, titleOf } from './panels.ts';
import { PopUp } from './popUp.ts';
import { searchBox } from './searchBox.ts';

/** More are found by typing. */
const listed = 100;

/** The metrics that have a chart, chosen from a list that can be filtered. */
export class MetricMenu {
  readonly element: HTMLElement;
  private readonly list = html('div', { class: 'metric-list' });
  private readonly more = html('p', { class: 'muted' });
  private readonly popUp: PopUp;
  private readonly choose: (metrics: string[]) => void;
  private metrics: readonly string[] = [];
  private chosen: readonly string[] = [];
  private filter = '';
  private shown = '';

  constructor(choose: (metrics: string[]) => void) {
    this.choose = choose;
    const box = searchBox('Find metrics', (filter) => {
      this.filter = filter;
      this.draw();
    });
    this.popUp = new PopUp('Metrics', html('div', { children: [box.element, this.list, this.more] }), () =>
      this.draw(),
    );
    this.popUp.element.classList.add('metrics');
    this.element = this.popUp.element;
  }

  update(metrics: Iterable<string>, chosen: readonly string[]): void {
    this.chosen = chosen;
    this.metrics = [...metrics];
    setText(this.popUp.label, `Metrics (${chosen.length})`);
    if (this.popUp.element.open) this.draw();
  }

  private draw(): void {
    const found = filteredMetrics(panelMetrics([...this.metrics, ...this.chosen]), this.filter);
    const metrics = found.slice(0, listed);
    const key = JSON.stringify([metrics, this.chosen]);
    setText(
      this.more,
      found.length > listed ? `and ${formatCount(found.length - listed)} more: type a part of the name` : '',
    );
    if (key === this.shown) return;
    this.shown = key;
    const focused = [...this.list.children].indexOf(document.activeElement as Element);
    this.list.replaceChildren(
      ...metrics.map((metric) => {
        const box = checkbox(titleOf(metric), printable(metric), (checked) => {
          const next = checked ? [...this.chosen, metric] : this.chosen.filter((m) => m !== metric);
          // The last one stays: a page without a chart says nothing.
          if (next.length > 0) this.choose(panelMetrics(next));
          else box.set(true);
        });
        box.set(this.chosen.includes(metric));
        return box.element;
      }),
    );
    if (focused >= 0) (this.list.children[focused] as HTMLElement | undefined)?.focus();
  }
}
