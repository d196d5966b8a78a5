import fs from 'node:fs';
import path from 'node:path';
import { EventDecoder, type ScalarEvent } from '../../core/tensorboard/eventMessages.ts';
import { damageSentence, RecordReader } from '../../core/tensorboard/tfRecords.ts';
import type { MetricsWriter } from './metricsWriter.ts';

export interface ReadOptions {
  signal: AbortSignal;
  /** Hears of bytes that were read. */
  read: (bytes: number) => void;
  notes: string[];
}

/** First and last step of each tag in one file. */
type Reach = Map<string, { first: number; last: number }>;

/**
 * Reads the event files of one run in order. A later file that goes back over the steps of an earlier one is a new segment
 * from there on: it hides what the earlier one has from that step.
 */
export async function readEventFiles(
  files: readonly string[],
  writer: MetricsWriter,
  options: ReadOptions,
): Promise<void> {
  const reaches: Reach[] = [];
  const quiet = { ...options, notes: [] };
  // Only where there are several files: one is one segment.
  if (files.length > 1) for (const file of files) reaches.push(await reachOf(file, quiet));
  let segment = 0;
  const before: Reach = new Map();
  for (const [index, file] of files.entries()) {
    const reach = reaches[index];
    const back = reach ? backTo(before, reach) : undefined;
    const own = back === undefined ? segment : segment + 1;
    await eachEvent(file, options, ({ step, wallTime, scalars }) => {
      const at = { segment: back === undefined || step >= back ? own : segment, step, tokens: 0 };
      writer.add({ ...at, time: wallTime, elapsed: undefined }, scalars);
    });
    segment = own;
    for (const [tag, { first, last }] of reach ?? []) {
      const known = before.get(tag);
      before.set(tag, { first: known?.first ?? first, last });
    }
  }
}

/**
 * The step from which a file repeats what was before; undefined where it only goes on. A tag that begins anew at its own
 * first step, such as one that every start logs, counts only where no other tag goes back.
 */
function backTo(before: Reach, file: Reach): number | undefined {
  let resumed: number | undefined;
  let restarted: number | undefined;
  for (const [tag, { first }] of file) {
    const known = before.get(tag);
    if (!known || first > known.last) continue;
    if (first > known.first) resumed = Math.min(resumed ?? first, first);
    else restarted = Math.min(restarted ?? first, first);
  }
  const goesOn = [...file].some(
    ([tag, { first }]) => first > (before.get(tag)?.last ?? Number.POSITIVE_INFINITY),
  );
  return resumed ?? (goesOn ? undefined : restarted);
}

async function reachOf(file: string, options: ReadOptions): Promise<Reach> {
  const reach: Reach = new Map();
  await eachEvent(file, { ...options, read: () => undefined }, ({ step, scalars }) => {
    for (const [tag] of scalars) {
      const known = reach.get(tag);
      if (known) known.last = Math.max(known.last, step);
      else reach.set(tag, { first: step, last: step });
    }
  });
  return reach;
}

async function eachEvent(
  file: string,
  { signal, read, notes }: ReadOptions,
  take: (event: ScalarEvent) => void,
): Promise<void> {
  const reader = new RecordReader();
  const decoder = new EventDecoder();
  let unreadable = 0;
  for await (const chunk of fs.createReadStream(file, { highWaterMark: 256 << 10, signal })) {
    for (const record of reader.push(chunk as Buffer)) {
      let event: ScalarEvent | undefined;
      try {
        event = decoder.decode(record);
      } catch {
        unreadable++;
      }
      if (event && event.scalars.length > 0) take(event);
    }
    read((chunk as Buffer).length);
    if (reader.damage) break;
  }
  const name = path.basename(file);
  const damage = reader.end();
  if (damage) notes.push(damageSentence(name, damage));
  if (unreadable > 0) notes.push(`${name}: ${unreadable} records are no events and were left out.`);
}
