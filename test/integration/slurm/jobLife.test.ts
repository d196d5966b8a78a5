import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { AgentProcess, TestRoot } from '../../support/agentProcess.ts';
import { jobsOf, noSlurm, type PrivateSlurm } from '../../support/slurm.ts';
import { SlurmNode } from '../../support/slurmNode.ts';

describe('the life of a Slurm job', { skip: noSlurm }, () => {
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

  const bare = { environment: {}, setup: [], slurm: { time: '8:00:00' } };
  const segmentsOf = (run: string): number[] => {
    const lines = root.file(run, 'events.jsonl').toString().trim().split('\n');
    const events = lines.map((line) => JSON.parse(line) as { type: string; segment: number });
    return events.filter(({ type }) => type === 'start' || type === 'resume').map(({ segment }) => segment);
  };
  /** The newest segment's trainer has made steps. */
  const untilTraining = (run: string, segment: number): Promise<void> =>
    agent.until(`steps of segment ${segment}`, () => {
      const { progress, state } = agent.reports.get(run) ?? {};
      const from = Math.max(0, node.record(run).checkpoint);
      return state === 'running' && progress?.segment === segment && progress.step > from;
    });

  test('at its time limit a run saves, and another job with the same setup goes on from there', async () => {
    const spec = root.spec(10_000_000);
    await agent.peer.call('launch', {
      spec,
      ...bare,
      setup: ['echo "setup of $BIPHASE_TEST_WORD"'],
      environment: { BIPHASE_TEST_WORD: 'canary' },
    });
    await agent.untilState(spec.id, 'running');
    await untilTraining(spec.id, 0);
    const first = node.record(spec.id).jobId!;
    const states = new Set<string | undefined>();
    // Less than the two minutes at which it is told.
    await slurm.command('scontrol', 'update', `jobid=${first}`, 'TimeLimit=2');
    const second = (): boolean => {
      states.add(agent.reports.get(spec.id)?.state);
      return agent.reports.get(spec.id)?.wrapper?.segment === 1;
    };
    await agent.until('the second segment', second, 120_000);
    await untilTraining(spec.id, 1);
    assert.notEqual(root.state(spec.id).jobId, first);
    assert.deepEqual(segmentsOf(spec.id), [0, 1]);
    assert.ok(!states.has('preempted') && !states.has('lost'), [...states].join(' '));
    assert.equal(root.file(spec.id, 'output.log').toString().split('setup of canary').length, 3);
    const { checkpoint, fruitless, segment } = node.record(spec.id);
    assert.ok(checkpoint > 0);
    assert.deepEqual([segment, fruitless], [1, 0]);
    await agent.peer.call('stop', { run: spec.id });
    await agent.untilState(spec.id, 'stopped');
    assert.equal(jobsOf(await slurm.jobs(), spec.id).length, 2);
  });

  test('a job that is cancelled by hand submits nothing', async () => {
    const spec = root.spec(10_000_000);
    await agent.peer.call('launch', { spec, ...bare });
    await agent.untilState(spec.id, 'running');
    await slurm.command('scancel', node.record(spec.id).jobId!);
    await agent.untilState(spec.id, 'preempted');
    await slurm.untilJob('its end', (jobs) =>
      jobsOf(jobs, spec.id).every(({ state }) => state === 'CANCELLED'),
    );
    assert.equal(jobsOf(await slurm.jobs(), spec.id).length, 1);
    await agent.peer.call('resume', { run: spec.id, ...bare });
    await agent.untilState(spec.id, 'running');
    await agent.peer.call('stop', { run: spec.id });
    await agent.untilState(spec.id, 'stopped');
  });

  test('a job that Slurm starts again has a new segment, and none where the run was stopped', async () => {
    const [spec, stopped] = [root.spec(10_000_000), root.spec(10_000_000)];
    for (const each of [spec, stopped]) {
      await agent.peer.call('launch', { spec: each, ...bare });
      await agent.untilState(each.id, 'running');
    }
    await untilTraining(spec.id, 0);
    const [first, second] = [node.record(spec.id).jobId!, node.record(stopped.id).jobId!];
    await slurm.command('scontrol', 'requeue', first);
    await agent.untilState(spec.id, 'queued');
    assert.equal(
      agent.reports.get(spec.id)?.reason,
      'Slurm: waiting for the time at which it may start again.',
    );
    // Slurm starts no job again in the second in which it ended it.
    await slurm.command('scontrol', 'update', `jobid=${first}`, 'StartTime=now+3');
    await agent.until('the second segment', () => agent.reports.get(spec.id)?.wrapper?.segment === 1);
    await untilTraining(spec.id, 1);
    assert.equal(root.state(spec.id).jobId, first);
    assert.deepEqual(segmentsOf(spec.id), [0, 1]);
    await agent.peer.call('stop', { run: spec.id });
    await agent.untilState(spec.id, 'stopped');

    await slurm.command('scontrol', 'requeue', second);
    await agent.untilState(stopped.id, 'queued');
    await agent.peer.call('stop', { run: stopped.id });
    await agent.untilState(stopped.id, 'stopped');
    assert.deepEqual(segmentsOf(stopped.id), [0]);
    assert.deepEqual(
      jobsOf(await slurm.jobs(), stopped.id).map(({ state }) => state),
      ['CANCELLED'],
    );
  });

  test('a job that vanished before it began is lost, and resumed as another', async () => {
    await slurm.drain();
    const spec = root.spec(3);
    await agent.peer.call('launch', { spec, ...bare });
    await agent.until(
      'a reason',
      () => agent.reports.get(spec.id)?.reason?.startsWith('Slurm: waiting') ?? false,
    );
    await slurm.command('scancel', node.record(spec.id).jobId!);
    await agent.untilState(spec.id, 'lost');
    assert.match(
      agent.reports.get(spec.id)?.reason ?? '',
      /^Slurm job \d+ has ended \(CANCELLED\) before the run began/,
    );
    await slurm.undrain();
    assert.deepEqual(await agent.peer.call('resume', { run: spec.id, ...bare }), { segment: 0 });
    await agent.untilState(spec.id, 'finished');
    assert.deepEqual(segmentsOf(spec.id), [0]);
  });

  test('a job of another name is never cancelled, whatever the record says', async () => {
    await slurm.drain();
    const script = path.join(root.path, 'other.sh');
    fs.writeFileSync(script, '#!/bin/sh\nsleep 1000\n', { mode: 0o700 });
    const other = (
      await slurm.command('sbatch', '--parsable', '--job-name=precious', '--output=/dev/null', script)
    ).trim();
    const spec = root.spec(3);
    await agent.peer.call('launch', { spec, ...bare });
    const changed = { ...node.record(spec.id), jobId: other };
    fs.writeFileSync(path.join(root.directory(spec.id), 'slurm.json'), JSON.stringify(changed));
    assert.deepEqual(await agent.peer.call('kill', { run: spec.id }), { signalled: false });
    await agent.peer.call('stop', { run: spec.id });
    const precious = (await slurm.jobs()).find(({ id }) => id === other);
    assert.equal(precious?.state, 'PENDING');
    await slurm.command('scancel', '--state=PENDING', other);
    await slurm.undrain();
  });

  test('while the controller is down states stay, with a sentence', async () => {
    const spec = root.spec(10_000_000);
    await agent.peer.call('launch', { spec, ...bare });
    await agent.untilState(spec.id, 'running');
    await agent.until('Slurm to say so', () => agent.reports.get(spec.id)?.reason === undefined);
    await slurm.stopController();
    const other = root.spec(3);
    const refused = assert.rejects(agent.peer.call('launch', { spec: other, ...bare }), {
      kind: 'unreachable',
    });
    await agent.until(
      'a sentence',
      () => agent.reports.get(spec.id)?.reason?.startsWith('Slurm cannot be asked') ?? false,
    );
    assert.equal(agent.reports.get(spec.id)?.state, 'running');
    await refused;
    await slurm.startController();
    assert.deepEqual(await agent.peer.call('launch', { spec: other, ...bare }), { already: false });
    await agent.untilState(other.id, 'finished');
    await agent.until('the sentence to go', () => agent.reports.get(spec.id)?.reason === undefined);
    assert.equal(agent.reports.get(spec.id)?.state, 'running');
    await agent.peer.call('stop', { run: spec.id });
    await agent.untilState(spec.id, 'stopped');
  });
});
