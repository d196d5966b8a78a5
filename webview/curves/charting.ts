import {
  Chart,
  type ChartConfiguration,
  Filler,
  LinearScale,
  type LinearScaleOptions,
  LineController,
  LineElement,
  LogarithmicScale,
  PointElement,
} from 'chart.js';
import annotation, { type AnnotationOptions } from 'chartjs-plugin-annotation';
import zoom from 'chartjs-plugin-zoom';
import type { CurvePoint } from '../../src/core/liveSeries.ts';
import type { ThemeColours } from '../common/theme.ts';
import { tickTexts, timeStep, xTickTexts } from './axis.ts';
import { edgeMarksPlugin } from './chartMarks.ts';
import { faded } from './datasets.ts';
import { linesPlugin } from './linesPlugin.ts';
import { logTicks } from './logTicks.ts';
import type { Panel } from './panels.ts';
import type { SeriesX } from './seriesStore.ts';
import type { ValueRange } from './valueRange.ts';
import type { XRange } from './xRange.ts';

export type CurveChart = Chart<'line', CurvePoint[]>;

Chart.register(
  LineController,
  LineElement,
  PointElement,
  LinearScale,
  LogarithmicScale,
  Filler,
  annotation,
  zoom,
  edgeMarksPlugin,
  linesPlugin,
);

export interface ChartSetup {
  panel: Panel;
  x: SeriesX;
  logX: boolean;
  logY: boolean;
  theme: ThemeColours;
  /** The range of x to draw. */
  view: XRange;
  /** Without any value the y axis has no numbers. */
  values: ValueRange;
  annotations: Record<string, AnnotationOptions>;
}

/** Width of every panel's y axis, so that charts under each other line up. */
const axisWidth = 46;
const rightPadding = 8;
/** Between labels of the y axis, baseline to baseline; and of a logarithmic x axis, middle to middle. */
const tickGap = 24;
const wideTickGap = 64;

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
        type: setup.logX ? 'logarithmic' : 'linear',
        min: view[0],
        max: view[1],
        grid: { display: false },
        border: { color: gridColour },
        ticks: {
          color: theme.muted,
          font,
          maxRotation: 0,
          autoSkip: !setup.logX,
          autoSkipPadding: 16,
          maxTicksLimit: setup.logX ? 100 : big ? 8 : 4,
          includeBounds: false,
          callback: (_, index, ticks) => xTickTexts(x, valuesOf(ticks))[index],
        },
        beforeBuildTicks: (scale) => {
          if (x === 'time' && !setup.logX && 'ticks' in scale.options)
            (scale.options.ticks as { stepSize?: number }).stepSize = timeStep(
              scale.max - scale.min,
              big ? 7 : 3,
            );
        },
        afterBuildTicks: (scale) => {
          if (scale.type !== 'logarithmic') return;
          scale.ticks = logTicks(scale.min, scale.max, scale.width, wideTickGap).map((value) => ({ value }));
        },
      },
      y: {
        type: logarithmic ? 'logarithmic' : 'linear',
        ...valueEnds(setup.values),
        grid,
        border: { display: false },
        ticks: {
          color: theme.muted,
          font,
          padding: 6,
          // A lower limit than there are ticks takes their grid lines away.
          maxTicksLimit: logarithmic ? 100 : big ? 7 : 4,
          autoSkip: false,
          includeBounds: false,
          display: setup.values.any,
          callback: (_, index, ticks) => yTickTexts(panel, valuesOf(ticks))[index],
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
      // Gestures are ours as well: they move the last picture, and the zoom plugin sets what they end with.
      zoom: { pan: { enabled: false }, zoom: { wheel: { enabled: false }, drag: { enabled: false } } },
    },
  };
}

/** Where the y axis ends; without limits at round numbers around the values in view, of which chart.js does not have all. */
function valueEnds({ limits, ends }: ValueRange): Partial<LinearScaleOptions> {
  return { min: limits?.[0], max: limits?.[1], suggestedMin: ends?.[0], suggestedMax: ends?.[1] };
}

function valuesOf(ticks: readonly { value: number }[]): number[] {
  return ticks.map(({ value }) => value);
}

/** y ticks: as short as the values allow, and no longer than there is room. */
function yTickTexts(panel: Panel, values: readonly number[]): string[] {
  const write = (value: number, digits?: number): string =>
    panel
      .format(value, digits)
      .replace(/(\.\d*?)0+(?=$|e)/, '$1')
      .replace(/\.(?=$|e)/, '');
  return tickTexts(values, write, 5);
}

export function makeChart(canvas: HTMLCanvasElement, setup: ChartSetup): CurveChart {
  return new Chart<'line', CurvePoint[]>(canvas, {
    type: 'line',
    data: { datasets: [] },
    options: options(setup),
  });
}

/** Puts all settings on a chart and draws it: they are heavy to replace. */
export function redrawChart(chart: CurveChart, setup: ChartSetup): void {
  chart.options = options(setup);
  chart.update('none');
}

/** Draws a chart whose axes kept their kind: only ranges and marks are new. */
export function updateChart(chart: CurveChart, { view, values, annotations }: ChartSetup): void {
  const { scales, plugins } = chart.options;
  Object.assign(scales!.y!, valueEnds(values));
  plugins!.annotation!.annotations = annotations;
  chart.zoomScale('x', { min: view[0], max: view[1] }, 'none');
}
