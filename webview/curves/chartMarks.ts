import type { Plugin, PointStyle } from 'chart.js';
import { drawPoint } from 'chart.js/helpers';
import type { Marker } from '../common/seriesStyle.ts';
import type { CurveDataset } from './datasets.ts';

/** Between two marks of a run at an edge, in CSS pixels: a long row of them would be a bar. */
const apart = 10;

/** A marker as chart.js knows it. */
export function shape(marker: Marker): { pointStyle: PointStyle; rotation: number } {
  if (marker === 'triangleDown') return { pointStyle: 'triangle', rotation: 180 };
  if (marker === 'triangleRight') return { pointStyle: 'triangle', rotation: 90 };
  return { pointStyle: marker, rotation: 0 };
}

/** A mark beside the lines; places in CSS pixels from the chart's corner. */
export interface EdgeMark {
  kind: 'end' | 'notFinite' | 'checkpoint';
  dataset: CurveDataset;
  x: number;
  y: number;
}

/** The plot and its scales, as chart.js has them. */
export interface Plot {
  area: { left: number; right: number; top: number; bottom: number };
  x: (value: number) => number;
  y: (value: number) => number;
}

/**
 * The marker at each line's end, a cross at the upper edge for each point that is not a number, and a diamond at the
 * lower one for each checkpoint. Those of what lies on top come last.
 */
export function edgeMarks(datasets: readonly CurveDataset[], { area, x, y }: Plot): EdgeMark[] {
  const marks: EdgeMark[] = [];
  const inWidth = (at: number) => at >= area.left - 1 && at <= area.right + 1;
  const lastOf = new Map<string, number>();
  const row = (dataset: CurveDataset, kind: EdgeMark['kind'], xs: Iterable<number>, height: number) => {
    for (const value of xs) {
      const at = x(value);
      if (!inWidth(at)) continue;
      const key = `${kind} ${dataset.run}`;
      const before = lastOf.get(key);
      if (before !== undefined && Math.abs(at - before) < apart) continue;
      lastOf.set(key, at);
      marks.push({ kind, dataset, x: at, y: height });
    }
  };
  for (const dataset of [...datasets].sort((a, b) => (b.order ?? 0) - (a.order ?? 0))) {
    row(dataset, 'checkpoint', dataset.checkpoints, area.bottom - 5);
    row(
      dataset,
      'notFinite',
      dataset.nonFinite.map((point) => point.x),
      area.top + 7,
    );
    const last = dataset.head ? dataset.points.findLast((point) => Number.isFinite(point.y)) : undefined;
    if (!last || last !== dataset.points.at(-1)) continue;
    const [at, height] = [x(last.x), y(last.y)];
    if (inWidth(at) && height >= area.top - 1 && height <= area.bottom + 1)
      marks.push({ kind: 'end', dataset, x: at, y: height });
  }
  return marks;
}

/** Draws the edge marks over the lines. */
export const edgeMarksPlugin: Plugin<'line'> = {
  id: 'edgeMarks',
  afterDatasetsDraw(chart) {
    const { ctx, chartArea, scales } = chart;
    const plot = {
      area: chartArea,
      x: (value: number) => scales.x!.getPixelForValue(value),
      y: (value: number) => scales.y!.getPixelForValue(value),
    };
    ctx.save();
    ctx.setLineDash([]);
    for (const { kind, dataset, x, y } of edgeMarks(chart.data.datasets as unknown as CurveDataset[], plot)) {
      ctx.strokeStyle = ctx.fillStyle = dataset.backgroundColor as string;
      ctx.lineWidth = kind === 'notFinite' ? 1.75 : 1.5;
      const looks = {
        end: { ...shape(dataset.style.marker), radius: 4, borderWidth: 1.5 },
        notFinite: { pointStyle: 'crossRot', radius: 4.5, borderWidth: 1.75 },
        checkpoint: { pointStyle: 'rectRot', radius: 3, borderWidth: 1.5 },
      };
      if (kind === 'checkpoint') ctx.fillStyle = 'transparent';
      drawPoint(ctx, looks[kind] as never, x, y);
    }
    ctx.restore();
  },
};
