import type { CurvePoint } from '../../src/core/liveSeries.ts';
import { placeText } from './axis.ts';
import type { PageState } from './pageState.ts';
import { isValidation, markLabel } from './panels.ts';
import type { PanelView } from './panelView.ts';
import { type Reading, stepAlong } from './readout.ts';
import { ReadoutCard, type ReadoutLine } from './readoutCard.ts';
import type { Scenes } from './scenes.ts';
import type { ShownRuns } from './shownRuns.ts';

/** The cursor: a line at one x in every panel, a card with the values there in one of them, and what is said of it. */
export class Cursor {
  readonly card = new ReadoutCard();
  private at: { x: number; panel: PanelView; height: number | undefined } | null = null;
  private readonly state: PageState;
  private readonly runs: ShownRuns;
  private readonly scenes: Scenes;
  private readonly panels: () => readonly PanelView[];

  constructor(state: PageState, runs: ShownRuns, scenes: Scenes, panels: () => readonly PanelView[]) {
    this.state = state;
    this.runs = runs;
    this.scenes = scenes;
    this.panels = panels;
  }

  get x(): number | undefined {
    return this.at?.x;
  }

  /** The pointer is at x of a panel (null: left it), at a height in CSS pixels. */
  pointed(panel: PanelView, x: number | null, height: number): void {
    if (x === null) this.clear();
    else {
      this.at = { x, panel, height };
      this.show();
    }
  }

  clear(): void {
    if (!this.at) return;
    this.at = null;
    this.card.hide();
    for (const view of this.panels()) {
      view.showCursor(null, []);
      view.restoreNote();
    }
  }

  /** Shows line, card and notes where the cursor is; nothing is redrawn. */
  show(): void {
    const cursor = this.at;
    if (!cursor || !this.state.current || this.state.current.table) return;
    const here = cursor.panel.readings(cursor.x, cursor.height);
    const several = this.runs.visible.length > 1;
    for (const view of this.panels()) {
      const readings = view === cursor.panel ? here : view.readings(cursor.x);
      view.showCursor(cursor.x, readings);
      if (view === cursor.panel) this.showCard(view, cursor.x, readings, cursor.height);
      else {
        // Of the run whose value is first on the card.
        const reading = readings.find((r) => r.run === here[0]?.run && r.metric === view.panel.metric);
        view.showNote(
          reading ? this.valueText(view, reading, cursor.x) : '',
          reading && several ? this.runs.slots.styleOf(reading.run) : undefined,
        );
      }
    }
  }

  /** Walks along the first visible run's points; returns what is said there, undefined where there is no point. */
  walk(view: PanelView, by: number): string | undefined {
    const range = view.range;
    const points: CurvePoint[] =
      this.scenes.curves(view.panel).find((c) => c.series && c.series.points.length > 0)?.series?.points ??
      [];
    const inView = range ? points.filter((p) => p.x >= range[0] && p.x <= range[1]) : points;
    const from = this.at?.x ?? inView[0]?.x ?? 0;
    const walked = this.at === null && by > 0 ? inView[0] : stepAlong(inView, from, by);
    if (!walked) return undefined;
    this.at = { x: walked.x, panel: view, height: undefined };
    this.show();
    return this.spoken(view, walked.x);
  }

  private showCard(view: PanelView, x: number, readings: readonly Reading[], height = 40): void {
    const at = view.place(x);
    if (at === undefined || readings.length === 0) {
      this.card.hide();
      return;
    }
    const lines: ReadoutLine[] = readings.map((reading) => ({
      style: this.runs.slots.styleOf(reading.run),
      name: this.runs.nameOf(reading.run),
      suffix: reading.metric === view.panel.metric ? '' : markLabel(reading.metric),
      value: this.valueText(view, reading, x),
    }));
    const box = view.element.querySelector('.chart') as HTMLElement;
    this.card.show(
      placeText(this.state.current!.x, x),
      lines,
      box.offsetLeft + at,
      box.offsetTop + Math.max(0, height - 16),
    );
  }

  /** The value; with its own step where a validation was not made at the cursor. */
  private valueText(view: PanelView, { metric, point }: Reading, x: number): string {
    const value = view.panel.format(point.y);
    const axis = this.state.current!.x;
    const elsewhere = isValidation(metric) && placeText(axis, point.x) !== placeText(axis, x);
    return elsewhere ? `${value} at ${placeText('step', point.step)}` : value;
  }

  private spoken(view: PanelView, x: number): string {
    const values = view
      .readings(x)
      .slice(0, 8)
      .map((reading) => {
        const name = this.runs.nameOf(reading.run);
        const whole = reading.metric === view.panel.metric ? name : `${name} ${markLabel(reading.metric)}`;
        return `${whole} ${this.valueText(view, reading, x)}`;
      });
    return `${placeText(this.state.current!.x, x)}. ${view.panel.title}: ${values.join('; ') || 'no value'}`;
  }
}
