import assert from 'node:assert/strict';
import os from 'node:os';
import { after, test } from 'node:test';
import { TestRoot } from '../../support/agentProcess.ts';
import { ShimNvidiaSmi } from '../../support/shimNvidiaSmi.ts';

const root = new TestRoot();
const smi = new ShimNvidiaSmi([]);
after(async () => {
  await root.dispose();
  smi.dispose();
});

test('the probe marks the processes of own runs, and says whose the others are', async () => {
  const agent = root.agent([], smi.environment);
  await agent.watch();
  assert.deepEqual((await agent.peer.call('probe', {})).gpus, []);
  const spec = root.spec(100_000);
  await agent.peer.call('launch', { spec, environment: {}, setup: [] });
  await agent.untilState(spec.id, 'running');
  const trainer = root.state(spec.id).trainer.pid;
  const unseen = 2 ** 22 + 1;
  smi.show([
    { index: 0, uuid: 'GPU-a', usedMiB: 9000, processes: [{ pid: trainer, memoryMiB: 8000 }] },
    {
      index: 1,
      uuid: 'GPU-b',
      processes: [process.pid, unseen].map((pid) => ({ pid, memoryMiB: 10 })),
    },
  ]);
  const { gpus, warnings } = await agent.peer.call('probe', {});
  const { username: user } = os.userInfo();
  assert.deepEqual(
    gpus.map(({ uuid, memoryUsedMiB, owners }) => ({ uuid, memoryUsedMiB, owners })),
    [
      {
        uuid: 'GPU-a',
        memoryUsedMiB: 9000,
        owners: [{ pid: trainer, user, memoryMiB: 8000, run: spec.id }],
      },
      {
        uuid: 'GPU-b',
        memoryUsedMiB: 4,
        owners: [
          { pid: process.pid, user, memoryMiB: 10, run: null },
          { pid: unseen, user: null, memoryMiB: 10, run: null },
        ],
      },
    ],
  );
  assert.ok(!warnings.some((warning) => warning.includes('nvidia')), warnings.join(' '));
  await agent.peer.call('stop', { run: spec.id });
  await agent.untilState(spec.id, 'stopped');
});
