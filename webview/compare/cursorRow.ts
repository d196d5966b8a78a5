import { formatCount, formatValue } from '../../src/core/numberFormat.ts';
import type { Column } from './columns.ts';
import type { CurveScene } from './curveScene.ts';
import { metricTitle } from './metricTitle.ts';
import { signed } from './numberText.ts';
import type { Row } from './row.ts';

/** The values of the curves at the cursor: the chart's own row in the table. */
export function cursorRow(
  curves: CurveScene,
  columns: readonly Column[],
  metric: string,
  step: number,
  pinned: boolean,
): Row {
  // Of the same step, or nearly where curves are thinned; none beyond the baseline's end.
  const baseAt = (at: number): number | undefined =>
    pinned && at <= curves.lastStep(columns[0]!, metric)
      ? curves.valueAt(columns[0]!, metric, at)?.y
      : undefined;
  return {
    key: 'cursor',
    section: 'At the cursor',
    reason: '',
    label: `${metricTitle(metric)} at step ${formatCount(step)}`,
    lines: 2,
    differs: true,
    distinct: 0,
    words: [],
    cell: (index) => {
      const point = curves.valueAt(columns[index]!, metric, step);
      if (!point) return { text: '–', value: null };
      const at = point.x === step ? '' : `at step ${formatCount(point.x)}`;
      const base = index > 0 ? baseAt(point.x) : undefined;
      const apart = base === undefined ? '' : signed(point.y - base);
      return {
        text: formatValue(point.y),
        more: [apart, at].filter((part) => part !== '').join(' · '),
        value: point.y,
      };
    },
  };
}
