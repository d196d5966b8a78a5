import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findJob, parseQueue, phaseOf } from '../../../../src/agent/slurm/jobQueue.ts';
import { whyLost, whyPending } from '../../../../src/agent/slurm/jobSentence.ts';

test('lines of squeue are read, whatever a job is called', () => {
  const [first, second, third, ...more] = parseQueue(
    '12|PENDING|Resources||UNLIMITED|biphase-a-0\n13_4|RUNNING|None|n1|1-02:03:04|a|b | c\nslurm_load_jobs error: x\n14|COMPLETED|None|n1|0:00|\n',
  );
  assert.deepEqual(first, {
    id: '12',
    state: 'PENDING',
    reason: 'Resources',
    node: '',
    timeLeft: 'UNLIMITED',
    name: 'biphase-a-0',
  });
  assert.deepEqual([second?.id, second?.node, second?.name], ['13_4', 'n1', 'a|b | c']);
  assert.deepEqual([third?.id, third?.name, more], ['14', '', []]);
});

test('of jobs of one name the one that lives counts, in an array the element', () => {
  const job = (id: string, state: string) => ({ id, state, reason: '', node: '', timeLeft: '', name: 'x' });
  const jobs = [job('1', 'CANCELLED'), job('2', 'PENDING'), job('3_1', 'RUNNING'), job('3_11', 'RUNNING')];
  assert.equal(findJob(jobs, 'x')?.id, '2');
  assert.equal(findJob(jobs, 'x', 1)?.id, '3_1');
  assert.equal(findJob(jobs.slice(0, 1), 'x')?.id, '1');
  assert.equal(findJob(jobs, 'y'), undefined);
});

test('words that are no waiting and no running are ends', () => {
  const phases = ['PENDING', 'REQUEUE_HOLD', 'COMPLETING', 'SUSPENDED', 'NODE_FAIL', 'NEW_IN_SLURM_40'].map(
    (state) => phaseOf({ state }),
  );
  assert.deepEqual(phases, ['pending', 'pending', 'running', 'running', 'ended', 'ended']);
});

test('sentences say why a job waits, and how it ended', () => {
  assert.equal(whyPending({ reason: 'Resources' }), 'Slurm: waiting for free resources.');
  assert.equal(
    whyPending({ reason: 'ReqNodeNotAvail, UnavailableNodes:n1' }),
    'Slurm: waiting for nodes that are not available now.',
  );
  assert.equal(whyPending({ reason: 'SomethingNew' }), 'Slurm: waiting for SomethingNew.');
  assert.equal(whyLost('7', 'NODE_FAIL', true), 'Slurm job 7 has ended (NODE_FAIL) and left no exit record.');
  assert.match(whyLost('7', undefined, false), /is gone before the run began\. Resume it/);
});
