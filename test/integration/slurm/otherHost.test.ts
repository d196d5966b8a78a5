import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { type AgentProcess, TestRoot } from '../../support/agentProcess.ts';
import { noSlurm, PrivateSlurm } from '../../support/slurm.ts';

/** Starts a program that sees itself on another host; what it starts through Slurm is on this one. */
const onLoginNode = ['unshare', '--uts', 'sh', '-c', 'hostname biphase-login && exec "$@"', 'sh'];
const mayUnshare = (): boolean => spawnSync(onLoginNode[0]!, [...onLoginNode.slice(1), 'true']).status === 0;
const skip = noSlurm || (mayUnshare() ? false : 'needs a host name of its own (root)');

describe('jobs on another host than the agent', { skip }, () => {
  let slurm: PrivateSlurm;
  let root: TestRoot;
  let agent: AgentProcess;
  before(async () => {
    slurm = await PrivateSlurm.start();
    root = new TestRoot();
    agent = root.agent([], { ...slurm.environment, BIPHASE_CLOCK: '0.1' }, onLoginNode);
    await agent.watch();
  });
  after(async () => {
    await slurm?.dispose();
    await root?.dispose();
  });

  const bare = { environment: {}, setup: [], slurm: {} };

  test('they are stopped, killed, found lost and resumed as if they were here', async () => {
    const { host } = await agent.peer.call('hello', { protocol: 1 });
    const { id: run, ...rest } = root.spec(10_000_000);
    await agent.peer.call('launch', { spec: { id: run, ...rest }, ...bare });
    await agent.untilState(run, 'running');
    assert.notEqual(root.state(run).host, host);
    await agent.until('no doubt', () => agent.reports.get(run)?.reason === undefined);
    await agent.peer.call('stop', { run });
    await agent.untilState(run, 'stopped');

    const resumed = async (segment: number): Promise<void> => {
      assert.deepEqual(await agent.peer.call('resume', { run, ...bare }), { segment });
      await agent.untilState(run, 'running');
    };
    await resumed(1);
    assert.deepEqual(await agent.peer.call('kill', { run }), { signalled: true });
    await agent.untilState(run, 'stopped');

    await resumed(2);
    const { wrapper, trainer } = root.state(run);
    for (const pid of [wrapper.pid, -trainer.pid]) process.kill(pid, 'SIGKILL');
    await agent.untilState(run, 'lost');
    assert.match(
      agent.reports.get(run)?.reason ?? '',
      /^Slurm job \d+ has ended \(\w+\) and left no exit record/,
    );

    await resumed(3);
    await agent.peer.call('stop', { run });
    await agent.untilState(run, 'stopped');
    await agent.peer.call('delete', { run });
    await agent.until('it is gone', () => agent.gone.has(run));
  });
});
