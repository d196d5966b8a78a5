import {
  Chart,
  type ChartConfiguration,
  type ChartDataset,
  LinearScale,
  LineController,
  LineElement,
  LogarithmicScale,
  type Plugin,
  PointElement,
  type PointStyle,
} from 'chart.js';
import { color, drawPoint } from 'chart.js/helpers';
import annotation, { type AnnotationOptions } from 'chartjs-plugin-annotation';
import zoom from 'chartjs-plugin-zoom';
import type { CurvePoint } from '../../src/core/liveSeries.ts';
import type { Marker, SeriesStyle } from '../common/seriesStyle.ts';
import type { ThemeColours } from '../common/theme.ts';
import { tickText, timeStep } from './axis.ts';
import { logTicks } from './logTicks.ts';
import type { Panel } from './panels.ts';
import type { SeriesX } from './seriesStore.ts';

/** What our own marks need beside a dataset. */
export interface CurveDataset extends ChartDataset<'line', CurvePoint[]> {
  run: string;
  metric: string;
  style: SeriesStyle;
  nonFinite: readonly CurvePoint[];
  /** Draw the run's marker at the end of the line. */
  head: boolean;
}
export type CurveChart = Chart<'line', CurvePoint[]>;

/** A marker as chart.js knows it. */
function shape(marker: Marker): { pointStyle: PointStyle; rotation: number } {
  if (marker === 'triangleDown') return { pointStyle: 'triangle', rotation: 180 };
  if (marker === 'triangleRight') return { pointStyle: 'triangle', rotation: 90 };
  return { pointStyle: marker, rotation: 0 };
}

/** Draws the marker at each line's end, and a cross at the upper edge for each point that is not a number. */
const endsAndCrosses: Plugin<'line'> = {
  id: 'endsAndCrosses',
  afterDatasetsDraw(chart) {
    const { ctx, chartArea, scales } = chart;
    const x = scales.x!;
    const y = scales.y!;
    const crossedTo = new Map<string, number>();
    const datasets = chart.data.datasets as unknown as CurveDataset[];
    // What lies on top there does so here.
    for (const dataset of [...datasets].sort((a, b) => (b.order ?? 0) - (a.order ?? 0))) {
      const stroke = dataset.backgroundColor as string;
      ctx.save();
      ctx.strokeStyle = stroke;
      ctx.fillStyle = stroke;
      ctx.setLineDash([]);
      for (const point of dataset.nonFinite) {
        const at = x.getPixelForValue(point.x);
        if (at < chartArea.left - 1 || at > chartArea.right + 1) continue;
        // A long row of them would be a bar: one of a run every ten pixels is told as well.
        const before = crossedTo.get(dataset.run);
        if (before !== undefined && Math.abs(at - before) < 10) continue;
        crossedTo.set(dataset.run, at);
        ctx.lineWidth = 1.75;
        drawPoint(
          ctx,
          { pointStyle: 'crossRot', radius: 4.5, borderWidth: 1.75 } as never,
          at,
          chartArea.top + 7,
        );
      }
      const last = dataset.head ? dataset.data.at(-1) : undefined;
      if (last && Number.isFinite(last.y)) {
        const at = x.getPixelForValue(last.x);
        const height = y.getPixelForValue(last.y);
        const inside =
          at >= chartArea.left - 1 &&
          at <= chartArea.right + 1 &&
          height >= chartArea.top - 1 &&
          height <= chartArea.bottom + 1;
        ctx.lineWidth = 1.5;
        if (inside)
          drawPoint(
            ctx,
            { ...shape(dataset.style.marker), radius: 4, borderWidth: 1.5 } as never,
            at,
            height,
          );
      }
      ctx.restore();
    }
  },
};

Chart.register(
  LineController,
  LineElement,
  PointElement,
  LinearScale,
  LogarithmicScale,
  annotation,
  zoom,
  endsAndCrosses,
);

/** A CSS colour with another opacity. */
export function faded(cssColour: string, opacity: number): string {
  return color(cssColour).alpha(opacity).rgbString();
}

export interface ChartSetup {
  panel: Panel;
  x: SeriesX;
  logY: boolean;
  theme: ThemeColours;
  /** The range of x to draw. */
  view: readonly [number, number];
  /** Whether there is a value in this range: without any, the y axis has no numbers. */
  values: boolean;
  annotations: Record<string, AnnotationOptions>;
  /** The person zoomed or panned this chart to a range of x. */
  viewChanged: (range: [number, number]) => void;
}

/** Width of every panel's y axis, so that charts under each other line up. */
const axisWidth = 46;
const rightPadding = 8;
/** Between labels of the y axis, baseline to baseline. */
const tickGap = 24;

/** About which part of a chart of this width has curves: left and right edge. CSS pixels. */
export function plotEdges(width: number): [left: number, right: number] {
  return [axisWidth, width - rightPadding];
}

function options(setup: ChartSetup): NonNullable<ChartConfiguration<'line', CurvePoint[]>['options']> {
  const { panel, x, theme, view } = setup;
  const logarithmic = setup.logY && panel.logarithmic;
  const big = panel.size === 'big';
  const font = { family: theme.font, size: 11 };
  // Of the text's colour: the lines that themes have for editors are invisible in some and glaring in others.
  const gridColour = faded(theme.foreground, theme.strong ? 0.4 : 0.16);
  const grid = { color: gridColour, drawTicks: false, lineWidth: 1 };
  const report = ({ chart }: { chart: Chart }) => {
    const { min, max } = chart.scales.x!;
    setup.viewChanged([min, max]);
  };
  return {
    responsive: true,
    maintainAspectRatio: false,
    parsing: false,
    normalized: true,
    animation: false,
    // Hover and keys are ours: no chart has to redraw for them.
    events: [],
    layout: { padding: { top: 2, right: rightPadding, bottom: 0, left: 0 } },
    scales: {
      x: {
        type: 'linear',
        min: view[0],
        max: view[1],
        grid: { display: false },
        border: { color: gridColour },
        ticks: {
          color: theme.muted,
          font,
          maxRotation: 0,
          autoSkipPadding: 16,
          maxTicksLimit: big ? 8 : 4,
          includeBounds: false,
          callback: (value) => tickText(x, Number(value)),
        },
        beforeBuildTicks: (scale) => {
          if (x === 'time' && 'ticks' in scale.options)
            (scale.options.ticks as { stepSize?: number }).stepSize = timeStep(
              scale.max - scale.min,
              big ? 7 : 3,
            );
        },
      },
      y: {
        type: logarithmic ? 'logarithmic' : 'linear',
        grid,
        border: { display: false },
        ticks: {
          color: theme.muted,
          font,
          padding: 6,
          // A lower limit than there are ticks takes their grid lines away.
          maxTicksLimit: logarithmic ? 100 : big ? 7 : 4,
          autoSkip: false,
          display: setup.values,
          callback: (value) => tickLabel(panel, Number(value)),
        },
        afterBuildTicks: (scale) => {
          if (scale.type !== 'logarithmic') return;
          scale.ticks = logTicks(scale.min, scale.max, scale.height, tickGap).map((value) => ({ value }));
        },
        afterFit: (scale) => {
          scale.width = axisWidth;
        },
      },
    },
    plugins: {
      annotation: { annotations: setup.annotations, clip: true },
      zoom: {
        limits: { x: { min: 0 } },
        pan: { enabled: true, mode: 'x', modifierKey: 'shift', onPan: report },
        zoom: {
          mode: 'x',
          wheel: { enabled: true, modifierKey: 'ctrl', speed: 0.15 },
          drag: {
            enabled: true,
            threshold: 8,
            backgroundColor: faded(theme.focus, 0.15),
            borderColor: theme.focus,
            borderWidth: 1,
          },
          onZoom: report,
        },
      },
    },
  };
}

/** A y tick: as short as the value allows. */
function tickLabel(panel: Panel, value: number): string {
  return panel
    .format(value)
    .replace(/(\.\d*?)0+(?=$|e)/, '$1')
    .replace(/\.(?=$|e)/, '');
}

export function makeChart(canvas: HTMLCanvasElement, setup: ChartSetup): CurveChart {
  return new Chart<'line', CurvePoint[]>(canvas, {
    type: 'line',
    data: { datasets: [] },
    options: options(setup),
  });
}

/** Puts new settings on a chart; the caller updates it. */
export function adjustChart(chart: CurveChart, setup: ChartSetup): void {
  chart.options = options(setup);
}

/** How a curve is drawn beside its run's style. */
export interface CurveLook {
  emphasis: 'normal' | 'strong' | 'faint';
  /** Points are marks; null: they are a line. */
  mark: MarkLook | null;
  /** Draw the run's marker at the end of the line. */
  head: boolean;
}

export interface MarkLook {
  filled: boolean;
  /** CSS pixels. */
  radius: number;
  /** All marks are in view: those at its edge are drawn whole. */
  whole: boolean;
  /** Whether a faint line joins two neighbours. */
  joined: (point: CurvePoint, next: CurvePoint) => boolean;
}

/** A curve of a run. */
export function lineDataset(
  run: string,
  metric: string,
  points: CurvePoint[],
  nonFinite: readonly CurvePoint[],
  style: SeriesStyle,
  theme: ThemeColours,
  look: CurveLook,
): CurveDataset {
  const full = theme.series[style.colour]!;
  const faint = look.emphasis === 'faint';
  const stroke = faint ? faded(full, theme.strong ? 0.45 : 0.25) : full;
  const width = look.emphasis === 'strong' ? 2.25 : 1.4;
  const { mark } = look;
  return {
    run,
    metric,
    style,
    nonFinite,
    head: look.head,
    data: points,
    borderColor: mark && !faint && !theme.strong ? faded(full, 0.5) : stroke,
    backgroundColor: stroke,
    borderWidth: mark ? width * 0.6 : width,
    borderDash: mark ? [] : [...style.dash],
    borderJoinStyle: 'round',
    segment: mark
      ? {
          borderColor: ({ p0DataIndex: from, p1DataIndex: to }) =>
            mark.joined(points[from]!, points[to]!) ? undefined : 'transparent',
        }
      : undefined,
    pointStyle: shape(style.marker).pointStyle,
    pointRotation: shape(style.marker).rotation,
    pointBackgroundColor: mark && !mark.filled ? theme.background : stroke,
    pointBorderColor: mark?.filled && !faint ? theme.background : stroke,
    pointRadius: mark?.radius ?? 0,
    pointBorderWidth: mark?.filled ? 0.75 : 1.25,
    pointHitRadius: 0,
    clip: mark?.whole ? mark.radius + 2 : undefined,
    spanGaps: false,
    order: look.emphasis === 'strong' ? -1 : mark ? 0 : 1,
  };
}
