import { csvCell } from '../../core/csvCell.ts';
import type { Piece } from './exportFiles.ts';
import type { ExportRows } from './exportRows.ts';

const columns = ['segment', 'step', 'tokens', 'time', 'elapsed'] as const;

/** First line of a table of these metrics; `named`: rows begin with the id and name of their run. */
export function tableHead(metrics: readonly string[], named: boolean): Piece {
  const cells = [...(named ? ['run', 'name'] : []), ...columns, ...metrics];
  return piece(cells.map(csvCell), 0);
}

/** A line for each segment and step at which the run has a value of these metrics; `run`: begins with its id and name. */
export function* tableLines(
  rows: ExportRows,
  metrics: readonly string[],
  run: { id: string; name: string } | undefined,
): Generator<Piece> {
  const head = run ? [csvCell(run.id), csvCell(run.name)] : [];
  const columnOf = new Map(metrics.map((metric, column) => [metric, column]));
  for (const row of rows.rows()) {
    if (row.values.length === 0) continue;
    const cells: string[] = new Array(metrics.length).fill('');
    for (const { metric, value } of row.values) cells[columnOf.get(rows.metrics[metric]!)!] = String(value);
    yield piece([...head, ...columns.map((name) => String(row[name])), ...cells], row.values.length);
  }
}

function piece(cells: readonly string[], points: number): Piece {
  return { file: '', bytes: new TextEncoder().encode(`${cells.join(',')}\n`), points };
}
