import { printable } from '../../src/core/printable.ts';
import { metricNames } from '../../src/protocol/runDirectory.ts';
import { titleOf } from '../curves/panels.ts';

/** What a metric is called in rows and lists: as in headings, but in the middle of a line. */
export function metricTitle(name: string): string {
  if (name === metricNames.loss) return 'training loss';
  const title = printable(titleOf(name));
  return title === printable(name) || !/^[A-Z][a-z]/.test(title)
    ? title
    : `${title[0]!.toLowerCase()}${title.slice(1)}`;
}
