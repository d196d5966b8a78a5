import { csvCell } from '../../core/csv/csvReader.ts';
import { EventEncoder, startEvent, versionEvent } from '../../core/tensorboard/eventMessages.ts';
import { frameRecord } from '../../core/tensorboard/tfRecords.ts';
import type { ExportRow, ExportRows } from './exportRows.ts';

/** A piece of a file that is written; `file` is its name in a folder of several. */
export interface Piece {
  file: string;
  bytes: Uint8Array;
  /** Values in it. */
  points: number;
}

const columns = ['segment', 'step', 'tokens', 'time', 'elapsed'] as const;

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** One row a segment and step, one column a metric; a cell is empty where there is no value. */
export function* csvPieces(rows: ExportRows): Generator<Piece> {
  yield { file: '', bytes: utf8(`${[...columns, ...rows.metrics].map(csvCell).join(',')}\n`), points: 0 };
  for (const row of rows.rows()) {
    const cells: string[] = new Array(rows.metrics.length).fill('');
    for (const { metric, value } of row.values) cells[metric] = String(value);
    const line = [...columns.map((name) => String(row[name])), ...cells].join(',');
    yield { file: '', bytes: utf8(`${line}\n`), points: row.values.length };
  }
}

/** Lines of metrics.jsonl. */
export function* linePieces(rows: ExportRows): Generator<Piece> {
  for (const { values, ...at } of rows.rows()) {
    const metrics = values.map(({ metric, value }) => {
      const number = Number.isFinite(value) ? String(value) : `"${value}"`;
      return `${JSON.stringify(rows.metrics[metric])}:${number}`;
    });
    const line = `${JSON.stringify(at).slice(0, -1)},"metrics":{${metrics.join(',')}}}\n`;
    // As in metrics.jsonl a bare replacement character means damage.
    yield { file: '', bytes: utf8(line.replaceAll('\ufffd', '\\ufffd')), points: values.length };
  }
}

/**
 * Event files, one a segment: a reader of them drops what a later one repeats, as our own pages do. Names sort in the order in
 * which they are to be read.
 */
export function* eventPieces(run: string, rows: ExportRows): Generator<Piece> {
  const encoder = new EventEncoder();
  let file = '';
  let segment = -1;
  let second = 0;
  const begin = (row: Pick<ExportRow, 'segment' | 'step' | 'time'>): Piece => {
    second = Math.max(second, Math.floor(row.time));
    file = eventFileName(run, second, row.segment);
    segment = row.segment;
    const records = [versionEvent(row.time), startEvent(row.time, row.step)].map(frameRecord);
    return { file, bytes: joined(records), points: 0 };
  };
  for (const row of rows.rows()) {
    if (row.segment !== segment) yield begin(row);
    const scalars = row.values.map(({ metric, value }): [string, number] => [rows.metrics[metric]!, value]);
    const event = encoder.encode({ wallTime: row.time, step: row.step, scalars });
    yield { file, bytes: frameRecord(event), points: row.values.length };
  }
  if (segment < 0) yield begin({ segment: 0, step: 0, time: 0 });
}

/** Of a run's event file: no other program names its files so. */
export function eventFileName(run: string, second: number, segment: number): string {
  const number = (value: number, digits: number): string => String(value).padStart(digits, '0');
  return `events.out.tfevents.${number(second, 10)}.biphase.${run}.${number(segment, 5)}`;
}

export function isEventFileOf(run: string, name: string): boolean {
  return name.startsWith('events.out.tfevents.') && name.includes(`.biphase.${run}.`);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
