import { printable } from '../../src/core/printable.ts';
import { html, setText, svg } from '../common/dom.ts';
import type { SeriesStyle } from '../common/seriesStyle.ts';
import { swatch } from '../common/swatch.ts';
import { MarkLegend } from './markLegend.ts';
import type { Panel } from './panels.ts';

export interface PanelTools {
  setRobust: (metric: string, robust: boolean) => void;
  setPinned: (metric: string, pinned: boolean) => void;
}

/** What the heading says of a drawing. */
export interface HeaderFacts {
  points: string;
  offScale: string;
  robust: boolean;
  pinned: boolean;
  /** Metrics whose marks are in the picture, and whether checkpoints are. */
  marks: readonly string[];
  checkpoints: boolean;
}

const robustIcon = 'M2 4.5h12M2 11.5h12M3 9.5l3-3 2.5 2L13 6.5M10 2.5v-1M10 14.5v-1';
const pinIcon = 'M6 2h4l-.5 4.5L12 9H4l2.5-2.5zM8 9v5';

/** A panel's heading: title, unit, marks, how many points, and its two tools. */
export class PanelHeader {
  readonly element: HTMLElement;
  private readonly markLegend = new MarkLegend();
  private readonly note = html('span', { class: 'note muted numbers' });
  private readonly offScale = html('span', { class: 'off-scale' });
  private readonly robust: HTMLButtonElement;
  private readonly pin: HTMLButtonElement;
  private points = '';

  constructor(panel: Panel, tools: PanelTools) {
    this.robust = tool(`Leave outliers off the scale of ${panel.title}`, robustIcon, (pressed) =>
      tools.setRobust(panel.metric, pressed),
    );
    this.pin = tool(`Pin ${panel.title} on top`, pinIcon, (pressed) =>
      tools.setPinned(panel.metric, pressed),
    );
    this.element = html('header', {
      children: [
        html('h2', { text: panel.title, attributes: { title: printable(panel.metric), dir: 'auto' } }),
        html('span', { class: 'unit muted', text: panel.unit }),
        this.markLegend.element,
        html('span', { class: 'tools', children: [this.offScale, this.note, this.robust, this.pin] }),
      ],
    });
  }

  describe(facts: HeaderFacts): void {
    this.points = facts.points;
    this.restore();
    setText(this.offScale, facts.offScale);
    this.robust.setAttribute('aria-pressed', String(facts.robust));
    this.pin.setAttribute('aria-pressed', String(facts.pinned));
    this.markLegend.update(facts.marks, facts.checkpoints);
  }

  /** A value in place of the number of points: what the cursor reads here, and of which run where there are several. */
  show(text: string, style: SeriesStyle | undefined): void {
    this.note.replaceChildren(...(style ? [swatch(style)] : []), text);
  }

  restore(): void {
    setText(this.note, this.points);
  }
}

function tool(title: string, icon: string, press: (pressed: boolean) => void): HTMLButtonElement {
  const made = html('button', {
    class: 'plain tool',
    attributes: { type: 'button', title, 'aria-label': title, 'aria-pressed': 'false' },
    children: [
      svg('svg', {
        attributes: { viewBox: '0 0 16 16', width: 14, height: 14, 'aria-hidden': 'true' },
        children: [svg('path', { attributes: { d: icon } })],
      }),
    ],
    on: { click: () => press(made.getAttribute('aria-pressed') !== 'true') },
  });
  return made;
}
