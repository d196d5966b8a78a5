import { formatCount, formatValue } from '../../src/core/numberFormat.ts';
import type { PlotPoint } from './curvesOf.ts';
import { signed } from './numberText.ts';
import type { OverlayCurve, OverlayScene } from './overlayChart.ts';

/** What is said of a chart's curves. */
type Told = Pick<OverlayScene, 'title' | 'zero'> & {
  curves: readonly Pick<OverlayCurve, 'key' | 'name' | 'seeds' | 'points' | 'marks' | 'near'>[];
};

const columnsTold = 8;
const newsTold = 3;

/** The baseline's own curve says nothing where all are differences to it. */
function toldCurves({ curves, zero }: Told): Told['curves'] {
  return zero ? curves.slice(1) : curves;
}

/** A value of a chart, or a difference with its sign. */
export function chartFormat(zero: boolean): (value: number) => string {
  return zero ? (value) => signed(value) : formatValue;
}

/** What a chart shows, in words: how many columns, and of those in view the last and the lowest value. */
export function summaryText(scene: Told): string {
  const curves = toldCurves(scene);
  const format = chartFormat(scene.zero);
  const at = ({ x, y }: PlotPoint): string => `${format(y)} at step ${formatCount(x)}`;
  const near = curves.filter((curve) => curve.near);
  const told = near.slice(0, columnsTold).map(({ name, seeds, points, marks }) => {
    const who = seeds > 1 ? `${name}, mean of ${formatCount(seeds)} seeds` : name;
    const last = points.findLast(({ y }) => Number.isFinite(y));
    if (!last) return `${who}: no value`;
    let lowest = last;
    for (const point of points) if (point.y < lowest.y) lowest = point;
    const validation = marks.findLast(({ y }) => Number.isFinite(y));
    return [
      `${who}: ${at(last)}`,
      ...(lowest === last ? [] : [`lowest ${at(lowest)}`]),
      ...(validation ? [`validation ${at(validation)}`] : []),
    ].join(', ');
  });
  const more = near.length > columnsTold ? [`and ${countOfColumns(near.length - columnsTold)} more`] : [];
  const view = near.length < curves.length ? `, ${formatCount(near.length)} of them in view` : '';
  return `${countOfColumns(curves.length)}${view}. ${[...told, ...more].join('; ')}`;
}

/** What is new in a chart whose columns got points: the last value of each, of a few. Empty where none has one. */
export function newsText(scene: Told, keys: ReadonlySet<string>): string {
  const format = chartFormat(scene.zero);
  const news = toldCurves(scene).flatMap(({ key, name, points }) => {
    const last = keys.has(key) ? points.at(-1) : undefined;
    return last ? [`${name} ${format(last.y)} at step ${formatCount(last.x)}`] : [];
  });
  if (news.length === 0) return '';
  const more = news.length > newsTold ? `; and ${countOfColumns(news.length - newsTold)} more` : '';
  return `${scene.title}: ${news.slice(0, newsTold).join('; ')}${more}`;
}

function countOfColumns(count: number): string {
  return count === 1 ? '1 column' : `${formatCount(count)} columns`;
}
