import fs from 'node:fs';
import path from 'node:path';
import { parseLines, parseMetricLine } from '../../core/metricParser.ts';
import type { MetricsWriter } from './metricsWriter.ts';
import type { ReadOptions } from './readEventFiles.ts';

/** Reads a metrics.jsonl, or a file of its form. A last line that is cut off is left out. */
export async function readLines(
  file: string,
  writer: MetricsWriter,
  { signal, read, notes }: ReadOptions,
): Promise<void> {
  let pending: Uint8Array = new Uint8Array(0);
  let unreadable = 0;
  for await (const chunk of fs.createReadStream(file, { highWaterMark: 256 << 10, signal })) {
    const parsed = parseLines(pending, chunk as Buffer, parseMetricLine);
    for (const { metrics, ...at } of parsed.lines) writer.add(at, metrics);
    unreadable += parsed.unreadable;
    pending = parsed.pending;
    read((chunk as Buffer).length);
  }
  if (pending.length > 0) unreadable++;
  if (unreadable > 0)
    notes.push(`${path.basename(file)}: ${unreadable} lines could not be read and were left out.`);
}
