import { metricNames } from '../../src/protocol/runDirectory.ts';
import type { Column } from './columns.ts';
import { metricTitle } from './metricTitle.ts';

const mostOffered = 200;

/**
 * What the curves can be of, with titles, the one to begin with first: the training loss, else what most runs have, losses
 * before others.
 */
export function curveMetrics(columns: readonly Column[]): (readonly [name: string, title: string])[] {
  const counts = new Map<string, number>();
  for (const { facts } of columns)
    for (const fact of facts)
      for (const { name } of fact?.metrics ?? []) counts.set(name, (counts.get(name) ?? 0) + 1);
  if (counts.size === 0) return [[metricNames.loss, metricTitle(metricNames.loss)]];
  const isOwn = (name: string): number => (name === metricNames.loss ? 0 : 1);
  const isLoss = (name: string): number => (/loss/i.test(name) ? 0 : 1);
  return [...counts]
    .sort(([a, n], [b, m]) => isOwn(a) - isOwn(b) || m - n || isLoss(a) - isLoss(b) || (a < b ? -1 : 1))
    .slice(0, mostOffered)
    .map(([name]) => [name, metricTitle(name)]);
}

/** The chosen metric, or where no run has it the one to begin with. */
export function metricOnShow(chosen: string, offered: readonly (readonly [string, string])[]): string {
  return offered.some(([name]) => name === chosen) ? chosen : (offered[0]?.[0] ?? chosen);
}
