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
  const base = pinned ? curves.valueAt(columns[0]!, metric, step) : undefined;
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
      const apart = base && index > 0 ? signed(point.y - base.y) : '';
      return {
        text: formatValue(point.y),
        more: [apart, at].filter((part) => part !== '').join(' · '),
        value: point.y,
      };
    },
  };
}
