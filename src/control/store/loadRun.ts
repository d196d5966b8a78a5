import type { StatementSync } from 'node:sqlite';
import { BiphaseError } from '../../core/errors.ts';
import { blockLength, decodePoints, decodeRecords } from './blocks.ts';
import { LoadedRun } from './loadedRun.ts';

/** Series of the blocks that hold (segment, step, tokens, time, elapsed). */
export const recordSeries = '';
/** Blocks read before others have a turn: a few milliseconds' work. */
const blocksAtOnce = 16;

/** Reads a run from blocks and tail, piece by piece: nothing of it is of use before the end. */
export function* loadRun(sql: (text: string) => StatementSync, run: string): Generator<undefined, LoadedRun> {
  const loaded = new LoadedRun();
  const { columns } = loaded;
  const file = sql('SELECT unreadableInBlocks, metrics FROM files WHERE run = ? AND file = ?').get(
    run,
    'metrics.jsonl',
  );
  loaded.unreadable = loaded.blockedUnreadable = Number(file?.unreadableInBlocks ?? 0);
  // In the order in which they came, which that of the blocks is not.
  for (const name of JSON.parse(String(file?.metrics ?? '[]')) as string[]) columns.metric(name);
  const records = sql('SELECT SUM(count) AS count FROM blocks WHERE run = ? AND series = ?').get(
    run,
    recordSeries,
  );
  columns.reserveRecords(Number(records?.count ?? 0));
  yield* loadBlocks(sql, run, loaded);
  yield;
  yield* loadTail(sql, run, loaded);
  return loaded;
}

function* loadBlocks(
  sql: (text: string) => StatementSync,
  run: string,
  loaded: LoadedRun,
): Generator<undefined, void> {
  const { columns, blockedPoints } = loaded;
  // In the order in which SQLite has them: to sort them would copy every one.
  const select = sql(
    `SELECT series, number, count, data FROM blocks WHERE run = ? AND (series, number) > (?, ?)
     ORDER BY series, number LIMIT ${blocksAtOnce}`,
  );
  let last = { series: recordSeries, number: -1 };
  for (;;) {
    const rows = select.all(run, last.series, last.number);
    for (const row of rows) {
      const data = row.data as Uint8Array;
      const count = Number(row.count);
      last = { series: String(row.series), number: Number(row.number) };
      loaded.nextBlock = Math.max(loaded.nextBlock, last.number + 1);
      if (last.series === recordSeries) columns.addRecords(decodeRecords(data, count));
      else {
        const points = columns.metric(last.series.slice(1));
        const { value, record } = decodePoints(data, count);
        if (record.some((index) => index >= columns.records))
          throw new BiphaseError('damaged', 'A block in cache.db names records that are not there.');
        // More will come, but not more than there are records, which are first.
        if (count === blockLength && points.value.length === 0) {
          points.value.reserve(columns.records);
          points.record.reserve(columns.records);
        }
        points.value.append(value);
        points.record.append(record);
      }
    }
    if (rows.length < blocksAtOnce) break;
    yield;
  }
  for (const [name, { value }] of columns.metrics) blockedPoints.set(name, value.length);
}

function* loadTail(
  sql: (text: string) => StatementSync,
  run: string,
  loaded: LoadedRun,
): Generator<undefined, void> {
  loaded.blockedRecords = loaded.columns.records;
  const select = sql(
    'SELECT offset, bytes FROM tail WHERE run = ? AND file = ? AND offset > ? ORDER BY offset LIMIT 64',
  );
  let offset = -1;
  for (;;) {
    const rows = select.all(run, 'metrics.jsonl', offset);
    for (const row of rows) {
      const bytes = row.bytes as Uint8Array;
      offset = Number(row.offset);
      loaded.tailBytes += bytes.length;
      loaded.apply(bytes);
      if (bytes.length > 1 << 16) yield;
    }
    if (rows.length < 64) return;
    yield;
  }
}
