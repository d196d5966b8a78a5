import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, beforeEach, type TestContext, test } from 'node:test';
import { NodeRoot } from '../../../src/agent/nodeRoot.ts';
import { thisMachine } from '../../../src/agent/processTable.ts';
import { recoverTaken, reviewStarted } from '../../../src/agent/queue/jobReview.ts';
import { placeInQueue } from '../../../src/agent/queue/placeInQueue.ts';
import { QueueFolder } from '../../../src/agent/queue/queueFolder.ts';
import { QueueRunner } from '../../../src/agent/queue/queueRunner.ts';
import { withdrawJob } from '../../../src/agent/queue/withdrawal.ts';
import { createRequest, hasRequest, withdrawRequests } from '../../../src/agent/requests.ts';
import { stopRun } from '../../../src/agent/runActions.ts';
import { readRunReport } from '../../../src/agent/runReport.ts';
import { newestSegment } from '../../../src/agent/wrapper/newestSegment.ts';
import { holdSegment, segmentLockHeld } from '../../../src/agent/wrapper/segmentLock.ts';
import { runFiles } from '../../../src/protocol/runDirectory.ts';
import { queueJob } from '../../support/queueJob.ts';
import { writeRunFolder } from '../../support/runFolder.ts';

process.env.BIPHASE_CLOCK = '0.01';
const base = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-runner-'));
after(() => fs.rmSync(base, { recursive: true }));
const [a, b] = ['20260101-aaaaaaaa', '20260101-bbbbbbbb'];

let root: NodeRoot;
let queue: QueueFolder;
let lines: string[];
beforeEach(() => {
  root = new NodeRoot(fs.mkdtempSync(path.join(base, 'root-')));
  root.prepare();
  queue = new QueueFolder(root.queues, thisMachine.host);
  lines = [];
});

/** A run that was claimed and has not begun. */
function claimed(run: string): string {
  const directory = writeRunFolder(root.path, run, { state: 'stopped' });
  for (const file of [runFiles.state, runFiles.exit]) fs.rmSync(path.join(directory, file));
  return directory;
}

/** Its program has ended, or does not exist: nothing it starts lives. */
function runner(): Promise<void> {
  const own = { hash: 'own', main: path.join(base, 'missing.mjs') };
  return new QueueRunner(root, thisMachine, own, (line) => lines.push(line)).run();
}

const report = (run: string) => readRunReport(root, run, thisMachine)!;

test('a run that cannot be started is told so once, also where the clock is behind that of the file system', async (t: TestContext) => {
  const directory = claimed(a);
  queue.add(queueJob(a));
  const now = Date.now.bind(Date);
  t.mock.method(Date, 'now', () => now() - 60_000);
  await runner();
  assert.equal(newestSegment(directory), 0);
  assert.equal(report(a).state, 'failed');
  assert.equal(queue.statusOf(a), null);
});

test('a run that failed while its runner died is not started again, also where the clock is behind', () => {
  const directory = claimed(a);
  queue.add(queueJob(a));
  queue.change(a, 'waiting', 'starting');
  const exit = { schema: 1, segment: 0, code: 1, signal: null, endedAt: Date.now() / 1000 - 60 };
  const file = path.join(directory, runFiles.exit);
  fs.writeFileSync(file, JSON.stringify(exit));
  const later = new Date(queue.since(a, 'starting') + 10);
  fs.utimesSync(file, later, later);
  assert.equal(report(a).state, 'failed', 'it has begun');
  recoverTaken(queue, root, thisMachine);
  assert.equal(queue.statusOf(a), null);
});

test('an end that is older than the start that was cut off says nothing of it: the run waits again', () => {
  writeRunFolder(root.path, a, { state: 'stopped' });
  const file = path.join(root.runDirectory(a), runFiles.exit);
  queue.add(queueJob(a));
  queue.change(a, 'waiting', 'starting');
  const before = new Date(queue.since(a, 'starting') - 1000);
  fs.utimesSync(file, before, before);
  recoverTaken(queue, root, thisMachine);
  assert.equal(queue.statusOf(a), 'waiting');
});

test('a first segment whose wrapper has said nothing yet is at work, and waits again once that has died', () => {
  const directory = claimed(a);
  queue.add(queueJob(a));
  queue.change(a, 'waiting', 'starting');
  const release = holdSegment(directory, 0, thisMachine)!;
  recoverTaken(queue, root, thisMachine);
  assert.equal(queue.statusOf(a), 'started');
  release();
  reviewStarted(queue, root, thisMachine, () => {});
  assert.equal(queue.statusOf(a), 'waiting');
});

test('a run that cannot be looked at keeps no other from being looked at', () => {
  class OddRoot extends NodeRoot {
    override runDirectory(run: string): string {
      if (run === a) throw new Error('EIO');
      return super.runDirectory(run);
    }
  }
  const odd = new OddRoot(root.path);
  writeRunFolder(root.path, b, { state: 'finished' });
  for (const run of [a, b]) {
    queue.add(queueJob(run));
    queue.change(run, 'waiting', 'started');
  }
  const troubles: string[] = [];
  reviewStarted(queue, odd, thisMachine, (sentence) => troubles.push(sentence));
  assert.deepEqual([queue.statusOf(a), queue.statusOf(b)], ['started', null]);
  assert.deepEqual(troubles, [`${a} cannot be looked at: EIO`]);
});

test('a stop of a later segment that is just being started is kept when it begins; one of an earlier segment is not', () => {
  const directory = writeRunFolder(root.path, a, { state: 'stopped' });
  createRequest(directory, runFiles.stopRequest, 'person');
  queue.add(queueJob(a));
  queue.change(a, 'waiting', 'starting');
  stopRun(root, a, thisMachine);
  withdrawRequests(directory, 1);
  assert.ok(hasRequest(directory, runFiles.stopRequest));
  withdrawRequests(directory, 2);
  assert.ok(!hasRequest(directory, runFiles.stopRequest));
  queue.remove(a, 'starting');
  stopRun(root, a, thisMachine);
  withdrawRequests(directory, 1);
  assert.ok(!hasRequest(directory, runFiles.stopRequest), 'it had ended');
});

test('a stop that came while a start was cut off takes the run out of the queue', async () => {
  writeRunFolder(root.path, a, { state: 'stopped' });
  queue.add(queueJob(a));
  queue.change(a, 'waiting', 'starting');
  stopRun(root, a, thisMachine);
  queue.change(a, 'starting', 'waiting');
  await runner();
  assert.equal(queue.statusOf(a), null);
  assert.equal(report(a).state, 'stopped');
  assert.deepEqual(lines, []);
});

test('a run that is withdrawn while somebody begins to start it is stopped all the same', () => {
  const directory = claimed(a);
  queue.add(queueJob(a));
  const release = holdSegment(directory, 0, thisMachine)!;
  assert.ok(withdrawJob(queue, root, thisMachine, a));
  assert.ok(hasRequest(directory, runFiles.stopRequest));
  release();
});

test('a withdrawal that could not be written leaves nothing locked', (t: TestContext) => {
  const directory = claimed(a);
  queue.add(queueJob(a));
  const renameSync = fs.renameSync.bind(fs);
  const failing = t.mock.method(fs, 'renameSync', (from: string, to: string) => {
    if (to.endsWith(runFiles.exit)) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
    renameSync(from, to);
  });
  assert.throws(() => withdrawJob(queue, root, thisMachine, a), { code: 'ENOSPC' });
  failing.mock.restore();
  assert.ok(!segmentLockHeld(directory, 0, thisMachine));
});

test('a job that goes back and forth while it is looked for is found', (t: TestContext) => {
  claimed(a);
  queue.add(queueJob(a));
  queue.change(a, 'waiting', 'changing');
  const openSync = fs.openSync.bind(fs);
  t.mock.method(fs, 'openSync', (file: string, ...rest: [number]) => {
    if (file.endsWith('.changing.json')) queue.change(a, 'changing', 'waiting');
    return openSync(file, ...rest);
  });
  assert.notEqual(placeInQueue(root, a), null);
});

test('while the disk is full the runner waits, and starts runs when it is not any more', async (t: TestContext) => {
  claimed(a);
  queue.add(queueJob(a));
  const writeFileSync = fs.writeFileSync.bind(fs);
  let refusals = 0;
  t.mock.method(fs, 'writeFileSync', (file: number | string, text: string) => {
    // An end; where it cannot be written, the run waits on.
    if (text.includes('"segment"') && refusals++ < 30)
      throw Object.assign(new Error('full'), { code: 'ENOSPC' });
    writeFileSync(file, text);
  });
  await runner();
  assert.ok(refusals > 30);
  assert.equal(report(a).state, 'failed', 'its program is missing');
});

test('folders in the queue that are called like jobs stop nobody', async () => {
  claimed(a);
  queue.add(queueJob(a));
  for (const status of ['waiting', 'starting', 'started', 'withdrawn', 'changing'])
    fs.mkdirSync(path.join(queue.path, `${b}.${status}.json`));
  reviewStarted(queue, root, thisMachine, assert.fail);
  await runner();
  assert.equal(report(a).state, 'failed', 'its program is missing');
});
