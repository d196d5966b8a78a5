import { html, setText, svg } from '../common/dom.ts';
import type { SeriesStyle } from '../common/seriesStyle.ts';
import { xTickTexts } from './axis.ts';
import {
  type ChartSetup,
  type CurveChart,
  makeChart,
  plotEdges,
  redrawChart,
  updateChart,
} from './charting.ts';
import { type CurveDataset, renewed } from './datasets.ts';
import { type GesturePlot, Gestures } from './gestures.ts';
import { extendLines } from './linesPlugin.ts';
import type { MarkGroup } from './markLayout.ts';
import { MovingPicture } from './movingPicture.ts';
import { measuredLines, panelDatasets } from './panelDatasets.ts';
import { PanelHeader, type PanelTools } from './panelHeader.ts';
import { markAnnotations, markGroups } from './panelMarks.ts';
import { type PanelScene, readPoints } from './panelScene.ts';
import type { Panel } from './panels.ts';
import { footnotes, offScaleText, pointsText, summaryText } from './panelText.ts';
import { PhaseWords } from './phaseWords.ts';
import { type Curve, type Reading, readingsAt } from './readout.ts';
import { type ValueRange, valueRange } from './valueRange.ts';
import type { XRange } from './xRange.ts';

/** What a panel tells the page. */
export interface PanelEvents {
  /** A gesture moves the view; `ended` follows. */
  move: (range: XRange) => void;
  ended: () => void;
  reset: () => void;
  /** The range in view while a gesture lasts. */
  moving: () => XRange | undefined;
  /** The pointer is at x (null: left), at a height in CSS pixels. */
  pointed: (panel: PanelView, x: number | null, height: number) => void;
  key: (panel: PanelView, event: KeyboardEvent) => void;
  tools: PanelTools;
}

/** What a picture of a panel is made of. */
export interface PanelDrawing {
  panel: Panel;
  chart: CurveChart;
  scene: PanelScene;
  groups: readonly MarkGroup[];
  notes: readonly string[];
}

/** A marker that lies so far from its line's end seems to be on it. CSS pixels. */
const unseenGrowth = 2;

let summaries = 0;

/** One chart with its heading, its cursor and its notes. */
export class PanelView {
  readonly element: HTMLElement;
  readonly panel: Panel;
  private readonly canvas: HTMLCanvasElement;
  private readonly body: HTMLElement;
  private readonly header: PanelHeader;
  private readonly waiting = html('p', { class: 'waiting muted', attributes: { hidden: true } });
  private readonly footnote = html('p', {
    class: 'footnote muted',
    attributes: { hidden: true, dir: 'auto' },
  });
  private readonly summary: HTMLElement;
  private readonly overlay = svg('svg', { class: 'overlay', attributes: { 'aria-hidden': 'true' } });
  private readonly phaseWords = new PhaseWords();
  private readonly moving = new MovingPicture();
  private chart: CurveChart | undefined;
  private scene: PanelScene | undefined;
  private groups: readonly MarkGroup[] = [];
  private setupKey = '';
  private readonly events: PanelEvents;

  constructor(panel: Panel, events: PanelEvents) {
    this.panel = panel;
    this.events = events;
    this.header = new PanelHeader(panel, events.tools);
    this.canvas = html('canvas', { attributes: { 'data-metric': panel.metric, 'aria-hidden': 'true' } });
    this.summary = html('p', {
      class: 'visually-hidden summary',
      attributes: { id: `summary-${summaries++}` },
    });
    this.body = html('div', {
      class: 'chart',
      attributes: {
        tabindex: 0,
        role: 'application',
        'aria-roledescription': 'chart',
        'aria-label': `${panel.title}${panel.unit ? `, ${panel.unit}` : ''}. Arrow keys move the cursor, plus and minus zoom, brackets pan, B chooses a range, T shows the table.`,
        'aria-describedby': this.summary.id,
      },
      children: [this.canvas, this.phaseWords.element, this.moving.element, this.overlay, this.waiting],
    });
    const gestures = new Gestures(this.body, {
      plot: () => this.plot,
      move: events.move,
      ended: events.ended,
      reset: events.reset,
      pointed: (at) => events.pointed(this, at ? this.xAt(at.x) : null, at?.y ?? 0),
    });
    this.body.append(gestures.brush);
    this.body.addEventListener('keydown', (event) => events.key(this, event));
    this.element = html('section', {
      class: `panel ${panel.size}`,
      attributes: { 'aria-label': panel.title },
      children: [this.header.element, this.body, this.summary, this.footnote],
    });
  }

  get width(): number {
    return this.body.clientWidth;
  }

  /** The range of x that is drawn. */
  get range(): XRange | undefined {
    const scale = this.chart?.scales.x;
    return scale && [scale.min, scale.max];
  }

  /** Whether there are points in the picture. */
  get hasPicture(): boolean {
    return this.chart !== undefined && !this.body.classList.contains('blank');
  }

  /** What a picture of this panel is made of; undefined where there is none. */
  get drawing(): PanelDrawing | undefined {
    if (!this.chart || !this.scene || !this.hasPicture) return undefined;
    const { chart, scene, panel } = this;
    const offScale = offScaleText(panel, scene, this.values(scene));
    const notes = [...(offScale ? [offScale] : []), ...footnotes(panel, scene)];
    return { panel, chart, scene, groups: this.groups, notes };
  }

  focus(): void {
    this.body.focus();
  }

  get hasFocus(): boolean {
    return this.body === document.activeElement;
  }

  /** Draws the scene now. */
  draw(scene: PanelScene): void {
    const empty = scene.curves.every((c) => (c.series?.points.length ?? 0) === 0);
    if (empty && scene.moment) return;
    this.scene = scene;
    // Axes without points would have ticks that mean nothing.
    this.body.classList.toggle('blank', empty);
    const values = this.values(scene);
    this.describe(scene, values);
    this.moving.end();
    if (empty) return;
    const widthOf = (text: string) => this.phaseWords.widthOf(text, scene.theme.font);
    const setup: ChartSetup = {
      panel: this.panel,
      x: scene.x,
      logX: scene.logX,
      logY: scene.logY,
      theme: scene.theme,
      view: scene.view,
      values,
      annotations: markAnnotations(markGroups(this.panel, scene, plotEdges(this.width), widthOf), scene),
    };
    const key = JSON.stringify([scene.x, scene.logX, scene.logY, scene.theme, values.any]);
    const fresh = this.chart === undefined;
    this.chart ??= makeChart(this.canvas, setup);
    const chart = this.chart;
    const before = chart.data.datasets as unknown as CurveDataset[];
    chart.data.datasets = renewed(before, panelDatasets(this.panel, scene));
    if (fresh || key !== this.setupKey) redrawChart(chart, setup);
    else updateChart(chart, setup);
    this.setupKey = key;
    const [from, to] = scene.view;
    const crosses = scene.curves.some((c) => c.series?.nonFinite.some(({ x }) => x >= from && x <= to));
    // The plot's edges are known only now: a long number at the end of the axis takes room.
    this.groups = markGroups(this.panel, scene, [chart.chartArea.left, chart.chartArea.right], widthOf);
    this.phaseWords.show(this.groups, crosses ? chart.chartArea.top + 14 : chart.chartArea.top);
  }

  /**
   * Adds what its lines gained to the picture, without another drawing; returns the runs whose newest points it shows now.
   * `soon`: something else of the picture follows these points visibly, as an average does.
   */
  extend(): { runs: Set<string>; soon: boolean } {
    const { chart, scene } = this;
    if (!chart || !scene || !this.hasPicture || this.moving.shown) return { runs: new Set(), soon: true };
    const { extended, grown } = extendLines(chart);
    const soon = scene.smoothed || scene.bands.length > 0 || grown > unseenGrowth;
    return { runs: new Set(extended.map(({ run }) => run)), soon };
  }

  private values(scene: PanelScene): ValueRange {
    return valueRange(measuredLines(this.panel, scene), scene.view, {
      robust: scene.robust,
      logarithmic: scene.logY && this.panel.logarithmic,
    });
  }

  /** Shows the last picture as it lies in another range, until the next drawing. */
  move(range: XRange): void {
    const { chart, scene, range: drawn } = this;
    if (!chart || !scene || !drawn || !this.hasPicture) return;
    this.overlay.replaceChildren();
    this.moving.move(chart, drawn, range, scene.logX, xTickTexts(scene.x, range));
  }

  /** Heading, middle and foot: how many points, what is awaited, what cannot be drawn. */
  private describe(scene: PanelScene, values: ValueRange): void {
    const marked = scene.curves.filter((c) => c.metric !== this.panel.metric && c.series?.points.length);
    this.header.describe({
      points: this.panel.size === 'big' ? pointsText(this.panel, scene) : '',
      offScale: offScaleText(this.panel, scene, values),
      robust: scene.robust,
      pinned: scene.pinned,
      marks: marked.map((c) => c.metric),
      checkpoints: scene.curves.some((c) => c.checkpoints.length > 0 && c.series !== undefined),
    });
    const empty = this.body.classList.contains('blank');
    this.waiting.hidden = !empty;
    setText(this.waiting, empty ? scene.waiting : '');
    setText(this.summary, empty ? '' : summaryText(this.panel, scene));
    const lines = footnotes(this.panel, scene);
    this.footnote.hidden = lines.length === 0;
    setText(this.footnote, lines.join('\n'));
  }

  /** The values at x, nearest to `height` (CSS pixels in the chart) first. */
  readings(x: number, height?: number): Reading[] {
    const { chart, scene } = this;
    if (!chart || !scene) return [];
    const curves: Curve[] = [
      ...scene.bands.map(({ run, points }) => ({ run, metric: this.panel.metric, points })),
      ...scene.curves
        .filter((c) => c.series)
        .map((c) => ({ run: c.run, metric: c.metric, points: readPoints(this.panel, c, scene.smoothed) })),
    ];
    const { min, max, width } = chart.scales.x!;
    const heightOf = (v: number) => chart.scales.y!.getPixelForValue(v);
    const readings = readingsAt(
      curves,
      x,
      ((max - min) / Math.max(1, width)) * 12,
      height === undefined ? undefined : { height, heightOf },
    );
    // Means before the seeds that they are of.
    const means = new Set(scene.bands.map((band) => band.run));
    return [...readings.filter((r) => means.has(r.run)), ...readings.filter((r) => !means.has(r.run))];
  }

  /** Place of an x in CSS pixels from the chart's left, or undefined outside the picture. */
  place(x: number): number | undefined {
    const chart = this.chart;
    if (!chart) return undefined;
    const at = chart.scales.x!.getPixelForValue(x);
    return at >= chart.chartArea.left - 0.5 && at <= chart.chartArea.right + 0.5 ? at : undefined;
  }

  /** Shows the cursor line at x with a dot on the first curves; null takes it away. Nothing is redrawn. */
  showCursor(x: number | null, readings: readonly Reading[], mark?: number): void {
    const chart = this.chart;
    const at = x === null ? undefined : this.place(x);
    if (!chart || at === undefined || this.moving.shown) {
      this.overlay.replaceChildren();
      return;
    }
    const { top, bottom } = chart.chartArea;
    const styles = new Map(
      [...(this.scene?.curves ?? []), ...(this.scene?.bands ?? [])].map((c) => [c.run, c.style]),
    );
    const dots = readings.slice(0, 12).flatMap((reading) => {
      const style = styles.get(reading.run);
      if (!style || !Number.isFinite(reading.point.y)) return [];
      const cx = this.place(reading.point.x);
      const cy = chart.scales.y!.getPixelForValue(reading.point.y);
      if (cx === undefined || cy < top - 1 || cy > bottom + 1) return [];
      return [svg('circle', { class: `series-${style.colour + 1}`, attributes: { cx, cy, r: 3.5 } })];
    });
    const marked = mark === undefined ? undefined : this.place(mark);
    const [left, width] = marked === undefined ? [0, 0] : [Math.min(at, marked), Math.abs(at - marked)];
    this.overlay.replaceChildren(
      ...(width > 0 ? [svg('rect', { attributes: { x: left, y: top, width, height: bottom - top } })] : []),
      svg('line', { attributes: { x1: at, x2: at, y1: top, y2: bottom } }),
      ...dots,
    );
  }

  /** A value beside the heading: what the cursor reads here, and of which run where there are several. */
  showNote(text: string, style: SeriesStyle | undefined): void {
    this.header.show(text, style);
  }

  restoreNote(): void {
    this.header.restore();
  }

  dispose(): void {
    this.chart?.destroy();
    this.element.remove();
  }

  private get plot(): GesturePlot | undefined {
    const { chart, scene, range } = this;
    if (!chart || !scene || !range || !this.hasPicture) return undefined;
    const { left, width } = chart.chartArea;
    return { range: this.events.moving() ?? range, left, width, logarithmic: scene.logX };
  }

  private xAt(left: number): number | null {
    return this.chart?.scales.x?.getValueForPixel(left) ?? null;
  }
}
