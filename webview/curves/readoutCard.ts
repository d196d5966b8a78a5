import { html } from '../common/dom.ts';
import type { SeriesStyle } from '../common/seriesStyle.ts';
import { swatch } from '../common/swatch.ts';

/** A line of the card. */
export interface ReadoutLine {
  style: SeriesStyle;
  name: string;
  /** Which of the run's metrics this is, never cut off; empty for the panel's own. */
  suffix: string;
  value: string;
  /** To the value that the others are compared with; empty for that one, and for other metrics. */
  difference: string;
}

const linesShown = 10;

/** The card beside the cursor: where it is, and the values there, nearest first. */
export class ReadoutCard {
  readonly element = html('div', { class: 'readout', attributes: { 'aria-hidden': 'true', hidden: true } });

  /**
   * `left` and `top`: the cursor's place in the element's positioned parent; the card stays inside its width.
   * `comparedWith`: whose value the differences are to; empty: there are none.
   */
  show(title: string, lines: readonly ReadoutLine[], comparedWith: string, left: number, top: number): void {
    const width = this.element.parentElement?.clientWidth ?? 0;
    const more = lines.length - linesShown;
    const note = [
      ...(more > 0 ? [`and ${more} more`] : []),
      ...(comparedWith === '' ? [] : [`Δ to ${comparedWith}`]),
    ];
    this.element.replaceChildren(
      html('p', { class: 'muted numbers', text: title }),
      ...lines.slice(0, linesShown).map((line) =>
        html('div', {
          class: 'readout-line',
          children: [
            swatch(line.style),
            html('span', {
              class: 'name',
              children: [
                html('span', { text: line.name, attributes: { dir: 'auto' } }),
                html('span', { text: line.suffix }),
              ],
            }),
            html('span', { class: 'numbers', text: line.value }),
            html('span', { class: 'numbers muted difference', text: line.difference }),
          ],
        }),
      ),
      ...(note.length > 0 ? [html('p', { class: 'muted compared', text: note.join(' · ') })] : []),
    );
    this.element.hidden = false;
    const own = this.element.offsetWidth;
    const x = left + 14 + own > width ? Math.max(0, left - 14 - own) : left + 14;
    this.element.style.transform = `translate(${Math.round(x)}px, ${Math.round(top)}px)`;
  }

  hide(): void {
    this.element.hidden = true;
  }
}
