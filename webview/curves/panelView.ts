import type { AnnotationOptions } from 'chartjs-plugin-annotation';
import { type LiveSeries, xOfStep } from '../../src/core/liveSeries.ts';
import { formatCount } from '../../src/core/numberFormat.ts';
import { html, setText, svg } from '../common/dom.ts';
import type { SeriesStyle } from '../common/seriesStyle.ts';
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
} from './charting.ts';
import { isClmMark, markLabel, type Panel } from './panels.ts';
import type { PhaseMark } from './phaseMarks.ts';
import { type Curve, type Reading, readingsAt } from './readout.ts';
import type { SeriesX } from './seriesStore.ts';

/** One visible curve of a panel. */
export interface PanelCurve {
  run: string;
  name: string;
  metric: string;
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
  view: readonly [number, number] | null;
  /** Sentence in the middle where there is nothing to draw yet. */
  waiting: string;
}

/** What a panel tells the page. */
export interface PanelEvents {
  viewChanged: (range: [number, number]) => void;
  /** The pointer is at x (null: left), at a height in CSS pixels. */
  pointed: (panel: PanelView, x: number | null, height: number) => void;
  key: (panel: PanelView, event: KeyboardEvent) => void;
}

/** Marks with words: more of them would lie on each other. */
const labelledMarks = 6;

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
      children: [this.canvas, this.overlay, this.waiting],
    });
    this.element = html('section', {
      class: `panel ${panel.size}`,
      attributes: { 'aria-label': panel.title },
      children: [
        html('header', {
          children: [
            html('h2', { text: panel.title }),
            html('span', { class: 'unit muted', text: panel.unit }),
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

  focus(): void {
    this.body.focus();
  }

  /** Draws the scene now. */
  draw(scene: PanelScene): void {
    this.scene = scene;
    const setup: ChartSetup = {
      panel: this.panel,
      x: scene.x,
      logY: scene.logY,
      theme: scene.theme,
      view: scene.view,
      annotations: this.annotations(scene),
      viewChanged: this.events.viewChanged,
    };
    // Options are heavy to replace: only when one of them changed.
    const key = JSON.stringify([scene.x, scene.logY, scene.theme]);
    if (!this.chart) this.chart = makeChart(this.canvas, setup);
    else if (key !== this.setupKey) adjustChart(this.chart, setup);
    else {
      // Replaced options are to be had from the chart only after its update: these are for kept ones.
      const { scales, plugins } = this.chart.options;
      scales!.x!.min = setup.view?.[0];
      scales!.x!.max = setup.view?.[1];
      plugins!.annotation!.annotations = setup.annotations;
    }
    this.setupKey = key;
    const chart = this.chart;
    chart.data.datasets = scene.curves.flatMap((curve) => this.dataset(curve, scene));
    chart.update('none');
    this.describe(scene);
  }

  private dataset(curve: PanelCurve, scene: PanelScene): CurveDataset[] {
    if (!curve.series) return [];
    const mark = curve.metric !== this.panel.metric;
    const { points, nonFinite } = curve.series;
    return [
      lineDataset(curve.run, curve.metric, points, nonFinite, curve.style, scene.theme, {
        emphasis: curve.emphasis,
        mark: mark ? (isClmMark(curve.metric) ? 'hollow' : 'filled') : null,
        head: !mark,
      }),
    ];
  }

  private annotations(scene: PanelScene): Record<string, AnnotationOptions> {
    const { theme } = scene;
    const placed = scene.marks.flatMap((mark) => {
      const points = scene.curves.find((c) => c.run === mark.run)?.series?.points ?? [];
      const x = scene.x === 'step' ? mark.step : xOfStep(points, mark.step);
      return x === undefined ? [] : [{ ...mark, x }];
    });
    const words = this.panel.size === 'big' && placed.length <= labelledMarks;
    return Object.fromEntries(
      placed.map((mark, index) => [
        `mark${index}`,
        {
          type: 'line',
          // The view follows the points: marks far ahead must not press a young curve into the corner.
          adjustScaleRange: false,
          xMin: mark.x,
          xMax: mark.x,
          borderColor: faded(theme.foreground, theme.strong ? 0.9 : 0.35),
          borderWidth: 1,
          borderDash: [3, 3],
          drawTime: 'beforeDatasetsDraw',
          label: {
            display: words,
            drawTime: 'afterDatasetsDraw',
            content: mark.label,
            position: 'end',
            // Neighbours take turns in height.
            yAdjust: (index % 2) * 18,
            color: theme.muted,
            backgroundColor: theme.background,
            padding: { x: 4, y: 1 },
            font: { family: theme.font, size: 11, weight: 'normal' },
          },
        } satisfies AnnotationOptions,
      ]),
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
    const empty = scene.curves.every((c) => (c.series?.points.length ?? 0) === 0);
    this.waiting.hidden = !empty;
    setText(this.waiting, empty ? (this.panel.size === 'big' ? scene.waiting : 'no points yet') : '');
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
      .map((c) => ({ run: c.run, metric: c.metric, points: c.series!.points }));
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

  /** A value beside the heading: what the cursor reads here. */
  showNote(text: string): void {
    setText(this.note, text);
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
