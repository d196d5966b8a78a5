import type { ChartDataset } from 'chart.js';
import { color } from 'chart.js/helpers';
import type { CurvePoint } from '../../src/core/liveSeries.ts';
import type { SeriesStyle } from '../common/seriesStyle.ts';
import type { ThemeColours } from '../common/theme.ts';
import { shape } from './chartMarks.ts';
import type { BandPoint } from './seedGroups.ts';

/** What our own marks and pictures need beside a dataset. */
export interface CurveDataset extends ChartDataset<'line', CurvePoint[]> {
  /** The same for the same line of the next drawing. */
  key: string;
  run: string;
  metric: string;
  style: SeriesStyle;
  points: readonly CurvePoint[];
  /** A line without marks: we draw it ourselves, and chart.js has no `data` of it. */
  line: boolean;
  nonFinite: readonly CurvePoint[];
  /** Places on the x axis. */
  checkpoints: readonly number[];
  /** Draw the run's marker at the end of the line. */
  head: boolean;
}

/** A CSS colour with another opacity. */
export function faded(cssColour: string, opacity: number): string {
  return color(cssColour).alpha(opacity).rgbString();
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

/** What is drawn, and of whom. */
export interface CurveSource {
  run: string;
  metric: string;
  style: SeriesStyle;
  points: CurvePoint[];
  nonFinite: readonly CurvePoint[];
  checkpoints: readonly number[];
}

const nothing = {
  line: false,
  nonFinite: [],
  checkpoints: [],
  head: false,
  pointRadius: 0,
  pointHitRadius: 0,
} as const;

/** A curve of a run, or the mean of several. */
export function lineDataset(source: CurveSource, theme: ThemeColours, look: CurveLook): CurveDataset {
  const { style, points } = source;
  const full = theme.series[style.colour]!;
  const faint = look.emphasis === 'faint';
  const stroke = faint ? faded(full, theme.strong ? 0.45 : 0.25) : full;
  const width = look.emphasis === 'strong' ? 2.25 : 1.4;
  const { mark } = look;
  const kind = mark ? `marks ${mark.radius} ${theme.background}` : look.head ? 'line' : 'raw';
  return {
    // chart.js never looks again at how points are drawn: another look is another dataset.
    key: `${source.run} ${source.metric} ${kind} ${stroke}`,
    run: source.run,
    metric: source.metric,
    style,
    nonFinite: source.nonFinite,
    checkpoints: source.checkpoints,
    head: look.head,
    points,
    line: mark === null,
    data: mark ? points : [],
    borderColor: mark && !faint && !theme.strong ? faded(full, 0.5) : stroke,
    backgroundColor: stroke,
    borderWidth: mark ? width * 0.6 : width,
    borderDash: mark || faint ? [] : [...style.dash],
    borderJoinStyle: 'round',
    fill: false,
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
    order: look.emphasis === 'strong' ? -1 : mark ? 0 : faint ? 2 : 1,
  };
}

/** The band of a mean: its upper and its lower edge, filled between them. */
export function bandDatasets(
  run: string,
  metric: string,
  style: SeriesStyle,
  band: readonly BandPoint[],
  theme: ThemeColours,
): CurveDataset[] {
  const edge = (key: 'low' | 'high', fill: CurveDataset['fill']): CurveDataset => ({
    ...nothing,
    key: `${run} ${metric} ${key}`,
    run,
    metric,
    style,
    ...both(band.map((point) => ({ ...point, y: point[key] }))),
    fill,
    backgroundColor: faded(theme.series[style.colour]!, theme.strong ? 0.35 : 0.2),
    borderWidth: theme.strong ? 1 : 0,
    borderColor: theme.series[style.colour]!,
    spanGaps: false,
    order: 3,
  });
  return [edge('high', '+1'), edge('low', false)];
}

/** Points that chart.js draws. */
function both(points: CurvePoint[]): Pick<CurveDataset, 'points' | 'data'> {
  return { points, data: points };
}

/**
 * The next drawing's datasets in the objects of the last one's: chart.js keeps what it made of their points then, instead
 * of making tens of thousands of elements anew.
 */
export function renewed(before: readonly CurveDataset[], next: readonly CurveDataset[]): CurveDataset[] {
  const kept = new Map(before.map((dataset) => [dataset.key, dataset]));
  return next.map((dataset) => {
    const old = kept.get(dataset.key);
    kept.delete(dataset.key);
    return old ? Object.assign(old, dataset) : dataset;
  });
}
