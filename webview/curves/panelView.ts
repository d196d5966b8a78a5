import type { AnnotationOptions } from 'chartjs-plugin-annotation';
import { type CurvePoint, firstAtOrAfter, type LiveSeries, xOfStep } from '../../src/core/liveSeries.ts';
import { formatCount } from '../../src/core/numberFormat.ts';
import { html, setText, svg } from '../common/dom.ts';
import type { SeriesStyle } from '../common/seriesStyle.ts';
import { swatch } from '../common/swatch.ts';
import type { ThemeColours } from '../common/theme.ts';
import { placeText } from './axis.ts';
import {
  adjustChart,
  type ChartSetup,
  type CurveChart,
  type CurveDataset,
  faded,
  lineDataset,
  makeChart,
  plotEdges,
} from './charting.ts';
import { layMarks, type MarkGroup } from './markLayout.ts';
import { MarkLegend } from './markLegend.ts';
import { isClmMark, isJoined, isOfPhase, markLabel, type Panel } from './panels.ts';
import type { PhaseMark } from './phaseMarks.ts';
import { PhaseWords } from './phaseWords.ts';
import { type Curve, type Reading, readingsAt } from './readout.ts';
import type { SeriesX } from './seriesStore.ts';

/** One visible curve of a panel. */
export interface PanelCurve {
  run: string;
  name: string;
  metric: string;
  phases: readonly { objective: string; until: number }[];
  style: SeriesStyle;
  series: LiveSeries | undefined;
  emphasis: 'normal' | 'strong' | 'faint';
}

/** Everything a panel draws from; built anew for each drawing, points are shared. */
export interface PanelScene {
  curves: readonly PanelCurve[];
  marks: readonly PhaseMark[];
  x: SeriesX;
  logY: boolean;
  theme: ThemeColours;
  /** The range of x to draw, the same in every panel. */
  view: readonly [number, number];
  /** What stands in the middle where there is nothing to draw yet. */
  waiting: string;
  /** Points were asked for a moment ago: until they come, the picture before them stays. */
  moment: boolean;
}

/** What a panel tells the page. */
export interface PanelEvents {
  viewChanged: (range: [number, number]) => void;
  /** The pointer is at x (null: left), at a height in CSS pixels. */
  pointed: (panel: PanelView, x: number | null, height: number) => void;
  key: (panel: PanelView, event: KeyboardEvent) => void;
}

/** From more runs on, marks are smaller. */
const manyRuns = 6;

/** One chart with its heading, its cursor and its notes. */
export class PanelView {
  readonly element: HTMLElement;
  readonly panel: Panel;
  private readonly canvas: HTMLCanvasElement;
  private readonly body: HTMLElement;
  private readonly note: HTMLElement;
  private readonly waiting: HTMLElement;
  private readonly footnote: HTMLElement;
  private readonly overlay: SVGSVGElement;
  private readonly markLegend = new MarkLegend();
  private readonly phaseWords = new PhaseWords();
  private chart: CurveChart | undefined;
  private scene: PanelScene | undefined;
  private setupKey = '';
  private readonly events: PanelEvents;

  constructor(panel: Panel, events: PanelEvents) {
    this.panel = panel;
    this.events = events;
    this.canvas = html('canvas', { attributes: { 'data-metric': panel.metric, 'aria-hidden': 'true' } });
    this.overlay = svg('svg', { class: 'overlay', attributes: { 'aria-hidden': 'true' } });
    this.note = html('span', { class: 'note muted numbers' });
    this.waiting = html('p', { class: 'waiting muted', attributes: { hidden: true } });
    this.footnote = html('p', { class: 'footnote muted', attributes: { hidden: true } });
    this.body = html('div', {
      class: 'chart',
      attributes: {
        tabindex: 0,
        role: 'application',
        'aria-roledescription': 'chart',
        'aria-label': `${panel.title}${panel.unit ? `, ${panel.unit}` : ''}. Arrow keys move the cursor, T shows the table.`,
      },
      children: [this.canvas, this.phaseWords.element, this.overlay, this.waiting],
    });
    this.element = html('section', {
      class: `panel ${panel.size}`,
      attributes: { 'aria-label': panel.title },
      children: [
        html('header', {
          children: [
            html('h2', { text: panel.title }),
            html('span', { class: 'unit muted', text: panel.unit }),
            this.markLegend.element,
            this.note,
          ],
        }),
        this.body,
        this.footnote,
      ],
    });
    this.body.addEventListener('pointermove', (event) => this.pointerMoved(event));
    this.body.addEventListener('pointerleave', () => this.events.pointed(this, null, 0));
    this.body.addEventListener('keydown', (event) => this.events.key(this, event));
  }

  get width(): number {
    return this.body.clientWidth;
  }

  /** The range of x that is drawn. */
  get range(): [number, number] | undefined {
    const scale = this.chart?.scales.x;
    return scale && [scale.min, scale.max];
  }

  /** Whether there are points in the picture. */
  get hasPicture(): boolean {
    return this.chart !== undefined && !this.body.classList.contains('blank');
  }

  focus(): void {
    this.body.focus();
  }

  /** Draws the scene now. */
  draw(scene: PanelScene): void {
    const empty = scene.curves.every((c) => (c.series?.points.length ?? 0) === 0);
    if (empty && scene.moment) return;
    this.scene = scene;
    // Axes without points would have ticks that mean nothing.
    this.body.classList.toggle('blank', empty);
    this.describe(scene);
    if (empty) return;
    const setup: ChartSetup = {
      panel: this.panel,
      x: scene.x,
      logY: scene.logY,
      theme: scene.theme,
      view: scene.view,
      values: scene.curves.some((c) => hasValue(c.series?.points ?? [], scene.view)),
      annotations: this.annotations(scene),
      viewChanged: this.events.viewChanged,
    };
    // Options are heavy to replace: only when one of them changed.
    const key = JSON.stringify([scene.x, scene.logY, scene.theme, setup.values]);
    if (!this.chart) this.chart = makeChart(this.canvas, setup);
    else if (key !== this.setupKey) adjustChart(this.chart, setup);
    else {
      // Replaced options are to be had from the chart only after its update: these are for kept ones.
      const { scales, plugins } = this.chart.options;
      scales!.x!.min = setup.view[0];
      scales!.x!.max = setup.view[1];
      plugins!.annotation!.annotations = setup.annotations;
    }
    this.setupKey = key;
    const chart = this.chart;
    chart.data.datasets = scene.curves.flatMap((curve) => this.dataset(curve, scene));
    chart.update('none');
    const [from, to] = scene.view;
    const crosses = scene.curves.some((c) => c.series?.nonFinite.some(({ x }) => x >= from && x <= to));
    // The plot's edges are known only now: a long number at the end of the axis takes room.
    const groups = this.markGroups(scene, [chart.chartArea.left, chart.chartArea.right]);
    this.phaseWords.show(groups, crosses ? chart.chartArea.top + 14 : chart.chartArea.top);
  }

  private dataset(curve: PanelCurve, scene: PanelScene): CurveDataset[] {
    if (!curve.series) return [];
    const mark = curve.metric !== this.panel.metric;
    const { nonFinite } = curve.series;
    const points = this.shownPoints(curve);
    return [
      lineDataset(curve.run, curve.metric, points, nonFinite, curve.style, scene.theme, {
        emphasis: curve.emphasis,
        mark: mark
          ? {
              filled: !isClmMark(curve.metric),
              whole: (points[0]?.x ?? 0) >= scene.view[0] && (points.at(-1)?.x ?? 0) <= scene.view[1],
              // Those of many runs would cover the curves.
              radius: new Set(scene.curves.map((c) => c.run)).size > manyRuns ? 2 : 3,
              joined: (point, next) => isJoined(curve.metric, curve.phases, point.step, next.step),
            }
          : null,
        head: !mark,
      }),
    ];
  }

  /** Validations of the other objective lie on a scale that would press the curve flat: none beside its own phases. */
  private shownPoints({ metric, phases, series }: PanelCurve): CurvePoint[] {
    const points = series?.points ?? [];
    return metric === this.panel.metric
      ? points
      : points.filter(({ step }) => isOfPhase(metric, phases, step));
  }

  /** The phase marks in view, those that fall on the same place as one. */
  private markGroups(scene: PanelScene, [left, right]: readonly [number, number]): MarkGroup[] {
    const [from, to] = scene.view;
    const marks = scene.marks.flatMap(({ run, name, step, label }) => {
      const points = scene.curves.find((c) => c.run === run)?.series?.points ?? [];
      const x = scene.x === 'step' ? step : xOfStep(points, step);
      if (x === undefined || x < from || x > to) return [];
      return [{ run, name, label, x, at: left + ((x - from) / (to - from)) * (right - left) }];
    });
    const rows = this.panel.size === 'big' ? 2 : 0;
    const widthOf = (text: string) => this.phaseWords.widthOf(text, scene.theme.font);
    return layMarks(marks, { left, right, rows, widthOf });
  }

  private annotations(scene: PanelScene): Record<string, AnnotationOptions> {
    const { theme } = scene;
    const groups = this.markGroups(scene, plotEdges(this.width));
    const several = new Set(groups.flatMap((group) => group.runs)).size > 1;
    return Object.fromEntries(
      groups.map(({ x, runs }, index) => {
        const style = scene.curves.find((c) => c.run === runs[0])?.style;
        const own = several && runs.length === 1 && style ? theme.series[style.colour]! : theme.foreground;
        return [
          `mark${index}`,
          {
            type: 'line',
            // The view follows the points: marks far ahead must not press a young curve into the corner.
            adjustScaleRange: false,
            xMin: x,
            xMax: x,
            borderColor: faded(own, theme.strong ? 0.9 : own === theme.foreground ? 0.35 : 0.6),
            borderWidth: 1,
            borderDash: [3, 3],
            drawTime: 'beforeDatasetsDraw',
          } satisfies AnnotationOptions,
        ];
      }),
    );
  }

  /** Heading, middle and foot: how many points, what is awaited, what cannot be drawn. */
  private describe(scene: PanelScene): void {
    const main = scene.curves.filter((c) => c.metric === this.panel.metric);
    const shown = main.reduce((sum, c) => sum + (c.series?.points.length ?? 0), 0);
    const total = main.reduce((sum, c) => sum + (c.series?.total ?? 0), 0);
    setText(
      this.note,
      total === 0
        ? ''
        : this.panel.size === 'big'
          ? `${formatCount(shown)} of ${formatCount(Math.max(total, shown))} points`
          : '',
    );
    const empty = this.body.classList.contains('blank');
    this.waiting.hidden = !empty;
    setText(this.waiting, empty ? scene.waiting : '');
    const marked = scene.curves.filter((c) => c.metric !== this.panel.metric && c.series?.points.length);
    this.markLegend.update(marked.map((c) => c.metric));
    const lines: string[] = [];
    const listed = this.panel.size === 'big' ? 3 : 1;
    for (const curve of scene.curves) {
      const bad = curve.series?.nonFinite ?? [];
      if (bad.length === 0) continue;
      const first = bad
        .slice(0, listed)
        .map((p) => `${this.panel.format(p.y)} at ${placeText('step', p.step)}`)
        .join(', ');
      const more = bad.length > listed ? ` and ${formatCount(bad.length - listed)} more` : '';
      const of = curve.metric === this.panel.metric ? '' : ` (${markLabel(curve.metric)})`;
      lines.push(`✕ ${curve.name}${of}: ${first}${more}`);
    }
    if (scene.logY && this.panel.logarithmic) {
      const lost = scene.curves.reduce(
        (sum, c) => sum + (c.series?.points.reduce((n, p) => n + (p.y <= 0 ? 1 : 0), 0) ?? 0),
        0,
      );
      if (lost > 0)
        lines.push(`${formatCount(lost)} points at or below 0 have no place on a logarithmic axis.`);
    }
    this.footnote.hidden = lines.length === 0;
    setText(this.footnote, lines.join('\n'));
  }

  /** The values at x, nearest to `height` (CSS pixels in the chart) first. */
  readings(x: number, height?: number): Reading[] {
    const chart = this.chart;
    const scene = this.scene;
    if (!chart || !scene) return [];
    const curves: Curve[] = scene.curves
      .filter((c) => c.series)
      .map((c) => ({ run: c.run, metric: c.metric, points: this.shownPoints(c) }));
    const scale = chart.scales.x!;
    const tolerance = ((scale.max - scale.min) / Math.max(1, scale.width)) * 12;
    const pointer =
      height === undefined
        ? undefined
        : { height, heightOf: (v: number) => chart.scales.y!.getPixelForValue(v) };
    return readingsAt(curves, x, tolerance, pointer);
  }

  /** Place of an x in CSS pixels from the chart's left, or undefined outside the picture. */
  place(x: number): number | undefined {
    const chart = this.chart;
    if (!chart) return undefined;
    const at = chart.scales.x!.getPixelForValue(x);
    return at < chart.chartArea.left - 0.5 || at > chart.chartArea.right + 0.5 ? undefined : at;
  }

  /** Shows the cursor line at x with a dot on the first curves; null takes it away. Nothing is redrawn. */
  showCursor(x: number | null, readings: readonly Reading[]): void {
    const chart = this.chart;
    const at = x === null ? undefined : this.place(x);
    if (!chart || at === undefined) {
      this.overlay.replaceChildren();
      return;
    }
    const { top, bottom } = chart.chartArea;
    const dots = readings.slice(0, 12).flatMap((reading) => {
      const style = this.scene?.curves.find((c) => c.run === reading.run)?.style;
      if (!style || !Number.isFinite(reading.point.y)) return [];
      const cx = this.place(reading.point.x);
      const cy = chart.scales.y!.getPixelForValue(reading.point.y);
      if (cx === undefined || cy < top - 1 || cy > bottom + 1) return [];
      return [svg('circle', { class: `series-${style.colour + 1}`, attributes: { cx, cy, r: 3.5 } })];
    });
    this.overlay.replaceChildren(
      svg('line', { attributes: { x1: at, x2: at, y1: top, y2: bottom } }),
      ...dots,
    );
  }

  /** A value beside the heading: what the cursor reads here, and of which run where there are several. */
  showNote(text: string, style: SeriesStyle | undefined): void {
    this.note.replaceChildren(...(style ? [swatch(style)] : []), text);
  }

  restoreNote(): void {
    if (this.scene) this.describe(this.scene);
  }

  resize(): void {
    this.chart?.resize();
  }

  dispose(): void {
    this.chart?.destroy();
    this.element.remove();
  }

  private pointerMoved(event: PointerEvent): void {
    const chart = this.chart;
    if (!chart || event.pointerType === 'touch') return;
    const bounds = this.canvas.getBoundingClientRect();
    const left = event.clientX - bounds.left;
    const height = event.clientY - bounds.top;
    const { chartArea } = chart;
    if (left < chartArea.left || left > chartArea.right) {
      this.events.pointed(this, null, 0);
      return;
    }
    this.events.pointed(this, chart.scales.x!.getValueForPixel(left) ?? null, height);
  }
}

/** Whether a point in the range has a finite value. */
function hasValue(points: readonly CurvePoint[], [from, to]: readonly [number, number]): boolean {
  for (let i = firstAtOrAfter(points, from); i < points.length && points[i]!.x <= to; i++)
    if (Number.isFinite(points[i]!.y)) return true;
  return false;
}
