import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import type { ProcessTable } from '../../../src/agent/processTable.ts';
import {
  foreignJobWithLock,
  heldSegments,
  holdSegment,
  segmentLockHeld,
  takeSegmentLock,
} from '../../../src/agent/wrapper/segmentLock.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-lock-'));
after(() => fs.rmSync(folder, { recursive: true }));
let count = 0;
function freshRun(): string {
  const run = path.join(folder, String(count++));
  fs.mkdirSync(run);
  return run;
}
/** A machine on which this process began at `startTime`. */
const machine = (startTime: string | null, changes: Partial<ProcessTable> = {}): ProcessTable => ({
  host: 'here',
  bootId: 'boot',
  startTime: () => startTime,
  ...changes,
});

test('a living holder keeps it, segment by segment', () => {
  const run = freshRun();
  assert.equal(segmentLockHeld(run, 0, machine('1')), false);
  assert.equal(takeSegmentLock(run, 0, machine('1')), true);
  assert.equal(takeSegmentLock(run, 0, machine('1')), false);
  assert.equal(segmentLockHeld(run, 0, machine('1')), true);
  assert.equal(segmentLockHeld(run, 1, machine('1')), false);
  assert.equal(takeSegmentLock(run, 1, machine('1')), true);
});

test('a dead holder, a number used again and an earlier boot are followed', () => {
  for (const later of [machine(null), machine('2'), machine('1', { bootId: 'next' })]) {
    const run = freshRun();
    takeSegmentLock(run, 0, machine('1'));
    assert.equal(segmentLockHeld(run, 0, later), false);
    assert.equal(takeSegmentLock(run, 0, later), true);
  }
});

test('a holder on another host of a shared home is left alone', () => {
  const run = freshRun();
  takeSegmentLock(run, 0, machine('1', { host: 'there' }));
  assert.equal(takeSegmentLock(run, 0, machine('1')), false);
});

test('a lock file without content is held for a moment, then followed', () => {
  const run = freshRun();
  fs.mkdirSync(path.join(run, 'locks'));
  const file = path.join(run, 'locks', 'segment-0.0.json');
  fs.writeFileSync(file, '');
  assert.equal(takeSegmentLock(run, 0, machine('1')), false);
  fs.utimesSync(file, 1, 1);
  assert.equal(takeSegmentLock(run, 0, machine('1')), true);
});

test('a holder in a Slurm job keeps it as long as its job is not known to be over', () => {
  const run = freshRun();
  const there = machine('1', { host: 'there' });
  assert.equal(takeSegmentLock(run, 0, there, { job: '5' }), true);
  assert.equal(segmentLockHeld(run, 0, machine('1')), true);
  assert.equal(foreignJobWithLock(run, 0, machine('1')), '5');
  assert.equal(foreignJobWithLock(run, 0, there), undefined);
  const over = (job: string): boolean => job === '5';
  assert.equal(segmentLockHeld(run, 0, machine('1'), over), false);
  assert.equal(takeSegmentLock(run, 0, machine('1'), { job: '6', jobEnded: (job) => job === '7' }), false);
  assert.equal(takeSegmentLock(run, 0, machine('1'), { job: '6', jobEnded: over }), true);
});

test('who lets go lives on, and the next one takes it', () => {
  const run = freshRun();
  const release = holdSegment(run, 3, machine('1'));
  assert.ok(release);
  assert.equal(holdSegment(run, 3, machine('1')), null);
  assert.deepEqual(heldSegments(run, machine('1')), [3]);
  release();
  assert.deepEqual(heldSegments(run, machine('1')), []);
  assert.equal(segmentLockHeld(run, 3, machine('1')), false);
  assert.equal(segmentLockHeld(run, 3, machine('1', { host: 'elsewhere' })), false);
  assert.equal(takeSegmentLock(run, 3, machine('1')), true);
  // An older version reads no more of a holder than this: none of that number lives.
  const { pid, startTime } = JSON.parse(
    fs.readFileSync(path.join(run, 'locks', 'segment-3.0.json'), 'utf8'),
  ) as { pid: number; startTime: string };
  assert.deepEqual([pid, startTime], [process.pid, '']);
});
