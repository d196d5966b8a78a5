import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { MetricsWriter } from '../../../../src/control/imports/metricsWriter.ts';
import { readEventFiles } from '../../../../src/control/imports/readEventFiles.ts';
import { EventEncoder, versionEvent } from '../../../../src/core/tensorboard/eventMessages.ts';
import { frameRecord } from '../../../../src/core/tensorboard/tfRecords.ts';
import type { MetricLine } from '../../../../src/protocol/runDirectory.ts';

const top = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-events-'));
after(() => fs.rmSync(top, { recursive: true }));

type Events = [step: number, tags: string][];

/** Segment of each step and tag, as "step tag": segment. */
async function segments(...files: Events[]): Promise<Record<string, number>> {
  const folder = fs.mkdtempSync(path.join(top, 'run-'));
  const places = files.map((events, index) => {
    const place = path.join(folder, `events.out.tfevents.${index}`);
    const encoder = new EventEncoder();
    const records = events.map(([step, tags]) =>
      encoder.encode({
        wallTime: 1000 * index + step,
        step,
        scalars: tags.split(' ').map((tag): [string, number] => [tag, step]),
      }),
    );
    fs.writeFileSync(place, Buffer.concat([versionEvent(0), ...records].map(frameRecord)));
    return place;
  });
  const writer = new MetricsWriter(path.join(folder, 'out'));
  const notes: string[] = [];
  await readEventFiles(places, writer, {
    signal: new AbortController().signal,
    read: () => undefined,
    notes,
  });
  assert.deepEqual(notes, []);
  writer.end();
  const found: Record<string, number> = {};
  const lines = fs.readFileSync(path.join(folder, 'out/metrics.jsonl'), 'utf8').trim().split('\n');
  for (const line of lines) {
    const { segment, step, metrics } = JSON.parse(line) as MetricLine;
    for (const tag of Object.keys(metrics)) found[`${step} ${tag}`] = segment;
  }
  return found;
}

test('a file that only goes on belongs to the segment before', async () => {
  const found = await segments(
    [
      [1, 'a'],
      [2, 'a'],
    ],
    [
      [3, 'a b'],
      [4, 'a'],
    ],
  );
  assert.deepEqual(found, { '1 a': 0, '2 a': 0, '3 a': 0, '3 b': 0, '4 a': 0 });
});

test('a file that goes back begins a segment where it goes back', async () => {
  const found = await segments(
    [
      [1, 'a'],
      [2, 'a'],
      [3, 'a'],
    ],
    [
      [2, 'a'],
      [3, 'a'],
    ],
    [
      [3, 'a'],
      [4, 'a'],
    ],
  );
  assert.deepEqual(found, { '1 a': 0, '2 a': 1, '3 a': 2, '4 a': 2 });
});

test('two files with other tags, as of two writers at once, hide nothing of each other', async () => {
  const found = await segments(
    [
      [1, 'train'],
      [2, 'train'],
    ],
    [
      [1, 'eval'],
      [2, 'eval'],
    ],
  );
  assert.deepEqual(new Set(Object.values(found)), new Set([0]));
});

test('what every start logs at its first step does not hide the run before it', async () => {
  const found = await segments(
    [
      [0, 'setup'],
      [1, 'a'],
      [2, 'a'],
      [3, 'a'],
    ],
    [
      [0, 'setup'],
      [3, 'a'],
      [4, 'a'],
    ],
  );
  assert.deepEqual(found, { '0 setup': 0, '1 a': 0, '2 a': 0, '3 a': 1, '4 a': 1 });
});

test('a run that was begun anew in the same folder hides the one before', async () => {
  const found = await segments(
    [
      [1, 'a'],
      [2, 'a'],
      [3, 'a'],
    ],
    [
      [1, 'a'],
      [2, 'a'],
    ],
  );
  assert.deepEqual(found, { '1 a': 1, '2 a': 1, '3 a': 0 });
});
