import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { BiphaseError } from '../../../src/core/errors.ts';
import { TestRoot } from '../../support/agentProcess.ts';
import { noSlurm, PrivateSlurm } from '../../support/slurm.ts';

describe('runs as one job array', { skip: noSlurm }, () => {
  let slurm: PrivateSlurm;
  let root: TestRoot;
  before(async () => {
    slurm = await PrivateSlurm.start();
    root = new TestRoot('100 %a root');
  });
  after(async () => {
    await slurm?.dispose();
    await root?.dispose();
  });

  const bare = {
    environment: { BIPHASE_TEST_WORD: 'canary' },
    setup: ['echo "setup of $BIPHASE_TEST_WORD"'],
    slurm: {},
  };

  test('each run of an array runs exactly once, however often it is asked for', async () => {
    await slurm.drain();
    const agents = [0, 1].map(() => root.agent([], { ...slurm.environment, BIPHASE_CLOCK: '0.1' }));
    const agent = agents[0]!;
    await agent.watch();
    const specs = Array.from({ length: 5 }, () => root.spec(3));
    const stopped = root.spec(3);
    const wish = { array: 'abcdefgh', specs: [...specs, stopped], atOnce: 2, ...bare };
    const answers = await Promise.all(
      [...agents, ...agents].map(({ peer }) => peer.call('launchArray', wish)),
    );
    assert.deepEqual(answers.map(({ already }) => already).sort(), [false, true, true, true]);
    await agent.until('all to wait', () =>
      wish.specs.every(({ id }) => agent.reports.get(id)?.reason?.startsWith('Slurm: waiting for') ?? false),
    );
    await agent.peer.call('stop', { run: stopped.id });
    await agent.untilState(stopped.id, 'stopped');
    await slurm.undrain();
    for (const { id } of specs) await agent.untilState(id, 'finished');
    assert.deepEqual(await agent.peer.call('launchArray', wish), { already: true });
    const jobs = await slurm.jobs();
    assert.ok(jobs.every(({ name }) => name === 'biphase-array-abcdefgh'));
    assert.equal(new Set(jobs.map(({ id }) => id.split('_')[0])).size, 1);
    const ids = specs.map(({ id }) => root.state(id).jobId);
    assert.deepEqual(
      ids.map((id) => id?.split('_')[1]),
      ['0', '1', '2', '3', '4'],
    );
    for (const { id } of specs) {
      assert.equal(root.file(id, 'events.jsonl').toString().split('"type":"start"').length, 2);
      assert.ok(root.file(id, 'output.log').toString().includes('setup of canary'));
    }
    await assert.rejects(
      agent.peer.call('launchArray', { ...wish, specs: specs.slice(1) }),
      (error: BiphaseError) => error.kind === 'refused' && error.message.includes('other runs'),
    );
    assert.deepEqual(await agent.peer.call('resume', { run: stopped.id, ...bare }), { segment: 1 });
    await agent.untilState(stopped.id, 'finished');
  });
});
