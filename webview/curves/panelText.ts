import { formatCount } from '../../src/core/numberFormat.ts';
import { placeText } from './axis.ts';
import { type PanelScene, readPoints } from './panelScene.ts';
import { markLabel, type Panel } from './panels.ts';
import type { ValueRange } from './valueRange.ts';

/** "1,000 of 42,000 points", empty without points. */
export function pointsText(panel: Panel, { curves }: PanelScene): string {
  const main = curves.filter((c) => c.metric === panel.metric);
  const shown = main.reduce((sum, c) => sum + (c.series?.points.length ?? 0), 0);
  const total = main.reduce((sum, c) => sum + (c.series?.total ?? 0), 0);
  return total === 0 ? '' : `${formatCount(shown)} of ${formatCount(Math.max(total, shown))} points`;
}

/** What the scale hides: "12 points off scale"; of a thinned curve there may be more. */
export function offScaleText(panel: Panel, { curves }: PanelScene, { hidden }: ValueRange): string {
  if (hidden === 0) return '';
  const thinned = curves.some((c) => c.metric === panel.metric && (c.series?.bucket ?? 1) > 1);
  return `${thinned ? 'at least ' : ''}${formatCount(hidden)} ${hidden === 1 ? 'point' : 'points'} off scale`;
}

/** What cannot be drawn, a line each; of a thinned curve there may be more than is here. */
export function footnotes(panel: Panel, scene: PanelScene): string[] {
  const lines: string[] = [];
  const listed = panel.size === 'big' ? 3 : 1;
  for (const curve of scene.curves) {
    const bad = curve.series?.nonFinite ?? [];
    if (bad.length === 0) continue;
    const first = bad
      .slice(0, listed)
      .map((p) => `${panel.format(p.y)} at ${placeText('step', p.step)}`)
      .join(', ');
    const least = (curve.series?.bucket ?? 1) > 1 ? 'at least ' : '';
    const more = bad.length > listed ? ` and ${least}${formatCount(bad.length - listed)} more` : '';
    const of = curve.metric === panel.metric ? '' : ` (${markLabel(curve.metric)})`;
    lines.push(`✕ ${curve.name}${of}: ${first}${more}`);
  }
  const without = (hasNoPlace: (point: { x: number; y: number }) => boolean, where: string): void => {
    let count = 0;
    let thinned = false;
    for (const { series } of scene.curves) {
      const lost = series?.points.reduce((n, point) => n + (hasNoPlace(point) ? 1 : 0), 0) ?? 0;
      count += lost;
      if (lost > 0 && series!.bucket > 1) thinned = true;
    }
    if (count > 0)
      lines.push(
        `${thinned ? 'At least ' : ''}${formatCount(count)} points at ${where} have no place on a logarithmic axis.`,
      );
  };
  if (scene.logY && panel.logarithmic) without((point) => point.y <= 0, 'or below 0');
  if (scene.logX) without((point) => point.x <= 0, 'x = 0');
  return lines;
}

const runsTold = 8;

/** What a chart shows, in words: of each run its last and its lowest value. For who cannot see it. */
export function summaryText(panel: Panel, scene: PanelScene): string {
  const means = scene.bands.map(({ name, points }) => {
    const last = points.findLast((point) => Number.isFinite(point.y));
    return last
      ? `mean of ${name}: ${panel.format(last.y)}, band ${panel.format(last.low)} to ${panel.format(last.high)}`
      : `mean of ${name}: no steps in common`;
  });
  const main = scene.curves.filter((c) => c.metric === panel.metric);
  const told = main.slice(0, runsTold).map((curve) => {
    const points = readPoints(panel, curve, scene.smoothed);
    const last = points.findLast((point) => Number.isFinite(point.y));
    if (!last) return `${curve.name}: no value`;
    let lowest = last;
    for (const point of points) if (point.y < lowest.y) lowest = point;
    const low =
      lowest === last ? '' : `, lowest ${panel.format(lowest.y)} at ${placeText('step', lowest.step)}`;
    return `${curve.name}: ${panel.format(last.y)} at ${placeText('step', last.step)}${low}`;
  });
  const more = main.length > runsTold ? [`and ${main.length - runsTold} more runs`] : [];
  return [...means, ...told, ...more].join('; ') || 'No points.';
}

const newsTold = 3;

/** What is new in a chart whose runs got points: the last value of each, of a few. Empty where none has one. */
export function newsText(panel: Panel, scene: PanelScene, runs: ReadonlySet<string>): string {
  const news = scene.curves.flatMap((curve) => {
    if (curve.metric !== panel.metric || !runs.has(curve.run)) return [];
    const last = readPoints(panel, curve, scene.smoothed).at(-1);
    return last ? [`${curve.name} ${panel.format(last.y)} at ${placeText('step', last.step)}`] : [];
  });
  if (news.length === 0) return '';
  const more = news.length > newsTold ? `; and ${formatCount(news.length - newsTold)} more runs` : '';
  return `${panel.title}: ${news.slice(0, newsTold).join('; ')}${more}`;
}
