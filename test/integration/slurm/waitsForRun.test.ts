import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { AgentProcess, TestRoot } from '../../support/agentProcess.ts';
import { jobsOf, noSlurm, type PrivateSlurm } from '../../support/slurm.ts';
import { SlurmNode } from '../../support/slurmNode.ts';

describe('jobs that wait for runs', { skip: noSlurm }, () => {
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
  const waitsFor = (...runs: string[]) => ({ queue: { priority: 0, after: runs, nodes: [] } });
  const reason = (run: string): string => agent.reports.get(run)?.reason ?? '';
  const jobOf = (run: string): string => node.record(run).jobId!;
  const heldRuns = (): string[] => fs.readdirSync(path.join(root.path, 'queue/held')).sort();
  /** A parent that trains until `file` is there; from its second segment on it then ends as one that has finished. */
  const patient = (file: string) => ({
    ...bare,
    setup: [`case "$*" in *--resume*) until [ -e '${file}' ]; do sleep 0.1; done; exit 0;; esac`],
  });
  const isHeld = async (run: string): Promise<boolean> =>
    jobsOf(await slurm.jobs(), run).every(
      ({ state, reason: why }) => state === 'PENDING' && why === 'JobHeldUser',
    );

  test('it starts at the true end of a run that needs two jobs and is started again, while nobody is attached', async () => {
    const finish = path.join(root.path, 'finish');
    const [parent, child] = [root.spec(10_000_000), root.spec(3)];
    await agent.peer.call('launch', { spec: parent, ...patient(finish) });
    await agent.untilState(parent.id, 'running');
    assert.deepEqual(await agent.peer.call('launch', { spec: child, ...bare, ...waitsFor(parent.id) }), {
      already: false,
    });
    await agent.until('a reason', () => reason(child.id).startsWith('It waits for'));
    assert.equal(
      reason(child.id),
      `It waits for test (${parent.id}) to finish; Slurm holds its job until then.`,
    );
    assert.deepEqual(agent.reports.get(child.id)?.heldFor, [parent.id]);
    const first = jobOf(parent.id);
    await slurm.command('scontrol', 'update', `jobid=${first}`, 'TimeLimit=2');
    await agent.until(
      'a second segment',
      () => agent.reports.get(parent.id)?.wrapper?.segment === 1,
      120_000,
    );
    const second = jobOf(parent.id);
    assert.notEqual(second, first);
    await slurm.untilJob('the end of the first job', (jobs) =>
      jobs.some(({ id, state }) => id === first && state === 'COMPLETED'),
    );
    assert.ok(await isHeld(child.id), 'one job of the run is over, and the run is not');

    await slurm.command('scontrol', 'requeue', second);
    await agent.untilState(parent.id, 'queued');
    await agent.until('no doubt', () => reason(child.id).endsWith('until then.'));
    await slurm.command('scontrol', 'update', `jobid=${second}`, 'StartTime=now+3');
    await agent.until('a third segment', () => agent.reports.get(parent.id)?.wrapper?.segment === 2);
    assert.ok(await isHeld(child.id));

    await agent.hangUp();
    fs.writeFileSync(finish, '');
    await slurm.untilJob('the run that waited to be over', (jobs) =>
      jobsOf(jobs, child.id).every(({ state }) => state === 'COMPLETED'),
    );
    agent = await node.attach();
    assert.equal(agent.reports.get(parent.id)?.state, 'finished');
    assert.equal(agent.reports.get(child.id)?.state, 'finished');
    assert.equal(jobsOf(await slurm.jobs(), child.id).length, 1);
    assert.deepEqual(heldRuns(), []);
  });

  test('one that waits for several starts when all have finished, elements of an array too', async () => {
    await slurm.drain();
    const elements = [root.spec(3), root.spec(3)];
    await agent.peer.call('launchArray', { array: 'waitedfor', specs: elements, ...bare, slurm: {} });
    const child = root.spec(3);
    await agent.peer.call('launch', { spec: child, ...bare, ...waitsFor(...elements.map(({ id }) => id)) });
    await agent.until('a reason', () => reason(child.id).startsWith('It waits for'));
    // Asked once more it is the same job.
    const again = await agent.peer.call('launch', { spec: child, ...bare, ...waitsFor(elements[0]!.id) });
    assert.deepEqual(again, { already: true });
    await slurm.undrain();
    await agent.untilState(child.id, 'finished');
    for (const { id } of elements) {
      assert.equal(agent.reports.get(id)?.state, 'finished');
      const ended = JSON.parse(root.file(id, 'exit.json').toString()) as { endedAt: number };
      assert.ok(root.state(child.id).startedAt >= ended.endedAt);
    }
    assert.equal(jobsOf(await slurm.jobs(), child.id).length, 1);
  });

  test('one whose run is stopped says what to do, goes on with it, and can be stopped', async () => {
    const finish = path.join(root.path, 'finish-stopped');
    const parent = root.spec(10_000_000);
    const [stays, goes] = [root.spec(3), root.spec(3)];
    await agent.peer.call('launch', { spec: parent, ...patient(finish) });
    await agent.untilState(parent.id, 'running');
    for (const spec of [stays, goes])
      await agent.peer.call('launch', { spec, ...bare, ...waitsFor(parent.id) });
    await agent.peer.call('stop', { run: parent.id });
    await agent.until('what to do', () => reason(stays.id).includes('was stopped'));
    assert.equal(
      reason(stays.id),
      `It waits for test (${parent.id}), which was stopped: resume that run, or stop this one.`,
    );
    await agent.peer.call('stop', { run: goes.id });
    await agent.untilState(goes.id, 'stopped');
    assert.ok(await isHeld(stays.id));
    fs.writeFileSync(finish, '');
    await agent.peer.call('resume', { run: parent.id, ...patient(finish) });
    await agent.untilState(stays.id, 'finished');
    // Resumed, a run waits for nothing.
    await agent.peer.call('resume', { run: goes.id, ...bare, ...waitsFor() });
    await agent.untilState(goes.id, 'finished');
    await agent.until('nothing to be held', () => heldRuns().length === 0);
  });

  test('one that waits for a run elsewhere starts when that is told; one that has finished is not waited for', async () => {
    const elsewhere = '20250101-elsewher';
    const [child, next] = [root.spec(3), root.spec(3)];
    await agent.peer.call('launch', { spec: child, ...bare, ...waitsFor(elsewhere) });
    await agent.until('a reason', () => reason(child.id).includes(elsewhere));
    await agent.peer.call('changeQueued', { run: child.id, finished: [elsewhere] });
    await agent.untilState(child.id, 'finished');
    await agent.peer.call('launch', { spec: next, ...bare, ...waitsFor(child.id) });
    await agent.untilState(next.id, 'finished');
  });

  test('what the end of a run could not release, an agent releases', async () => {
    const finish = path.join(root.path, 'finish-unheard');
    const parent = root.spec(10_000_000);
    const child = root.spec(3);
    await agent.peer.call('launch', { spec: parent, ...patient(finish) });
    await agent.untilState(parent.id, 'running');
    await agent.peer.call('launch', { spec: child, ...bare, ...waitsFor(parent.id) });
    await agent.hangUp();
    const { wrapper, trainer } = root.state(parent.id);
    for (const pid of [wrapper.pid, -trainer.pid]) process.kill(pid, 'SIGKILL');
    const exit = { schema: 1, segment: 0, code: 0, signal: null, endedAt: Date.now() / 1000 };
    fs.writeFileSync(path.join(root.directory(parent.id), 'exit.json'), JSON.stringify(exit));
    assert.ok(await isHeld(child.id));
    await slurm.stopController();
    agent = await node.attach();
    await agent.until('trouble', () => reason(child.id).startsWith('Slurm cannot be asked'));
    await slurm.startController();
    await agent.untilState(child.id, 'finished');
  });
});
