import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import {
  allQueues,
  type JobStatus,
  jobStatuses,
  QueueFolder,
  queueWith,
} from '../../../src/agent/queue/queueFolder.ts';
import { queueJob } from '../../support/queueJob.ts';

const base = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-queue-'));
after(() => fs.rmSync(base, { recursive: true }));
let count = 0;
const fresh = (): QueueFolder => new QueueFolder(path.join(base, String(count++)), 'here');

const [a, b] = ['20260101-aaaaaaaa', '20260101-bbbbbbbb'];

test('a job is added once, is for its owner alone, and comes back as it was', () => {
  const queue = fresh();
  assert.ok(queue.add(queueJob(a)));
  assert.ok(!queue.add(queueJob(a, { priority: 3 })));
  assert.deepEqual(queue.read(a, 'waiting'), queueJob(a));
  const [file] = fs.readdirSync(queue.path);
  assert.equal(fs.statSync(path.join(queue.path, file!)).mode & 0o077, 0);
  assert.ok(queue.change(a, 'waiting', 'started'));
  assert.ok(!queue.add(queueJob(a)), 'while it is at work');
  assert.throws(() => queue.add(queueJob('../../x')), { kind: 'refused' });
});

test('whatever several processes do at once, a job is in one status at most, and only one of them made each change', () => {
  const operation = fc.record({
    run: fc.constantFrom(a, b),
    from: fc.constantFrom<JobStatus>(...jobStatuses),
    to: fc.constantFrom<JobStatus>(...jobStatuses),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
      const queue = fresh();
      const status = new Map<string, JobStatus>([
        [a, 'waiting'],
        [b, 'waiting'],
      ]);
      for (const run of status.keys()) queue.add(queueJob(run));
      for (const { run, from, to } of operations) {
        assert.equal(queue.change(run, from, to), status.get(run) === from);
        if (status.get(run) === from) status.set(run, to);
        assert.equal(queue.statusOf(run), status.get(run));
        assert.equal(jobStatuses.filter((each) => queue.runsIn(each).includes(run)).length, 1);
      }
    }),
    { numRuns: 50 },
  );
});

test('a rewrite that was cut off is finished by whoever comes later, and not before', () => {
  const queue = fresh();
  queue.add(queueJob(a));
  queue.add(queueJob(b, { movingTo: 'boreas' }));
  for (const run of [a, b]) queue.change(run, 'waiting', 'changing');
  queue.recoverChanges(10_000);
  assert.equal(queue.statusOf(a), 'changing');
  queue.recoverChanges(10_000, Date.now() + 11_000);
  assert.deepEqual([queue.statusOf(a), queue.statusOf(b)], ['waiting', 'moving']);
});

test('who was held up while it rewrote a job finds it gone, and brings nothing back', () => {
  const queue = fresh();
  queue.add(queueJob(a));
  const moved = queue.rewrite(a, 'waiting', 'moving', (read) => {
    // Somebody else takes it meanwhile.
    queue.recoverChanges(0, Date.now() + 60_000);
    assert.ok(queue.change(a, 'waiting', 'starting'));
    return { ...read, movingTo: 'boreas' };
  });
  assert.equal(moved, false);
  assert.deepEqual(
    jobStatuses.filter((status) => queue.runsIn(status).includes(a)),
    ['starting'],
  );
  assert.deepEqual(fs.readdirSync(queue.path), [`${a}.starting.json`]);
});

test('two who rewrite a job at once both leave their mark', () => {
  const queue = fresh();
  queue.add(queueJob(a));
  let times = 0;
  assert.ok(
    queue.rewrite(a, 'waiting', 'waiting', (read) => {
      if (times++ === 0) queue.rewrite(a, 'waiting', 'waiting', (inner) => ({ ...inner, priority: 5 }));
      return { ...read, after: [b] };
    }),
  );
  assert.deepEqual(queue.read(a, 'waiting'), queueJob(a, { priority: 5, after: [b] }));
});

test('a folder or a link in the place of a job is nobody’s, and is told of where it is in the way', () => {
  const queue = fresh();
  queue.prepare();
  fs.mkdirSync(path.join(queue.path, `${a}.waiting.json`));
  fs.symlinkSync('/etc/hostname', path.join(queue.path, `${b}.started.json`));
  for (const status of jobStatuses) assert.deepEqual(queue.runsIn(status), []);
  assert.deepEqual([queue.statusOf(a), queue.statusOf(b)], [null, null]);
  queue.remove(a, 'waiting');
  assert.throws(() => queue.add(queueJob(a)), { kind: 'refused', message: /is no file of the queue/ });
});

test('the queue that holds a run is found, whichever host of the root has it', () => {
  const queues = path.join(base, 'both');
  const [own, other] = [new QueueFolder(queues, 'atlas'), new QueueFolder(queues, 'boreas')];
  other.add(queueJob(a));
  assert.equal(queueWith(queues, a, own).path, other.path);
  assert.equal(queueWith(queues, b, own), own);
  own.add(queueJob(b));
  assert.equal(queueWith(queues, b, own), own);
});

test('a hold and a reason are kept and taken back; damaged files are none', () => {
  const queue = fresh();
  assert.deepEqual([queue.hold, queue.why], [null, null]);
  queue.setHold('draining');
  queue.setWhy('No GPU is free.');
  assert.deepEqual([queue.hold, queue.why], ['draining', 'No GPU is free.']);
  fs.writeFileSync(path.join(queue.path, 'hold.json'), '{"hold": "forever"}');
  fs.writeFileSync(path.join(queue.path, `${a}.waiting.json`), '{');
  assert.equal(queue.hold, null);
  assert.equal(queue.read(a, 'waiting'), null);
  queue.setHold(null);
  queue.setWhy(null);
  assert.equal(queue.why, null);
});

test('hosts that share a root have a queue each, whatever they are called', () => {
  const queues = path.join(base, 'shared');
  for (const host of ['atlas', '..', 'a/b', 'ünï %2F']) new QueueFolder(queues, host).add(queueJob(a));
  fs.writeFileSync(path.join(queues, 'host-%E0%A4%A'), '');
  fs.writeFileSync(path.join(queues, 'old.json'), '');
  const found = allQueues(queues);
  assert.equal(found.length, 4);
  for (const queue of found) {
    assert.equal(path.dirname(queue.path), queues);
    assert.ok(queue.read(a, 'waiting'));
  }
});
