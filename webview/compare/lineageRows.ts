import { formatCount } from '../../src/core/numberFormat.ts';
import type { CompareRun } from '../../src/protocol/comparePage.ts';
import type { Column } from './columns.ts';
import { type Row, remembered } from './row.ts';

/** Where runs came from and what came of them. */
export function lineageRows(columns: readonly Column[]): Row[] {
  return [
    lineageRow('started from', columns, parentText),
    lineageRow('runs from its checkpoints', columns, childrenText),
  ].filter((row) => row.words.length > 0);
}

function lineageRow(label: string, columns: readonly Column[], of: (run: CompareRun) => string): Row {
  const texts = columns.map(({ runs }) =>
    [...new Set(runs.map(of))].filter((text) => text !== '').join('; '),
  );
  const values = new Set(texts);
  return {
    key: `lineage ${label}`,
    section: 'Lineage',
    reason: '',
    label,
    lines: 1,
    differs: values.size > 1,
    distinct: values.size,
    words: [...values].filter((text) => text !== ''),
    cell: remembered((i) => ({ text: texts[i] === '' ? '–' : texts[i]!, value: null })),
  };
}

function parentText({ parent }: CompareRun): string {
  if (!parent) return '';
  const step = /@(\d+)$/.exec(parent.checkpoint)?.[1];
  return parent.name === null || step === undefined
    ? parent.checkpoint
    : `${parent.name} at step ${formatCount(Number(step))} (${parent.checkpoint})`;
}

function childrenText({ children }: CompareRun): string {
  return children
    .map(({ name, run, step }) => `${name}${step === null ? '' : ` from step ${formatCount(step)}`} (${run})`)
    .join('; ');
}
