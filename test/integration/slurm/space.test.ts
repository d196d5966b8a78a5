import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SpaceItem } from '../../../src/protocol/diskSpace.ts';
import type { AgentProcess, TestRoot } from '../../support/agentProcess.ts';
import { noSlurm, type PrivateSlurm } from '../../support/slurm.ts';
import { SlurmNode } from '../../support/slurmNode.ts';

describe('space on a node with Slurm', { skip: noSlurm }, () => {
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

  async function problem(item: SpaceItem): Promise<string> {
    return (await agent.peer.call('freeSpace', { items: [item] })).results[0]!.problem ?? '';
  }

  /** Nothing of a live run goes, nor what it may read. */
  async function assertKept(run: string, why: RegExp): Promise<void> {
    const [step] = agent.reports.get(run)!.checkpoints;
    const [entry] = (await agent.peer.call('diskUse', { ask: '1' })).cache;
    assert.match(await problem({ kind: 'run', run }), why);
    assert.match(await problem({ kind: 'checkpoints', run, steps: [step!], kept: true }), why);
    assert.match(await problem({ kind: 'cache', entry: entry!.entry }), /while a run is active/);
    const { rootId } = await agent.peer.call('hello', { protocol: 1 });
    await assert.rejects(agent.peer.call('removeRoot', { rootId }), /while a run is active/);
    await assert.rejects(agent.peer.call('delete', { run }), why);
    assert.ok(
      fs.existsSync(path.join(root.directory(run), `checkpoints/step-${String(step).padStart(6, '0')}`)),
    );
  }

  async function untilTwoCheckpoints(run: string): Promise<void> {
    await agent.until('two checkpoints', () => (agent.reports.get(run)?.checkpoints.length ?? 0) >= 2);
  }

  test('a run that Slurm starts again is live, also for an agent that has just come and while Slurm is silent', async () => {
    const spec = root.spec(10_000_000, { checkpoints: { every: 5, keep: 2 } });
    await agent.peer.call('launch', { spec, ...bare });
    await untilTwoCheckpoints(spec.id);
    const job = node.record(spec.id).jobId!;
    // It waits for as long as this test takes.
    await slurm.command('scontrol', 'requeuehold', job);
    await agent.untilState(spec.id, 'queued');
    assert.equal(
      (JSON.parse(root.file(spec.id, 'exit.json').toString()) as { preempted: boolean }).preempted,
      true,
    );
    await agent.hangUp();
    agent = await node.attach();
    await assertKept(spec.id, /is queued; nothing of it is deleted/);
    await agent.hangUp();
    await slurm.stopController();
    agent = await node.attach();
    await assertKept(spec.id, /may still wait in Slurm, which does not answer/);
    await slurm.startController();
    await agent.untilState(spec.id, 'queued');
    await agent.peer.call('stop', { run: spec.id });
    await agent.untilState(spec.id, 'stopped');
    assert.equal(await problem({ kind: 'run', run: spec.id }), '');
    assert.equal(fs.existsSync(root.directory(spec.id)), false);
  });

  test('one that was lost goes once Slurm has said that its job is over', async () => {
    const spec = root.spec(10_000_000);
    await agent.peer.call('launch', { spec, ...bare });
    await agent.untilState(spec.id, 'running');
    const { wrapper, trainer } = root.state(spec.id);
    for (const pid of [wrapper.pid, -trainer.pid]) process.kill(pid, 'SIGKILL');
    await agent.untilState(spec.id, 'lost');
    assert.equal(await problem({ kind: 'run', run: spec.id }), '');
  });

  test('a run that is deleted while another agent submits it goes whole or is submitted', async () => {
    const other = await node.attach();
    const outcomes: string[] = [];
    for (let round = 0; round < 4; round++) {
      const spec = root.spec(10_000_000, { checkpoints: { every: 5 } });
      await agent.peer.call('launch', { spec, ...bare });
      await agent.untilState(spec.id, 'running');
      await agent.peer.call('stop', { run: spec.id });
      await agent.untilState(spec.id, 'stopped');
      await other.untilState(spec.id, 'stopped');
      const resume = (): Promise<unknown> => other.peer.call('resume', { run: spec.id, ...bare });
      const free = (): Promise<string> => problem({ kind: 'run', run: spec.id });
      const submits = path.join(root.directory(spec.id), 'locks/submit-1.0.json');
      let both: [Promise<unknown>, Promise<string>];
      if (round % 2 === 0) {
        const first = resume();
        while (!fs.existsSync(submits)) await nextTurn();
        both = [first, free()];
      } else {
        const first = free();
        both = [resume(), first];
      }
      const [resumed, freed] = await Promise.allSettled(both);
      assert.ok(freed.status === 'fulfilled');
      const deleted = freed.value === '';
      assert.equal(fs.existsSync(root.directory(spec.id)), !deleted);
      outcomes.push(`${deleted ? 'deleted' : 'kept'} ${resumed.status}`);
      assert.ok(!(deleted && resumed.status === 'fulfilled'), outcomes.join(', '));
      if (deleted) continue;
      if (resumed.status === 'fulfilled') {
        await agent.untilState(spec.id, 'running');
        await agent.peer.call('kill', { run: spec.id });
      }
      await agent.untilState(spec.id, 'stopped');
      await slurm.untilJob('no job', (jobs) =>
        jobs.every(({ name, state }) => !name.includes(spec.id) || !/RUNNING|PENDING|COMPLETING/.test(state)),
      );
    }
    await other.hangUp();
    assert.ok(outcomes.includes('kept fulfilled'), outcomes.join(', '));
    process.stdout.write(`deleted against submitted: ${outcomes.join(', ')}\n`);
  });

  test('a folder that goes takes the lists of job arrays and of held jobs along', async () => {
    const [spec, waiting] = [root.spec(3), root.spec(3)];
    await agent.peer.call('launchArray', { array: 'abcdefgh', specs: [spec], ...bare });
    const queue = { priority: 0, after: ['20250101-elsewher'], nodes: [] };
    await agent.peer.call('launch', { spec: waiting, ...bare, queue });
    await agent.untilState(spec.id, 'finished');
    const { rootId } = await agent.peer.call('hello', { protocol: 1 });
    await assert.rejects(agent.peer.call('removeRoot', { rootId }), /active there/);
    await agent.peer.call('stop', { run: waiting.id });
    await agent.untilState(waiting.id, 'stopped');
    for (const id of agent.reports.keys()) await agent.untilState(id, 'finished', 'stopped');
    assert.deepEqual(await agent.peer.call('removeRoot', { rootId }), { left: [] });
    assert.equal(fs.existsSync(root.path), false);
  });
});
