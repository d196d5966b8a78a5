import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refuseHold, refusePriority } from '../../../src/control/runs/slurmQueue.ts';
import type { NodeConfig } from '../../../src/protocol/controlApi.ts';

const cluster: NodeConfig = { name: 'cluster', kind: 'ssh', host: 'login', slurm: {} };
const atlas: NodeConfig = { name: 'atlas', kind: 'ssh', host: 'atlas', slots: 2 };

test("Slurm's queue is not held, and the refusal says what to do instead", () => {
  refuseHold(atlas);
  assert.throws(() => refuseHold(cluster), {
    kind: 'refused',
    message: "Runs of cluster wait in Slurm's queue, which Biphase does not hold.",
    next: /scontrol hold JOBID.*scontrol release JOBID/,
  });
});

test('a priority is refused where all runs would wait in Slurm, and nowhere else', () => {
  refusePriority([cluster], 0);
  refusePriority([atlas, cluster], 5);
  assert.throws(() => refusePriority([cluster], 5), { kind: 'refused', next: /nice=100/ });
});
