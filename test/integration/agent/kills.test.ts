import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { BiphaseError } from '../../../src/core/errors.ts';
import type { Spec } from '../../../src/protocol/runDirectory.ts';
import { type AgentProcess, TestRoot } from '../../support/agentProcess.ts';

let root: TestRoot;
let agent: AgentProcess;
before(async () => {
  root = new TestRoot();
  agent = root.agent();
  await agent.watch();
});
after(() => root.dispose());

const bare = { environment: {}, setup: [] };

async function running(steps = 100_000): Promise<Spec> {
  const spec = root.spec(steps);
  await agent.peer.call('launch', { spec, ...bare });
  await agent.follow(spec.id, 'metrics.jsonl');
  await agent.untilState(spec.id, 'running');
  await agent.untilLines(spec.id, 2);
  return spec;
}

function kill(pid: number): void {
  process.kill(pid, 'SIGKILL');
}

function rewriteState(run: string, change: (state: ReturnType<TestRoot['state']>) => void): void {
  const state = root.state(run);
  change(state);
  const file = path.join(root.directory(run), 'state.json');
  fs.writeFileSync(`${file}.tmp`, JSON.stringify(state));
  fs.renameSync(`${file}.tmp`, file);
}

test('a killed trainer is failed, and resumes as the next segment', async () => {
  const { id } = await running();
  kill(root.state(id).trainer.pid);
  await agent.untilState(id, 'failed');
  assert.equal(agent.reports.get(id)?.reason, 'The trainer was ended by SIGKILL.');
  assert.equal(agent.reports.get(id)?.exit?.signal, 'SIGKILL');
  assert.deepEqual(await agent.peer.call('resume', { run: id, ...bare }), { segment: 1 });
  await agent.untilState(id, 'running');
  await agent.peer.call('stop', { run: id });
  await agent.untilState(id, 'stopped');
  assert.equal(agent.reports.get(id)?.exit?.segment, 1);
  const segments = root
    .file(id, 'metrics.jsonl')
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { segment: number }).segment);
  assert.deepEqual([...new Set(segments)], [0, 1]);
});

test('a trainer goes on without its wrapper, obeys a stop, and its end is known', async () => {
  const { id } = await running();
  kill(root.state(id).wrapper.pid);
  await agent.until('an orphan', () => agent.reports.get(id)?.reason?.includes('wrapper') === true);
  assert.equal(agent.reports.get(id)?.state, 'running');
  await assert.rejects(agent.peer.call('resume', { run: id, ...bare }), /running/);
  await assert.rejects(agent.peer.call('delete', { run: id }), /running/);
  await agent.peer.call('stop', { run: id });
  await agent.untilState(id, 'stopped');
});

test('wrapper and trainer killed: lost, until it is resumed', async () => {
  const { id } = await running();
  const { wrapper, trainer } = root.state(id);
  kill(wrapper.pid);
  kill(trainer.pid);
  await agent.untilState(id, 'lost');
  assert.deepEqual(await agent.peer.call('resume', { run: id, ...bare }), { segment: 1 });
  await agent.untilState(id, 'running');
  assert.deepEqual(await agent.peer.call('kill', { run: id }), { signalled: true });
  await agent.untilState(id, 'stopped');
  assert.equal(agent.reports.get(id)?.reason, 'It was killed on request.');
});

test('a run of an earlier boot is lost, and nothing of it is signalled', async () => {
  const { id } = await running();
  const { trainer, bootId } = root.state(id);
  rewriteState(id, (state) => {
    state.bootId = '00000000-0000-0000-0000-000000000000';
  });
  await agent.untilState(id, 'lost');
  assert.match(agent.reports.get(id)?.reason ?? '', /restarted/);
  assert.deepEqual(await agent.peer.call('kill', { run: id }), { signalled: false });
  process.kill(trainer.pid, 0);
  rewriteState(id, (state) => {
    state.bootId = bootId;
  });
  await agent.untilState(id, 'running');
  await agent.peer.call('kill', { run: id });
  await agent.untilState(id, 'stopped');
});

test('a process that only has the same number is not signalled', async () => {
  const { id } = await running();
  const { trainer } = root.state(id);
  rewriteState(id, (state) => {
    state.trainer.startTime = String(Number(trainer.startTime) - 1);
  });
  assert.deepEqual(await agent.peer.call('kill', { run: id }), { signalled: false });
  process.kill(trainer.pid, 0);
  rewriteState(id, (state) => {
    state.trainer = trainer;
  });
  assert.deepEqual(await agent.peer.call('kill', { run: id }), { signalled: true });
  await agent.untilState(id, 'stopped');
});

test('a run of another host of a shared home keeps its state, and is not touched', async () => {
  const { id } = await running();
  const { host } = root.state(id);
  rewriteState(id, (state) => {
    state.host = 'another-host';
  });
  await agent.until('the other host', () => agent.reports.get(id)?.reason?.includes('another-host') === true);
  assert.equal(agent.reports.get(id)?.state, 'running');
  await assert.rejects(agent.peer.call('kill', { run: id }), (e: BiphaseError) => e.kind === 'refused');
  await assert.rejects(agent.peer.call('delete', { run: id }), (e: BiphaseError) => e.kind === 'refused');
  await assert.rejects(
    agent.peer.call('resume', { run: id, ...bare }),
    (e: BiphaseError) => e.kind === 'refused',
  );
  rewriteState(id, (state) => {
    state.host = host;
  });
  await agent.peer.call('kill', { run: id });
  await agent.untilState(id, 'stopped');
});

test('SIGTERM from the node stops the trainer with a checkpoint: preempted, and it resumes', async () => {
  const { id } = await running();
  process.kill(root.state(id).wrapper.pid, 'SIGTERM');
  await agent.untilState(id, 'preempted');
  assert.ok(agent.reports.get(id)!.checkpoints.length > 0);
  assert.deepEqual(await agent.peer.call('resume', { run: id, ...bare }), { segment: 1 });
  await agent.untilState(id, 'running');
  await agent.peer.call('stop', { run: id });
  await agent.untilState(id, 'stopped');
});

test('a finished run is not resumed, and is deleted on request', async () => {
  const spec = root.spec(3);
  await agent.peer.call('launch', { spec, ...bare });
  await agent.untilState(spec.id, 'finished');
  await assert.rejects(agent.peer.call('resume', { run: spec.id, ...bare }), (error: BiphaseError) => {
    assert.equal(error.message, 'test has finished; there is nothing left to resume.');
    assert.match(error.next ?? '', new RegExp(`${spec.id}@3\\b.*Launch from File`));
    return true;
  });
  await agent.peer.call('delete', { run: spec.id });
  await agent.until('gone', () => agent.gone.has(spec.id));
  assert.deepEqual(
    fs.readdirSync(path.join(root.path, 'runs')).filter((name) => name.includes(spec.id)),
    [],
  );
});

test('several resumes at once start one segment', async () => {
  const { id } = await running();
  kill(root.state(id).trainer.pid);
  await agent.untilState(id, 'failed');
  const agents = [root.agent(), root.agent(), agent];
  const answers = await Promise.allSettled(agents.map((a) => a.peer.call('resume', { run: id, ...bare })));
  assert.ok(answers.some((a) => a.status === 'fulfilled' && a.value.segment === 1));
  for (const answer of answers) {
    if (answer.status === 'rejected') assert.match((answer.reason as Error).message, /starting|running/);
    else assert.equal(answer.value.segment, 1);
  }
  await agent.untilState(id, 'running');
  assert.equal(root.state(id).segment, 1);
  assert.equal(root.living().length, 2);
  await agent.peer.call('kill', { run: id });
  await agent.untilState(id, 'stopped');
});
