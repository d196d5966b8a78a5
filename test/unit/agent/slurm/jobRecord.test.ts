import assert from 'node:assert/strict';
import { test } from 'node:test';
import { currentJob } from '../../../../src/agent/slurm/jobRecord.ts';
import type { Exit, WrapperState } from '../../../../src/protocol/runDirectory.ts';
import type { SlurmRecord } from '../../../../src/protocol/slurm.ts';

const record = (segment: number, jobId: string | null = '5'): SlurmRecord => ({
  ...{ schema: 1, jobId, segment, jobName: 'biphase-x', submittedAt: 1, options: {} },
  ...{ tools: { folder: '/usr/bin' }, checkpoint: -1, fruitless: 0 },
});
const wrapper = (segment: number, jobId?: string): WrapperState => ({
  ...{ schema: 1, segment, host: 'h', bootId: 'b', bundle: 'x', startedAt: 1 },
  ...{ wrapper: { pid: 1, startTime: '1' }, trainer: { pid: 2, startTime: '1' } },
  ...(jobId === undefined ? {} : { jobId }),
});
const exit = (segment: number, preempted = false): Exit => ({
  ...{ schema: 1, segment, code: 3, signal: null, endedAt: 1, preempted },
});
const told = (...facts: Parameters<typeof currentJob>): unknown => {
  const job = currentJob(...facts);
  return job && [job.id, job.segment];
};

test('the job of the newest segment is the one that was submitted, or the one that began', () => {
  assert.equal(told(null, null, null), null);
  assert.deepEqual(told(record(0), null, null), ['5', 0]);
  assert.deepEqual(told(record(0, null), null, null), [null, 0]);
  assert.deepEqual(told(record(1, '6'), wrapper(0, '5'), exit(0)), ['6', 1]);
  assert.deepEqual(told(record(0), wrapper(2, '5'), exit(1, true)), ['5', 2]);
});

test('a segment that was started otherwise, or has ended for good, has none', () => {
  assert.equal(told(record(0), wrapper(0), null), null);
  assert.equal(told(record(0), wrapper(1), null), null);
  assert.equal(told(record(0), wrapper(0, '5'), exit(0)), null);
  assert.equal(told(record(0), null, exit(0)), null);
  assert.deepEqual(told(record(0), wrapper(0, '5'), exit(0, true)), ['5', 0]);
});
