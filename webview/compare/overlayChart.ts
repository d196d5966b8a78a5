import { Chart, type ChartDataset, LinearScale, LineController, LineElement, PointElement } from 'chart.js';
import { color } from 'chart.js/helpers';
import { formatCompact, formatValue } from '../../src/core/numberFormat.ts';
import { html, setText, svg } from '../common/dom.ts';
import type { SeriesStyle } from '../common/seriesStyle.ts';
import type { ThemeColours } from '../common/theme.ts';
import { layMarks } from '../curves/markLayout.ts';
import type { PhaseMark } from '../curves/phaseMarks.ts';
import { PhaseWords } from '../curves/phaseWords.ts';
import { summaryText } from './chartWords.ts';
import { extentOfCurves, type PlotPoint } from './curvesOf.ts';

Chart.register(LineController, LineElement, PointElement, LinearScale);

export interface OverlayCurve {
  key: string;
  name: string;
  /** What tells it from others of that name. */
  detail: string;
  /** It is the mean of so many runs. */
  seeds: number;
  style: SeriesStyle;
  points: readonly PlotPoint[];
  /** Validations: points without a line. */
  marks: readonly PlotPoint[];
  /** In the columns on show: drawn in colour, the others faintly behind. */
  near: boolean;
}

export interface OverlayScene {
  curves: readonly OverlayCurve[];
  /** Vertical lines with words: `run` is a curve's key. */
  marks: readonly PhaseMark[];
  theme: ThemeColours;
  title: string;
  /** Beside the title. */
  note: string;
  /** In the middle where there is nothing to draw. */
  waiting: string;
  /** A line at 0: curves are differences. */
  zero: boolean;
}

export interface OverlayEvents {
  /** The cursor is at this step; null: nowhere. `said`: by key, so that it is read out. */
  moved: (step: number | null, said: boolean) => void;
  /** The curves behind are painted; in all it took so many ms. */
  painted: (ms: number) => void;
}

/** What a slice of painting the curves behind may take. */
const sliceMs = 8;
/** The brush keeps what it is told until it is asked for a pixel. */
const curvesAtOnce = 5;

/**
 * Curves over each other: those of the columns in view by chart.js, all others faintly behind them, painted a few
 * milliseconds a frame so that any number of them holds nothing up.
 */
export class OverlayChart {
  readonly element: HTMLElement;
  readonly #canvas = html('canvas', { attributes: { 'aria-hidden': 'true' } });
  readonly #behind = html('canvas', { class: 'behind', attributes: { 'aria-hidden': 'true' } });
  readonly #cursor = svg('svg', { class: 'overlay', attributes: { 'aria-hidden': 'true' } });
  readonly #marks = svg('svg', { class: 'overlay marks', attributes: { 'aria-hidden': 'true' } });
  readonly #words = new PhaseWords();
  readonly #title = html('h2');
  readonly #note = html('span', { class: 'note muted numbers' });
  readonly #waiting = html('p', { class: 'waiting muted' });
  readonly #summary = html('p', { class: 'visually-hidden', attributes: { id: 'chart-summary' } });
  readonly #box: HTMLElement;
  readonly #events: OverlayEvents;
  #chart: Chart<'line', PlotPoint[]> | undefined;
  #scene: OverlayScene | undefined;
  #themed: ThemeColours | undefined;
  #painting: number | undefined;
  #at: number | null = null;

  constructor(events: OverlayEvents) {
    this.#events = events;
    this.#box = html('div', {
      class: 'chart',
      attributes: {
        tabindex: 0,
        role: 'application',
        'aria-roledescription': 'chart',
        'aria-describedby': 'chart-summary',
      },
      children: [this.#behind, this.#marks, this.#canvas, this.#words.element, this.#cursor, this.#waiting],
    });
    this.element = html('section', {
      class: 'overlay-panel',
      attributes: { 'aria-label': 'Curves' },
      children: [html('header', { children: [this.#title, this.#note] }), this.#box, this.#summary],
    });
    this.#box.addEventListener('pointermove', (event) => this.#pointed(event));
    this.#box.addEventListener('pointerleave', () => this.#moveTo(null, false));
    this.#box.addEventListener('keydown', (event) => this.#key(event));
  }

  get hasFocus(): boolean {
    return this.#box === document.activeElement;
  }

  focus(): void {
    this.#box.focus();
  }

  /** Takes the cursor away. */
  leave(): void {
    this.#moveTo(null, false);
  }

  draw(scene: OverlayScene): void {
    this.#scene = scene;
    setText(this.#title, scene.title);
    setText(this.#note, scene.note);
    this.#box.setAttribute(
      'aria-label',
      `${scene.title}. Arrow keys move the cursor; the first row of the comparison has the values there. T shows the table of points.`,
    );
    const extent = extentOfCurves(scene.curves.flatMap(({ points, marks }) => [points, marks]));
    this.#box.classList.toggle('blank', !extent);
    this.#waiting.hidden = extent !== null;
    setText(this.#waiting, extent ? '' : scene.waiting);
    setText(this.#summary, extent ? summaryText(scene) : scene.waiting);
    cancelAnimationFrame(this.#painting ?? 0);
    if (!extent) {
      this.#marks.replaceChildren();
      return;
    }
    const y: [number, number] = scene.zero ? [Math.min(extent.y[0], 0), Math.max(extent.y[1], 0)] : extent.y;
    if (!this.#chart || this.#themed !== scene.theme) {
      this.#chart?.destroy();
      this.#chart = new Chart<'line', PlotPoint[]>(this.#canvas, {
        type: 'line',
        data: { datasets: [] },
        options: options(scene.theme),
      });
      this.#themed = scene.theme;
    }
    const { scales } = this.#chart.options;
    Object.assign(scales!.x!, { min: extent.x[0], max: extent.x[1] });
    Object.assign(scales!.y!, { min: y[0], max: y[1] });
    this.#chart.data.datasets = [
      ...scene.curves.filter(({ near }) => near).flatMap((curve) => datasets(curve, scene.theme, y[1])),
      ...(scene.zero ? [zeroLine(extent.x, scene.theme)] : []),
    ];
    this.#chart.update('none');
    this.#drawMarks(this.#chart, scene, extent.x);
    this.#paintBehind(scene);
    this.#drawCursor();
  }

  #drawMarks(
    { chartArea, scales }: Chart,
    { marks, theme }: OverlayScene,
    [from, to]: [number, number],
  ): void {
    const { left, right, top, bottom } = chartArea;
    const placed = marks.flatMap(({ step, ...mark }) =>
      step < from || step > to ? [] : [{ ...mark, x: step, at: scales.x!.getPixelForValue(step) }],
    );
    const widthOf = (text: string): number => this.#words.widthOf(text, theme.font);
    const groups = layMarks(placed, { left, right, rows: 2, widthOf });
    this.#words.show(groups, top);
    this.#marks.replaceChildren(
      ...groups.map(({ x }) => {
        const at = scales.x!.getPixelForValue(x);
        return svg('line', { attributes: { x1: at, x2: at, y1: top, y2: bottom } });
      }),
    );
  }

  /** Paints into a picture of its own and shows it when it is whole: what was there stays until then. */
  #paintBehind(scene: OverlayScene): void {
    const chart = this.#chart!;
    const rest = scene.curves.filter(({ near }) => !near);
    const ratio = devicePixelRatio;
    const width = Math.max(1, Math.round(this.#box.clientWidth * ratio));
    const height = Math.max(1, Math.round(this.#box.clientHeight * ratio));
    const picture = new OffscreenCanvas(width, height);
    // Painted at once, not when it is shown: else all of it would fall into one frame.
    const brush = picture.getContext('2d', { willReadFrequently: true })!;
    const { left, top, right, bottom } = chart.chartArea;
    brush.scale(ratio, ratio);
    brush.beginPath();
    brush.rect(left, top, right - left, bottom - top);
    brush.clip();
    brush.lineWidth = 1;
    const { x, y } = chart.scales;
    let next = 0;
    let took = 0;
    const slice = (): void => {
      const started = performance.now();
      for (let i = 1; next < rest.length && performance.now() - started < sliceMs; i++) {
        const { points, style } = rest[next++]!;
        brush.strokeStyle = faded(scene.theme.series[style.colour]!, scene.theme.strong ? 0.5 : 0.3);
        brush.beginPath();
        let pen = false;
        for (const point of points) {
          if (Number.isFinite(point.y)) {
            const at = [x!.getPixelForValue(point.x), y!.getPixelForValue(point.y)] as const;
            if (pen) brush.lineTo(...at);
            else brush.moveTo(...at);
          }
          pen = Number.isFinite(point.y);
        }
        brush.stroke();
        if (i % curvesAtOnce === 0) brush.getImageData(0, 0, 1, 1);
      }
      took += performance.now() - started;
      if (next < rest.length) this.#painting = requestAnimationFrame(slice);
      else {
        this.#behind.width = width;
        this.#behind.height = height;
        this.#behind.getContext('2d')!.drawImage(picture, 0, 0);
        this.#behind.dataset.curves = String(rest.length);
        this.#events.painted(took);
      }
    };
    // The chart itself has had this frame.
    this.#painting = requestAnimationFrame(slice);
  }

  /** Steps of the first curve in view: where the cursor goes by key. */
  #steps(): readonly PlotPoint[] {
    const near = this.#scene?.curves.filter((curve) => curve.near && curve.points.length > 0) ?? [];
    return near[0]?.points ?? [];
  }

  #key(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const points = this.#steps();
    const last = points.length - 1;
    if (event.key === 'Escape' && this.#at !== null) {
      this.#moveTo(null, true);
      event.preventDefault();
      return;
    }
    const walks: Record<string, number> = {
      ...{ ArrowLeft: -1, ArrowRight: 1, PageUp: -25, PageDown: 25 },
      ...{ Home: Number.NEGATIVE_INFINITY, End: Number.POSITIVE_INFINITY },
    };
    const by = walks[event.key];
    if (by === undefined || last < 0) return;
    event.preventDefault();
    const here = this.#at === null ? (by > 0 ? -1 : last + 1) : nearestIndex(points, this.#at);
    this.#moveTo(points[Math.max(0, Math.min(last, here + by * (event.shiftKey ? 10 : 1)))]!.x, true);
  }

  #pointed(event: PointerEvent): void {
    const chart = this.#chart;
    if (!chart || event.pointerType === 'touch') return;
    const left = event.clientX - this.#canvas.getBoundingClientRect().left;
    if (left < chart.chartArea.left || left > chart.chartArea.right) {
      this.#moveTo(null, false);
      return;
    }
    const points = this.#steps();
    if (points.length === 0) return;
    this.#moveTo(points[nearestIndex(points, chart.scales.x!.getValueForPixel(left) ?? 0)]!.x, false);
  }

  #moveTo(step: number | null, said: boolean): void {
    if (this.#at === step) return;
    this.#at = step;
    this.#drawCursor();
    this.#events.moved(step, said);
  }

  #drawCursor(): void {
    const chart = this.#chart;
    if (!chart || this.#at === null) {
      this.#cursor.replaceChildren();
      return;
    }
    const at = chart.scales.x!.getPixelForValue(this.#at);
    const { top, bottom } = chart.chartArea;
    this.#cursor.replaceChildren(svg('line', { attributes: { x1: at, x2: at, y1: top, y2: bottom } }));
  }
}

function nearestIndex(points: readonly PlotPoint[], x: number): number {
  let low = 0;
  let high = points.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (points[middle]!.x < x) low = middle + 1;
    else high = middle;
  }
  return low > 0 && x - points[low - 1]!.x < points[low]!.x - x ? low - 1 : low;
}

function faded(cssColour: string, opacity: number): string {
  return color(cssColour).alpha(opacity).rgbString();
}

function options(theme: ThemeColours): NonNullable<Chart<'line'>['options']> {
  const font = { family: theme.font, size: 11 };
  const grid = { color: faded(theme.foreground, theme.strong ? 0.4 : 0.16), drawTicks: false, lineWidth: 1 };
  const ticks = { color: theme.muted, font, padding: 6, maxRotation: 0 };
  return {
    responsive: true,
    maintainAspectRatio: false,
    parsing: false,
    normalized: true,
    animation: false,
    events: [],
    layout: { padding: { top: 4, right: 10, bottom: 0, left: 0 } },
    scales: {
      x: {
        type: 'linear',
        grid: { display: false },
        border: { color: grid.color },
        ticks: {
          ...ticks,
          maxTicksLimit: 8,
          includeBounds: false,
          callback: (value) => formatCompact(Number(value)),
        },
      },
      y: {
        type: 'linear',
        grid,
        border: { display: false },
        ticks: {
          ...ticks,
          maxTicksLimit: 6,
          includeBounds: false,
          callback: (value) => tickText(Number(value)),
        },
        afterFit: (scale) => {
          scale.width = 56;
        },
      },
    },
  };
}

function tickText(value: number): string {
  return formatValue(value)
    .replace(/(\.\d*?)0+(?=$|e)/, '$1')
    .replace(/\.(?=$|e)/, '');
}

const pointStyles = {
  circle: ['circle', 0],
  rect: ['rect', 0],
  triangle: ['triangle', 0],
  rectRot: ['rectRot', 0],
  triangleDown: ['triangle', 180],
  triangleRight: ['triangle', 90],
} as const;

/** Crosses that a curve gets for points that are no numbers: more would be a bar. */
const mostCrosses = 40;

/** The line with the marker at its end, the validations, and a cross at the top for points that are no numbers. */
function datasets(
  { style, points, marks }: OverlayCurve,
  theme: ThemeColours,
  top: number,
): ChartDataset<'line', PlotPoint[]>[] {
  const stroke = theme.series[style.colour]!;
  const [pointStyle, pointRotation] = pointStyles[style.marker];
  const last = points.findLastIndex(({ y }) => Number.isFinite(y));
  const broken = points.filter(({ y }) => !Number.isFinite(y));
  const every = Math.ceil(broken.length / mostCrosses);
  const common = {
    borderColor: stroke,
    backgroundColor: stroke,
    pointStyle,
    pointRotation,
    pointHitRadius: 0,
    // A marker at the edge is whole; limits hold all values, so no line leaves the area.
    clip: 8,
  };
  return [
    {
      ...common,
      // An infinite point would be drawn to: it is a gap, as NaN.
      data: points.map(({ x, y }) => ({ x, y: Number.isFinite(y) ? y : Number.NaN })),
      borderWidth: 1.5,
      borderDash: [...style.dash],
      borderJoinStyle: 'round',
      spanGaps: false,
      pointRadius: ({ dataIndex }) => (dataIndex === last ? 4 : 0),
      order: 1,
    },
    ...(broken.length === 0
      ? []
      : [
          {
            ...common,
            data: broken.filter((_, i) => i % every === 0).map(({ x }) => ({ x, y: top })),
            showLine: false,
            pointStyle: 'crossRot' as const,
            pointRadius: 4.5,
            pointBorderWidth: 1.75,
          },
        ]),
    ...(marks.length === 0
      ? []
      : [
          {
            ...common,
            data: marks as PlotPoint[],
            showLine: false,
            pointRadius: 3,
            pointBorderColor: theme.background,
            pointBorderWidth: 0.75,
            order: 0,
          },
        ]),
  ];
}

function zeroLine(
  [from, to]: readonly [number, number],
  theme: ThemeColours,
): ChartDataset<'line', PlotPoint[]> {
  return {
    data: [
      { x: from, y: 0 },
      { x: to, y: 0 },
    ],
    borderColor: faded(theme.foreground, 0.6),
    borderWidth: 1,
    pointRadius: 0,
    order: 2,
  };
}
