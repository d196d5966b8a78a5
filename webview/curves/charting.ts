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
} from 'chart.js';
import { color, drawPoint } from 'chart.js/helpers';
import annotation, { type AnnotationOptions } from 'chartjs-plugin-annotation';
import zoom from 'chartjs-plugin-zoom';
import type { CurvePoint } from '../../src/core/liveSeries.ts';
import type { SeriesStyle } from '../common/seriesStyle.ts';
import type { ThemeColours } from '../common/theme.ts';
import { tickText, timeStep } from './axis.ts';
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

/** Draws the marker at each line's end, and a cross at the upper edge for each point that is not a number. */
const endsAndCrosses: Plugin<'line'> = {
  id: 'endsAndCrosses',
  afterDatasetsDraw(chart) {
    const { ctx, chartArea, scales } = chart;
    const x = scales.x!;
    const y = scales.y!;
    for (const dataset of chart.data.datasets as unknown as CurveDataset[]) {
      const stroke = dataset.borderColor as string;
      ctx.save();
      ctx.strokeStyle = stroke;
      ctx.fillStyle = stroke;
      ctx.setLineDash([]);
      let drawnTo = Number.NEGATIVE_INFINITY;
      for (const point of dataset.nonFinite) {
        const at = x.getPixelForValue(point.x);
        if (at < chartArea.left - 1 || at > chartArea.right + 1) continue;
        // A long row of them would be a bar: one every ten pixels is told as well.
        if (at < drawnTo + 10) continue;
        drawnTo = at;
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
            { pointStyle: dataset.style.marker, radius: 3.5, borderWidth: 1.5 } as never,
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
  view: readonly [number, number] | null;
  annotations: Record<string, AnnotationOptions>;
  /** The person zoomed or panned this chart to a range of x. */
  viewChanged: (range: [number, number]) => void;
}

/** Width of every panel's y axis, so that charts under each other line up. */
const axisWidth = 46;

function options(setup: ChartSetup): NonNullable<ChartConfiguration<'line', CurvePoint[]>['options']> {
  const { panel, x, theme, view } = setup;
  const big = panel.size === 'big';
  const font = { family: theme.font, size: 11 };
  const grid = { color: theme.grid, drawTicks: false, lineWidth: 1 };
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
    layout: { padding: { top: 2, right: 8, bottom: 0, left: 0 } },
    scales: {
      x: {
        type: 'linear',
        min: view?.[0],
        max: view?.[1],
        grid: { display: false },
        border: { color: theme.grid },
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
        type: setup.logY && panel.logarithmic ? 'logarithmic' : 'linear',
        grid,
        border: { display: false },
        ticks: {
          color: theme.muted,
          font,
          padding: 6,
          maxTicksLimit: big ? 7 : 4,
          callback: (value) => tickLabel(panel, Number(value)),
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

/** A run's training line. */
export function lineDataset(
  run: string,
  metric: string,
  points: CurvePoint[],
  nonFinite: readonly CurvePoint[],
  style: SeriesStyle,
  theme: ThemeColours,
  look: { emphasis: 'normal' | 'strong' | 'faint'; mark: 'filled' | 'hollow' | null; head: boolean },
): CurveDataset {
  const full = theme.series[style.colour]!;
  const stroke = look.emphasis === 'faint' ? faded(full, theme.strong ? 0.45 : 0.25) : full;
  const width = look.emphasis === 'strong' ? 2.25 : 1.4;
  return {
    run,
    metric,
    style,
    nonFinite,
    head: look.head,
    data: points,
    borderColor: stroke,
    backgroundColor: stroke,
    borderWidth: look.mark ? width * 0.75 : width,
    borderDash: [...style.dash],
    borderJoinStyle: 'round',
    pointStyle: style.marker,
    pointBackgroundColor: look.mark === 'hollow' ? theme.background : stroke,
    pointRadius: look.mark ? 3.25 : 0,
    pointBorderWidth: 1.25,
    pointHitRadius: 0,
    spanGaps: false,
    order: look.emphasis === 'strong' ? -1 : look.mark ? 0 : 1,
  };
}
