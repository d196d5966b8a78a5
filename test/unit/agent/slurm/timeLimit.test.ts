import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { endAtLimit } from '../../../../src/agent/slurm/timeLimit.ts';
import type { Exit } from '../../../../src/protocol/runDirectory.ts';

const exit: Exit = { schema: 1, segment: 4, code: 3, signal: null, endedAt: 1, preempted: true };

/** What is recorded at the limit of a job that a machine without Slurm cannot follow by another. */
async function recorded(fruitless: number, newest: number | null): Promise<Exit[]> {
  const run = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-limit-'));
  const record = {
    ...{ schema: 1, jobId: '5', segment: 4, jobName: 'biphase-x', submittedAt: 1, options: {} },
    ...{ tools: { folder: '/nowhere' }, checkpoint: 100, fruitless },
  };
  fs.writeFileSync(path.join(run, 'slurm.json'), JSON.stringify(record));
  if (newest !== null) {
    const checkpoint = path.join(run, 'checkpoints', `step-${String(newest).padStart(6, '0')}`);
    fs.mkdirSync(checkpoint, { recursive: true });
    fs.writeFileSync(path.join(checkpoint, 'DONE'), '');
  }
  // A file in the place of the locks: nothing can be submitted.
  fs.writeFileSync(path.join(run, 'locks'), '');
  const written: Exit[] = [];
  const table = { host: 'h', bootId: 'b', startTime: () => '1' };
  const program = { main: '/nowhere', hash: 'x' };
  await endAtLimit(
    { runDirectory: run, segment: 4, program, table },
    { write: async (end) => void written.push(end) },
    exit,
  );
  fs.rmSync(run, { recursive: true });
  return written;
}

test('jobs that come to no new checkpoint are not followed for ever', async () => {
  const [end, ...more] = await recorded(2, 100);
  assert.match(end?.error ?? '', /^3 jobs in a row reached their time limit/);
  assert.equal(end?.preempted, true);
  assert.deepEqual(more, []);
});

for (const [title, fruitless, newest] of [
  ['a new checkpoint counts as progress', 2, 150],
  ['two jobs without one are not three', 1, 100],
] as const)
  test(`${title}; a submission that fails is said`, async () => {
    const [end, second] = await recorded(fruitless, newest);
    assert.deepEqual(end, exit);
    assert.match(second?.error ?? '', /^Its job's time was up, and no other could be submitted\. /);
  });
