import type { Row } from './row.ts';

/** A column as it is copied. */
export interface CopiedColumn {
  title: string;
  /** Index that rows know it by. */
  index: number;
}

/** Everything that could end a cell or become markup is escaped; lines become spaces. */
function markdownCell(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\\`*_{}[\]<>|#!~&]/g, (c) => `\\${c}`);
}

/** A table of GitHub's Markdown. */
export function markdownOf(rows: readonly Row[], columns: readonly CopiedColumn[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(markdownCell).join(' | ')} |`;
  const body = rows.map((row) =>
    line([
      `${row.section}: ${row.label}`,
      ...columns.map(({ index }) => {
        const { text, copied, more, tone } = row.cell(index);
        return [copied ?? text, ...(more ? [`(${more})`] : []), ...(tone === 'best' ? ['best'] : [])].join(
          ' ',
        );
      }),
    ]),
  );
  return [
    line(['', ...columns.map(({ title }) => title)]),
    `|${' --- |'.repeat(columns.length + 1)}`,
    ...body,
    '',
  ].join('\n');
}

/** Quoted where it must be (RFC 4180). What a spreadsheet would take for a formula gets an apostrophe in front. */
function csvCell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) && !/^-?[\d.]+(e[+-]?\d+)?$/i.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Numbers as they are, not as they are shown; half widths of intervals and counts of seeds in rows of their own. */
export function csvOf(rows: readonly Row[], columns: readonly CopiedColumn[]): string {
  const line = (cells: readonly string[]) => cells.map(csvCell).join(',');
  const lines = [line(['section', 'reason', 'row', ...columns.map(({ title }) => title)])];
  for (const row of rows) {
    const cells = columns.map(({ index }) => row.cell(index));
    const head = [row.section, row.reason, row.label];
    const texts = cells.map(({ text, value, copied }) => (value === null ? (copied ?? text) : String(value)));
    lines.push(line([...head, ...texts.map((text) => (text === '–' ? '' : text))]));
    if (!cells.some(({ interval }) => interval && interval.n > 1)) continue;
    const also = (what: string, of: (interval: { half: number | null; n: number }) => number | null) =>
      lines.push(
        line([
          row.section,
          row.reason,
          `${row.label}, ${what}`,
          ...cells.map(({ interval }) => String((interval && of(interval)) ?? '')),
        ]),
      );
    also('half width of the 95 % interval', ({ half }) => half);
    also('seeds', ({ n }) => n);
  }
  return `${lines.join('\r\n')}\r\n`;
}
