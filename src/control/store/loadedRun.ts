import { parseLines, parseMetricLine } from '../../core/metricParser.ts';
import { RunColumns } from './runColumns.ts';

/** Rough bytes of a record and of a point in memory. */
const recordBytes = 30;
const pointBytes = 12;

/** The metric lines of one run in memory, and how far they are in blocks. */
export class LoadedRun {
  readonly columns = new RunColumns();
  /** The start of a line that is still being written. */
  pending: Uint8Array = new Uint8Array(0);
  unreadable = 0;
  /** Unreadable lines before the tail. */
  blockedUnreadable = 0;
  blockedRecords = 0;
  readonly blockedPoints = new Map<string, number>();
  nextBlock = 0;
  tailBytes = 0;

  /** Bytes of the file, in order. */
  apply(bytes: Uint8Array): void {
    const parsed = parseLines(this.pending, bytes, parseMetricLine);
    for (const line of parsed.lines) this.columns.add(line);
    this.unreadable += parsed.unreadable;
    this.pending = parsed.pending;
  }

  /** Bytes in memory, about. */
  get size(): number {
    let points = 0;
    for (const { value } of this.columns.metrics.values()) points += value.length;
    return this.columns.records * recordBytes + points * pointBytes;
  }
}
