import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { BiphaseError } from '../../../src/core/errors.ts';
import type { AgentProcess, TestRoot } from '../../support/agentProcess.ts';
import { noSlurm, type PrivateSlurm } from '../../support/slurm.ts';
import { SlurmNode } from '../../support/slurmNode.ts';

describe('runs as Slurm jobs', { skip: noSlurm }, () => {
  let node: SlurmNode;
  let slurm: PrivateSlurm;
  let root: TestRoot;
  let agent: AgentProcess;
  before(async () => {
    node = await SlurmNode.start();
    ({ slurm, root } = node);
    agent = await node.attach();
  });
  after(() => node?.dispose());

  const bare = { environment: {}, setup: [], slurm: { cpus: 1 } };
  const reason = (run: string): string => agent.reports.get(run)?.reason ?? '';

  test('a run is submitted, runs in its job and finishes', async () => {
    const spec = root.spec(3);
    assert.deepEqual(await agent.peer.call('launch', { spec, ...bare }), { already: false });
    await agent.untilState(spec.id, 'finished');
    const [job] = (await slurm.jobs()).filter(({ name }) => name === `biphase-${spec.id}-0`);
    assert.equal(root.state(spec.id).jobId, job?.id);
    assert.deepEqual(await agent.peer.call('launch', { spec, ...bare }), { already: true });
  });

  test('a run that waits says for what, and is withdrawn by a stop', async () => {
    await slurm.drain();
    const spec = root.spec(3);
    await agent.peer.call('launch', { spec, ...bare });
    await agent.until('a reason', () => reason(spec.id).startsWith('Slurm: waiting for'));
    assert.equal(agent.reports.get(spec.id)?.state, 'queued');
    assert.deepEqual(await agent.peer.call('launch', { spec, ...bare }), { already: true });
    await assert.rejects(
      agent.peer.call('resume', { run: spec.id, ...bare }),
      (error: BiphaseError) => error.kind === 'refused' && error.message.includes('is queued'),
    );
    await agent.peer.call('stop', { run: spec.id });
    await agent.untilState(spec.id, 'stopped');
    const of = (name: string) => async () => (await slurm.jobs()).filter((job) => job.name === name);
    assert.deepEqual(
      (await of(`biphase-${spec.id}-0`)()).map(({ state }) => state),
      ['CANCELLED'],
    );
    await slurm.undrain();
    assert.deepEqual(await agent.peer.call('resume', { run: spec.id, ...bare }), { segment: 1 });
    await agent.untilState(spec.id, 'finished');
    assert.equal(root.state(spec.id).segment, 1);
  });

  test('a run that trains stops on request and goes on as another job', async () => {
    const spec = root.spec(100_000);
    await agent.peer.call('launch', { spec, ...bare });
    await agent.untilState(spec.id, 'running');
    await agent.peer.call('stop', { run: spec.id });
    await agent.untilState(spec.id, 'stopped');
    assert.deepEqual(await agent.peer.call('resume', { run: spec.id, ...bare }), { segment: 1 });
    await agent.untilState(spec.id, 'running');
    assert.notEqual(root.state(spec.id).jobId, undefined);
    assert.deepEqual(await agent.peer.call('kill', { run: spec.id }), { signalled: true });
    await agent.untilState(spec.id, 'stopped');
    assert.match(reason(spec.id), /killed on request/);
    await slurm.untilJob('the end of the killed job', (jobs) =>
      jobs.every((job) => job.name !== `biphase-${spec.id}-1` || !/RUNNING|COMPLETING/.test(job.state)),
    );
    assert.deepEqual(root.living(), []);
  });

  test('what Slurm does not take is refused with its reason and leaves nothing behind', async () => {
    const spec = root.spec(3);
    await assert.rejects(
      agent.peer.call('launch', { spec, ...bare, slurm: { partition: 'nowhere' } }),
      (error: BiphaseError) => error.kind === 'refused' && /invalid partition/i.test(error.message),
    );
    assert.equal(fs.existsSync(root.directory(spec.id)), false);
  });
});
