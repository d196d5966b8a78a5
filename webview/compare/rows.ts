import { specRows } from '../../src/core/runDifferences.ts';
import type { CompareState } from '../../src/protocol/comparePage.ts';
import type { Column } from './columns.ts';
import { costRows } from './costRows.ts';
import { lineageRows } from './lineageRows.ts';
import { metricRows } from './metricRows.ts';
import { type Cell, type Row, remembered } from './row.ts';

export interface Comparison {
  rows: readonly Row[];
  /** What is said above the table: why no winner is marked, how few the seeds are. */
  notes: readonly string[];
}

/** Everything that is compared. `pinned`: the first column is the baseline. */
export function comparisonOf(columns: readonly Column[], pinned: boolean): Comparison {
  const metrics = metricRows(columns, pinned ? 0 : null);
  return {
    rows: [
      ...metrics.rows,
      ...costRows(columns, pinned ? 0 : null),
      ...specificationRows(columns, pinned),
      ...lineageRows(columns),
    ],
    notes: metrics.notes,
  };
}

/** What differs between the run files. The runs of a column agree but in seed and place: there all is said. */
function specificationRows(columns: readonly Column[], pinned: boolean): Row[] {
  const texts = columns.map(({ facts }) => {
    const specs = facts.flatMap((fact) => (fact?.spec ? [fact.spec] : []));
    if (specs.length <= 1) return specs[0] ?? null;
    const joined: Record<string, string> = {};
    for (const row of specRows(specs))
      joined[row.key] = [...new Set(row.texts.filter((text) => text !== undefined))].join(', ');
    return joined;
  });
  return specRows(texts).map(({ key, reason, section, label, texts: said, differs }) => {
    const values = new Set(differs ? said : said.slice(0, 1));
    return {
      ...{ key, reason, section, label, differs },
      lines: 1,
      distinct: values.size,
      words: [...values].flatMap((text) => text ?? []),
      cell: remembered((column) => {
        const text = said[column] ?? '–';
        const facts = columns[column]!.facts;
        const problem = facts.find((fact) => fact?.problem)?.problem;
        const known = texts[column] !== null;
        const full = () => (known ? text : (problem ?? (facts[0] ? 'imported: no run file' : text)));
        // What is not known differs from nothing.
        if (!pinned || column === 0 || !known || texts[0] === null) return { text, value: null, full };
        if (said[column] === said[0])
          return {
            text: '=',
            copied: text,
            value: null,
            tone: 'same',
            full: () => `${text}, as the baseline`,
          };
        return { text, value: null, tone: 'other', full };
      }),
    };
  });
}

/** The rows to show, in order. With fewer than two columns there are no differences to keep to. */
export function shownRows(
  rows: readonly Row[],
  columns: number,
  { onlyDifferences, filter, sortRows }: Pick<CompareState, 'onlyDifferences' | 'filter' | 'sortRows'>,
): Row[] {
  const wanted = filter.trim().toLowerCase();
  const kept = rows.filter(
    (row) =>
      (row.differs || !onlyDifferences || columns < 2) &&
      (wanted === '' ||
        [row.label, row.section, row.reason, ...row.words].some((word) =>
          word.toLowerCase().includes(wanted),
        )),
  );
  if (sortRows === 'name') return kept.sort((a, b) => (a.label < b.label ? -1 : a.label > b.label ? 1 : 0));
  if (sortRows === 'values') return kept.sort((a, b) => b.distinct - a.distinct);
  return kept;
}

/**
 * Order of the columns: by their values in a row, those without one last; the baseline stays first where `pinned`.
 * Indices into `columns`.
 */
export function columnOrder(
  count: number,
  pinned: boolean,
  row: Row | undefined,
  descending: boolean,
): number[] {
  const all = Array.from({ length: count }, (_, i) => i);
  if (!row) return all;
  const sign = descending ? -1 : 1;
  const first = pinned ? all.splice(0, 1) : [];
  const compare = (a: Cell, b: Cell): number => {
    if (a.value !== null && b.value !== null) return sign * (a.value - b.value);
    if (a.value !== null || b.value !== null) return a.value === null ? 1 : -1;
    return sign * (a.text < b.text ? -1 : a.text > b.text ? 1 : 0);
  };
  return [...first, ...all.sort((a, b) => compare(row.cell(a), row.cell(b)))];
}
