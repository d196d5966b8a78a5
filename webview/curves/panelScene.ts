import type { CurvePoint, LiveSeries } from '../../src/core/liveSeries.ts';
import type { SeriesStyle } from '../common/seriesStyle.ts';
import type { ThemeColours } from '../common/theme.ts';
import { isOfPhase, type Panel } from './panels.ts';
import type { PhaseMark } from './phaseMarks.ts';
import type { BandPoint } from './seedGroups.ts';
import type { SeriesX } from './seriesStore.ts';
import { smoothedPoints } from './smoothedPoints.ts';
import type { XRange } from './xRange.ts';

/** One visible curve of a panel. */
export interface PanelCurve {
  run: string;
  name: string;
  metric: string;
  phases: readonly { objective: string; until: number }[];
  style: SeriesStyle;
  series: LiveSeries | undefined;
  emphasis: 'normal' | 'strong' | 'faint';
  /** Steps; empty where the panel shows none. */
  checkpoints: readonly number[];
}

/** The mean of a group's runs, drawn over their faint curves. */
export interface PanelBand {
  /** The group's id, where a run's stands. */
  run: string;
  name: string;
  style: SeriesStyle;
  points: BandPoint[];
}

/** Everything a panel draws from; built anew for each drawing, points are shared. */
export interface PanelScene {
  curves: readonly PanelCurve[];
  bands: readonly PanelBand[];
  marks: readonly PhaseMark[];
  x: SeriesX;
  logX: boolean;
  logY: boolean;
  /** Outliers are left off the scale. */
  robust: boolean;
  /** The panel is pinned on top. */
  pinned: boolean;
  smoothed: boolean;
  theme: ThemeColours;
  /** The range of x to draw, the same in every panel. */
  view: XRange;
  /** What stands in the middle where there is nothing to draw yet. */
  waiting: string;
  /** Points were asked for a moment ago: until they come, the picture before them stays. */
  moment: boolean;
}

/**
 * The points of a curve as they are read off: its moving average where the scene is smoothed, else what was measured.
 * Validations of the other objective lie on a scale that would press the curve flat: none beside its own phases.
 */
export function readPoints(
  panel: Panel,
  { metric, phases, series }: PanelCurve,
  smoothed: boolean,
): CurvePoint[] {
  if (!series) return [];
  if (metric !== panel.metric) return series.points.filter(({ step }) => isOfPhase(metric, phases, step));
  return smoothed && series.smoothing !== null ? smoothedPoints(series) : series.points;
}
