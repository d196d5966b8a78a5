import { html } from '../common/dom.ts';
import type { SeriesStyle } from '../common/seriesStyle.ts';
import { swatch } from '../common/swatch.ts';
import type { Row } from './row.ts';

/** The head of a column. */
export interface HeadColumn {
  key: string;
  name: string;
  detail: string;
  /** All that can be said. */
  about: string;
  style: SeriesStyle;
}

export interface TableScene {
  /** In the order in which they stand; `index` is what rows know them by. */
  columns: readonly (HeadColumn & { index: number })[];
  rows: readonly Row[];
  /** Rows stand under the names of their sections. */
  sections: boolean;
  /** The first column is the baseline and stays in view. */
  pinned: boolean;
  /** There are intervals to be shown. */
  wide: boolean;
  sortedBy: { row: string; descending: boolean } | null;
}

/** Room of the columns out of view, before and behind those that are drawn. CSS pixels. */
export type Gaps = readonly [before: number, behind: number];

export type Item = { kind: 'section'; text: string; reason: string } | { kind: 'row'; row: Row };

/** CSS pixels. */
export const heights = { section: 30, row: { 1: 27, 2: 44, 3: 60 } } as const;

/** The heads of the columns at these positions. */
export function headRow(scene: TableScene, shown: readonly number[], gaps: Gaps): HTMLElement {
  const corner = html('th', {
    class: 'row-head corner',
    attributes: { scope: 'col', 'aria-colindex': 1, 'data-row': 0, 'data-column': 0, tabindex: -1 },
    children: [html('span', { class: 'visually-hidden', text: 'What is compared' })],
  });
  const heads = shown.map((position) => {
    const column = scene.columns[position]!;
    const pinned = scene.pinned && position === 0;
    return html('th', {
      class: pinned ? 'column-head fixed' : 'column-head',
      attributes: {
        scope: 'col',
        'aria-colindex': position + 2,
        'data-row': 0,
        'data-column': position + 1,
        tabindex: -1,
        title: column.about,
      },
      children: [
        html('div', {
          class: 'column-title',
          children: [swatch(column.style), html('span', { class: 'name', text: column.name })],
        }),
        html('div', {
          class: 'column-foot',
          children: [
            html('span', {
              class: 'detail muted',
              text: pinned ? `baseline · ${column.detail}` : column.detail,
            }),
            headButton('pin', pinned ? `Unpin ${column.name}` : `Pin ${column.name} as baseline`, pinned),
            headButton('remove', `Remove ${column.name} from the comparison`, false),
          ],
        }),
      ],
    });
  });
  return tableRow(1, corner, heads, gaps, scene.pinned, 'th');
}

/** The name of a section over all columns, with the reason why runs differ in it. */
export function sectionRow(
  item: Extract<Item, { kind: 'section' }>,
  index: number,
  shown: readonly number[],
  gaps: Gaps,
): HTMLElement {
  const about = item.reason === '' || item.reason === item.text.toLowerCase() ? '' : item.reason;
  const row = html('tr', {
    class: 'section',
    attributes: { 'aria-rowindex': index + 2 },
    children: [
      html('th', {
        attributes: {
          scope: 'rowgroup',
          colspan: shown.length + 1 + gaps.filter((gap) => gap > 0).length,
          'aria-colindex': 1,
          'data-row': index + 1,
          'data-column': 0,
          tabindex: -1,
        },
        children: [
          html('span', {
            class: 'section-name',
            children: [
              item.text,
              ...(about ? [html('span', { class: 'reason muted', text: ` ${about}` })] : []),
            ],
          }),
        ],
      }),
    ],
  });
  row.style.height = `${heights.section}px`;
  return row;
}

/** A row with its cells in the columns at these positions. */
export function valueRow(
  row: Row,
  index: number,
  scene: TableScene,
  shown: readonly number[],
  gaps: Gaps,
): HTMLElement {
  const sorted = scene.sortedBy?.row === row.key ? (scene.sortedBy.descending ? ' ↓' : ' ↑') : '';
  const head = html('th', {
    class: 'row-head',
    attributes: {
      scope: 'row',
      'aria-colindex': 1,
      'data-row': index + 1,
      'data-column': 0,
      tabindex: -1,
      title: [row.about ?? row.label, 'Press to sort the columns by it.'].join('\n'),
    },
    children: [
      html('span', { class: 'label', text: row.label }),
      ...(sorted === '' ? [] : [html('span', { class: 'sorted', text: sorted })]),
      ...(scene.sections || row.reason === ''
        ? []
        : [html('span', { class: 'reason muted', text: ` ${row.reason}` })]),
    ],
  });
  const cells = shown.map((position) => {
    const cell = row.cell(scene.columns[position]!.index);
    return html('td', {
      class: [cell.tone ?? '', scene.pinned && position === 0 ? 'fixed' : ''].join(' ').trim() || undefined,
      attributes: {
        'aria-colindex': position + 2,
        'data-row': index + 1,
        'data-column': position + 1,
        tabindex: -1,
        title: cell.more ? `${cell.text}\n${cell.more}` : cell.text,
      },
      children: [
        html('span', {
          class: 'value',
          children: [
            ...(cell.tone === 'best' ? [html('span', { class: 'tag', text: 'best' }), ' '] : []),
            cell.text,
            ...(cell.tone === 'same'
              ? [html('span', { class: 'visually-hidden', text: ' as the baseline' })]
              : []),
          ],
        }),
        ...(cell.more ? [html('span', { class: 'more', text: unbroken(cell.more) })] : []),
      ],
    });
  });
  const made = tableRow(index + 2, head, cells, gaps, scene.pinned, 'td');
  if (row.lines === 3) made.classList.add('wrapped');
  made.style.height = `${heights.row[row.lines]}px`;
  return made;
}

function headButton(action: 'pin' | 'remove', label: string, pressed: boolean): HTMLElement {
  return html('button', {
    class: `plain head-button ${action}`,
    text: action === 'pin' ? (pressed ? 'Unpin' : 'Pin') : '✕',
    attributes: {
      type: 'button',
      tabindex: -1,
      'data-action': action,
      'aria-label': label,
      title: `${label} (${action === 'pin' ? 'B' : 'Delete'})`,
    },
  });
}

/** Lines end between an interval and p, never within one of them. */
function unbroken(text: string): string {
  return text.replace(/\[[^\]]*\],?|p [<=] \S+/g, (part) => part.replaceAll(' ', '\u00a0'));
}

export function spacerRow(height: number): HTMLElement {
  const row = html('tr', { class: 'spacer', attributes: { 'aria-hidden': 'true' }, children: [html('td')] });
  row.style.height = `${height}px`;
  return row;
}

/** With empty cells where columns out of view would stand. */
function tableRow(
  index: number,
  head: HTMLElement,
  cells: readonly HTMLElement[],
  gaps: Gaps,
  pinned: boolean,
  tag: 'td' | 'th',
): HTMLElement {
  const spacer = () => html('td', { class: `spacer ${tag}`, attributes: { 'aria-hidden': 'true' } });
  const row = html('tr', { attributes: { 'aria-rowindex': index }, children: [head] });
  const rest = [...cells];
  if (pinned) row.append(...rest.splice(0, 1));
  if (gaps[0] > 0) row.append(spacer());
  row.append(...rest);
  if (gaps[1] > 0) row.append(spacer());
  return row;
}
