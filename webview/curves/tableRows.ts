import type { CurvePoint } from '../../src/core/liveSeries.ts';

/** A point as a table has it. */
export type TablePoint = Pick<CurvePoint, 'x' | 'y' | 'step' | 'segment'>;

/** A step and the value of each column there; undefined where a column has no point. */
export interface TableRow {
  segment: number;
  step: number;
  x: number;
  values: (number | undefined)[];
}

/** Joins the points of several curves by (segment, step), newest first. */
export function tableRows(columns: readonly (readonly TablePoint[])[]): TableRow[] {
  const rows = new Map<string, TableRow>();
  for (const [index, points] of columns.entries()) {
    for (const point of points) {
      const key = `${point.segment} ${point.step}`;
      let row = rows.get(key);
      if (!row) {
        row = { segment: point.segment, step: point.step, x: point.x, values: new Array(columns.length) };
        rows.set(key, row);
      }
      row.values[index] = point.y;
    }
  }
  return [...rows.values()].sort((a, b) => b.step - a.step || b.segment - a.segment);
}
