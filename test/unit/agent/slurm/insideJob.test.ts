import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { createRequest } from '../../../../src/agent/requests.ts';
import { ownJob, segmentOfAttempt } from '../../../../src/agent/slurm/insideJob.ts';

const state = (segment: number, jobId: string) => ({
  ...{ schema: 1, segment, jobId, host: 'h', bootId: 'b', bundle: 'x', startedAt: 1 },
  ...{ wrapper: { pid: 1, startTime: '1' }, trainer: { pid: 2, startTime: '1' } },
});
const exit = (segment: number, code: number | null, parts = {}) => ({
  schema: 1,
  segment,
  code,
  signal: null,
  endedAt: 1,
  ...parts,
});
const record = (segment: number, jobId: string) => ({
  ...{
    schema: 1,
    jobId,
    segment,
    jobName: 'biphase-x',
    submittedAt: 1,
    options: {},
    tools: { folder: '/usr/bin' },
  },
  ...{ checkpoint: -1, fruitless: 0 },
});

function directory(context: TestContext, files: Record<string, object>): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-job-'));
  context.after(() => fs.rmSync(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files))
    fs.writeFileSync(path.join(folder, name), JSON.stringify(content));
  return folder;
}

test('only a job that Biphase submitted is its own', () => {
  const job = { SLURM_JOB_ID: '12', SLURM_JOB_NAME: 'biphase-a-0' };
  assert.deepEqual(ownJob(job), { id: '12', restarts: 0 });
  assert.deepEqual(
    ownJob({ ...job, SLURM_ARRAY_JOB_ID: '11', SLURM_ARRAY_TASK_ID: '3', SLURM_RESTART_COUNT: '2' }),
    { id: '11_3', restarts: 2 },
  );
  assert.equal(ownJob({ ...job, SLURM_JOB_NAME: 'interactive' }), undefined);
  assert.equal(ownJob({}), undefined);
});

test('an attempt after the first goes on in a new segment, and never where the run has ended', (context) => {
  const attempt = (files: Record<string, object>, restarts: number): number | null =>
    segmentOfAttempt(directory(context, files), 0, { id: '5', restarts });
  const own = { 'slurm.json': record(0, '5') };
  assert.equal(attempt(own, 0), 0);
  assert.equal(attempt(own, 1), 0, 'its first attempt never came to begin');
  const begun = { ...own, 'state.json': state(0, '5') };
  assert.equal(attempt(begun, 1), 1, 'the node failed');
  assert.equal(attempt({ ...begun, 'exit.json': exit(0, 3, { preempted: true }) }, 1), 1);
  assert.equal(attempt({ ...begun, 'exit.json': exit(0, 3) }, 1), null, 'a person stopped it');
  assert.equal(attempt({ ...begun, 'exit.json': exit(0, 0) }, 1), null, 'it finished');
  assert.equal(attempt({ ...begun, 'slurm.json': record(1, '6') }, 1), null, 'another job goes on');
  assert.equal(attempt({ ...begun, 'state.json': state(1, '6') }, 1), null, 'another job has gone on');
});

test('a stop that a failed node left unanswered is recorded instead of a new segment', (context) => {
  const folder = directory(context, { 'slurm.json': record(0, '5'), 'state.json': state(0, '5') });
  createRequest(folder, 'requests/stop', 'person');
  assert.equal(segmentOfAttempt(folder, 0, { id: '5', restarts: 1 }), null);
  const { segment, code } = JSON.parse(fs.readFileSync(path.join(folder, 'exit.json'), 'utf8'));
  assert.deepEqual([segment, code], [0, 3]);
});
