import type { CurvePoint } from '../../src/core/liveSeries.ts';
import { placeText } from './axis.ts';
import type { PageState } from './pageState.ts';
import { readPoints } from './panelScene.ts';
import { markLabel } from './panels.ts';
import type { PanelView } from './panelView.ts';
import { differenceText, referenceOf, shortValueText, valueText } from './readingText.ts';
import { type Reading, stepAlong } from './readout.ts';
import { ReadoutCard, type ReadoutLine } from './readoutCard.ts';
import type { Scenes } from './scenes.ts';
import type { ShownRuns } from './shownRuns.ts';
import type { XRange } from './xRange.ts';

/** The cursor: a line at one x in every panel, a card with the values there in one of them, and what is said of it. */
export class Cursor {
  readonly card = new ReadoutCard();
  /** `panel`: where it is moved; undefined: in another page. */
  private at: { x: number; panel: PanelView | undefined; height: number | undefined } | null = null;
  /** Where a range begins that keys choose. */
  private mark: number | undefined;
  private readonly state: PageState;
  private readonly runs: ShownRuns;
  private readonly scenes: Scenes;
  private readonly panels: () => readonly PanelView[];
  private readonly moved: (x: number | null) => void;

  /** `moved`: the person moved it in this page. */
  constructor(
    state: PageState,
    runs: ShownRuns,
    scenes: Scenes,
    panels: () => readonly PanelView[],
    moved: (x: number | null) => void,
  ) {
    this.state = state;
    this.runs = runs;
    this.scenes = scenes;
    this.panels = panels;
    this.moved = moved;
  }

  get x(): number | undefined {
    return this.at?.x;
  }

  /** The pointer is at x of a panel (null: left it), at a height in CSS pixels. */
  pointed(panel: PanelView, x: number | null, height: number): void {
    if (x === null) this.leave();
    else {
      this.at = { x, panel, height };
      this.show();
      this.moved(x);
    }
  }

  /** The cursor of a linked page is at x. */
  follow(x: number | null): void {
    if (x === null) this.clear();
    else {
      this.at = { x, panel: undefined, height: undefined };
      this.card.hide();
      this.show();
    }
  }

  /** The person takes it away; returns whether it was there. */
  leave(): boolean {
    const there = this.clear();
    if (there) this.moved(null);
    return there;
  }

  /** Takes it away, whatever the reason. */
  clear(): boolean {
    this.mark = undefined;
    if (!this.at) return false;
    this.at = null;
    this.card.hide();
    for (const view of this.panels()) {
      view.showCursor(null, []);
      view.restoreNote();
    }
    return true;
  }

  /** Begins a range at the cursor, or ends one: then it is returned. */
  markRange(): XRange | undefined {
    const { x } = this;
    const { mark } = this;
    if (x === undefined) return undefined;
    this.mark = mark === undefined ? x : undefined;
    this.show();
    return mark === undefined || mark === x ? undefined : [Math.min(mark, x), Math.max(mark, x)];
  }

  /** Shows line, card and notes where the cursor is; nothing is redrawn. */
  show(): void {
    const cursor = this.at;
    if (!cursor || !this.state.current || this.state.current.table) return;
    const here = cursor.panel?.readings(cursor.x, cursor.height) ?? [];
    const several = this.runs.visible.length > 1;
    for (const view of this.panels()) {
      const readings = view === cursor.panel ? here : view.readings(cursor.x);
      view.showCursor(cursor.x, readings, this.mark);
      if (view === cursor.panel) this.showCard(view, cursor.x, readings, cursor.height);
      else {
        // Of the run whose value is first on the card.
        const reading = readings.find(
          (r) => r.metric === view.panel.metric && (here.length === 0 || r.run === here[0]!.run),
        );
        view.showNote(
          reading ? shortValueText(view.panel, reading) : '',
          reading && several ? this.runs.styleOf(reading.run) : undefined,
        );
      }
    }
  }

  /** Walks along the first visible run's points; returns what is said there, undefined where there is no point. */
  walk(view: PanelView, by: number): string | undefined {
    const range = view.range;
    const curve = this.scenes.curves(view.panel).find((c) => c.series && c.series.points.length > 0);
    const points: CurvePoint[] = curve
      ? readPoints(view.panel, curve, this.state.current?.smoothing !== null)
      : [];
    const inView = range ? points.filter((p) => p.x >= range[0] && p.x <= range[1]) : points;
    const from = this.at?.x ?? inView[0]?.x ?? 0;
    const walked = this.at === null && by > 0 ? inView[0] : stepAlong(inView, from, by);
    if (!walked) return undefined;
    this.at = { x: walked.x, panel: view, height: undefined };
    this.show();
    this.moved(walked.x);
    return this.spoken(view, walked.x);
  }

  private showCard(view: PanelView, x: number, readings: readonly Reading[], height = 40): void {
    const at = view.place(x);
    if (at === undefined || readings.length === 0) {
      this.card.hide();
      return;
    }
    const axis = this.state.current!.x;
    const reference = referenceOf(view.panel, readings, this.runs.baseline);
    const lines: ReadoutLine[] = readings.map((reading) => ({
      style: this.runs.styleOf(reading.run),
      name: this.nameOf(reading),
      suffix: reading.metric === view.panel.metric ? '' : markLabel(reading.metric),
      value: valueText(view.panel, reading, axis, x),
      difference:
        reference && reading !== reference && reading.metric === view.panel.metric
          ? differenceText(view.panel, reading.point.y, reference.point.y)
          : '',
    }));
    const compared = lines.some((line) => line.difference !== '') && reference;
    const box = view.element.querySelector('.chart') as HTMLElement;
    this.card.show(
      placeText(axis, x),
      lines,
      compared ? this.nameOf(compared) : '',
      box.offsetLeft + at,
      box.offsetTop + Math.max(0, height - 16),
    );
  }

  /** A group's mean is said to be one. */
  private nameOf({ run, point }: Reading): string {
    return 'n' in point ? `mean of ${this.runs.nameOf(run)}` : this.runs.nameOf(run);
  }

  private spoken(view: PanelView, x: number): string {
    const axis = this.state.current!.x;
    const values = view
      .readings(x)
      .slice(0, 8)
      .map((reading) => {
        const name = this.nameOf(reading);
        const whole = reading.metric === view.panel.metric ? name : `${name} ${markLabel(reading.metric)}`;
        return `${whole} ${valueText(view.panel, reading, axis, x)}`;
      });
    return `${placeText(axis, x)}. ${view.panel.title}: ${values.join('; ') || 'no value'}`;
  }
}
