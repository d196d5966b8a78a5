import { html } from '../common/dom.ts';
import type { MarkGroup } from './markLayout.ts';

const rowHeight = 17;

/** The words at a chart's vertical lines, over the picture. */
export class PhaseWords {
  readonly element = html('div', { class: 'phase-words', attributes: { 'aria-hidden': 'true' } });
  private readonly ruler = document.createElement('canvas').getContext('2d')!;

  /** Width of these words in this font family with the room around them, in CSS pixels. */
  widthOf(text: string, font: string): number {
    this.ruler.font = `11px ${font}`;
    return this.ruler.measureText(text).width + 8;
  }

  /** `top`: of the first row, in CSS pixels from the chart's. */
  show(groups: readonly MarkGroup[], top: number): void {
    this.element.replaceChildren(
      ...groups.flatMap(({ words }) => {
        if (!words) return [];
        const made = html('span', { text: words.text });
        made.style.left = `${words.middle}px`;
        made.style.top = `${top + words.row * rowHeight}px`;
        return [made];
      }),
    );
  }
}
