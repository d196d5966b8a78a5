import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { EventDecoder } from '../../../src/core/tensorboard/eventMessages.ts';
import { RecordReader } from '../../../src/core/tensorboard/tfRecords.ts';

// Written, and read for comparison, by TensorBoard: test/golden/make_tensorboard_golden.py.
const fixtures = path.join(import.meta.dirname, 'fixtures/tensorboard');
type Points = Record<string, [step: number, wallTime: number, value: number | string][]>;
const expected = JSON.parse(fs.readFileSync(path.join(fixtures, 'expected.json'), 'utf8')) as Record<
  string,
  Points
>;

function scalarsOf(folder: string): Points {
  const found: Points = {};
  for (const file of fs.readdirSync(folder).sort()) {
    const reader = new RecordReader();
    const decoder = new EventDecoder();
    for (const record of reader.push(fs.readFileSync(path.join(folder, file)))) {
      const { step, wallTime, scalars } = decoder.decode(record);
      for (const [tag, value] of scalars) {
        found[tag] ??= [];
        found[tag].push([step, wallTime, Number.isFinite(value) ? value : String(value)]);
      }
    }
    assert.equal(reader.end(), undefined);
  }
  return found;
}

for (const [name, points] of Object.entries(expected))
  test(`files of another writer are read as TensorBoard reads them: ${name}`, () => {
    assert.ok(Object.keys(points).length > 0);
    assert.deepEqual(scalarsOf(path.join(fixtures, name)), points);
  });
