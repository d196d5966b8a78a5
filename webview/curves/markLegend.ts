import { html, svg } from '../common/dom.ts';
import { isClmMark, markLabel } from './panels.ts';

/** Says in a panel's heading what its filled and its hollow marks are. */
export class MarkLegend {
  readonly element = html('ul', {
    class: 'mark-legend muted',
    attributes: { 'aria-label': 'Marks', hidden: true },
  });
  private shown = '';

  /** `metrics`: those whose marks are in the picture. */
  update(metrics: readonly string[]): void {
    const filled = names(metrics.filter((metric) => !isClmMark(metric)));
    const hollow = names(metrics.filter(isClmMark));
    const key = `${filled} ${hollow}`;
    if (key === this.shown) return;
    this.shown = key;
    this.element.hidden = metrics.length === 0;
    this.element.replaceChildren(
      ...(filled ? [entry(filled, 'filled')] : []),
      ...(hollow ? [entry(hollow, 'hollow')] : []),
    );
  }
}

function names(metrics: readonly string[]): string {
  return [...new Set(metrics.map(markLabel))].sort().join(', ');
}

function entry(text: string, kind: 'filled' | 'hollow'): HTMLLIElement {
  return html('li', {
    children: [
      svg('svg', {
        class: kind,
        attributes: { viewBox: '0 0 10 10', width: 10, height: 10, 'aria-hidden': 'true' },
        children: [svg('circle', { attributes: { cx: 5, cy: 5, r: 3.25 } })],
      }),
      html('span', { class: 'visually-hidden', text: `${kind} marks: ` }),
      text,
    ],
  });
}
