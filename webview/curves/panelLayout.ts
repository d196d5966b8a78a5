import type { CurvesState } from '../../src/protocol/pageMessages.ts';
import { html } from '../common/dom.ts';
import { GridSpacers, type GridWindow, windowOf } from './multiples.ts';
import { filteredMetrics, type Panel, panelMetrics, panelsFor } from './panels.ts';
import { type PanelEvents, PanelView } from './panelView.ts';

/** Where the charts stand: one for each chosen metric, or for as many of all metrics as are in view. */
export class PanelLayout {
  readonly element = html('div', { class: 'charts' });
  readonly none = html('p', { class: 'muted no-metric', attributes: { hidden: true } });
  views: PanelView[] = [];
  private readonly spacers = new GridSpacers();
  private readonly events: PanelEvents;
  private readonly gone: (view: PanelView) => void;

  /** `gone`: a view is no longer there. */
  constructor(events: PanelEvents, gone: (view: PanelView) => void) {
    this.events = events;
    this.gone = gone;
    this.element.append(this.spacers.before, this.spacers.after, this.none);
  }

  /** Makes the views that are wanted, in order; existing ones are kept. Returns whether there are others than before. */
  update(state: CurvesState, chosen: readonly string[], available: ReadonlySet<string>): boolean {
    const { panels, window } = this.wanted(state, chosen, available);
    const kept = new Map(this.views.map((view) => [JSON.stringify(view.panel), view]));
    const before = this.views;
    this.views = panels.map((panel) => {
      const key = JSON.stringify(panel);
      const view = kept.get(key) ?? new PanelView(panel, this.events);
      kept.delete(key);
      return view;
    });
    for (const view of kept.values()) {
      view.dispose();
      this.gone(view);
    }
    this.place(window);
    this.none.hidden = panels.length > 0;
    this.none.textContent = panels.length > 0 ? '' : `No metric has “${state.filter}” in its name.`;
    return before.length !== this.views.length || before.some((view, index) => view !== this.views[index]);
  }

  /** Whether other views are wanted now, as after scrolling or a new metric. */
  differs(state: CurvesState, chosen: readonly string[], available: ReadonlySet<string>): boolean {
    const { panels } = this.wanted(state, chosen, available);
    return JSON.stringify(panels) !== JSON.stringify(this.views.map((view) => view.panel));
  }

  private wanted(
    state: CurvesState,
    chosen: readonly string[],
    available: ReadonlySet<string>,
  ): { panels: Panel[]; window: GridWindow | null } {
    const { pinned } = state;
    if (!state.all) {
      const metrics = pinned === null || chosen.includes(pinned) ? chosen : [pinned, ...chosen];
      return { panels: panelsFor(metrics, available, pinned ?? undefined), window: null };
    }
    const metrics = filteredMetrics(panelMetrics(available), state.filter).filter((m) => m !== pinned);
    const edge = this.spacers.before.hidden ? this.firstSmall : this.spacers.before;
    const top = edge ? -edge.getBoundingClientRect().top : 0;
    const width = this.element.clientWidth || document.documentElement.clientWidth;
    const window = windowOf(metrics.length, width, top, innerHeight);
    return { panels: panelsFor(metrics.slice(window.from, window.to), available, pinned), window };
  }

  private get firstSmall(): HTMLElement | undefined {
    return this.views.find((view) => view.panel.size === 'small')?.element;
  }

  private place(window: GridWindow | null): void {
    const [first] = this.views;
    const big = first?.panel.size === 'big' ? [first.element] : [];
    const small = this.views.map((view) => view.element).slice(big.length);
    const wanted = [...big, this.spacers.before, ...small, this.spacers.after, this.none];
    for (const [index, element] of wanted.entries())
      if (this.element.children[index] !== element)
        this.element.insertBefore(element, this.element.children[index] ?? null);
    this.spacers.show(window, this.element);
  }
}
