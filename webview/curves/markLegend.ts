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
  update(metrics: readonly string[], checkpoints: boolean): void {
    const filled = names(metrics.filter((metric) => !isClmMark(metric)));
    const hollow = names(metrics.filter(isClmMark));
    const key = `${filled} ${hollow} ${checkpoints}`;
    if (key === this.shown) return;
    this.shown = key;
    this.element.hidden = metrics.length === 0 && !checkpoints;
    this.element.replaceChildren(
      ...(filled ? [entry(filled, 'filled')] : []),
      ...(hollow ? [entry(hollow, 'hollow')] : []),
      ...(checkpoints ? [entry('checkpoints', 'diamond')] : []),
    );
  }
}

function names(metrics: readonly string[]): string {
  return [...new Set(metrics.map(markLabel))].sort().join(', ');
}

function entry(text: string, kind: 'filled' | 'hollow' | 'diamond'): HTMLLIElement {
  return html('li', {
    children: [
      svg('svg', {
        class: kind,
        attributes: { viewBox: '0 0 10 10', width: 10, height: 10, 'aria-hidden': 'true' },
        children: [
          kind === 'diamond'
            ? svg('path', { attributes: { d: 'M5 1.5L8.5 5L5 8.5L1.5 5z' } })
            : svg('circle', { attributes: { cx: 5, cy: 5, r: 3.25 } }),
        ],
      }),
      html('span', { class: 'visually-hidden', text: `${kind} marks: ` }),
      text,
    ],
  });
}
