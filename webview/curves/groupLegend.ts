import { html } from '../common/dom.ts';
import type { SeriesStyle } from '../common/seriesStyle.ts';
import { swatch } from '../common/swatch.ts';
import { bandText, type RunGroup } from './seedGroups.ts';

/** What each mean and its band are of. */
export class GroupLegend {
  readonly element = html('ul', {
    class: 'group-legend',
    attributes: { 'aria-label': 'Groups of seeds', hidden: true },
  });
  private shown = '';

  update(groups: readonly RunGroup[], grouping: boolean, styleOf: (id: string) => SeriesStyle): void {
    const key = JSON.stringify([grouping, groups.map((group) => [group, styleOf(group.id)])]);
    if (key === this.shown) return;
    this.shown = key;
    this.element.hidden = !grouping;
    const none = html('li', { class: 'muted', text: 'No two runs on show have the same setup.' });
    this.element.replaceChildren(
      ...groups.map((group) =>
        html('li', {
          children: [
            swatch(styleOf(group.id)),
            html('span', { class: 'name', text: `mean of ${group.name}`, attributes: { dir: 'auto' } }),
            html('span', { class: 'muted numbers', text: bandText(group.runs.length) }),
          ],
        }),
      ),
      ...(groups.length === 0 ? [none] : []),
    );
  }
}
