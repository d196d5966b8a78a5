import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import { afterEach, beforeEach, test } from 'node:test';
import type { BiphaseError } from '../../../src/core/errors.ts';
import type { Spec } from '../../../src/protocol/runDirectory.ts';
import { type AgentProcess, TestRoot } from '../../support/agentProcess.ts';
import { ShimNvidiaSmi } from '../../support/shimNvidiaSmi.ts';

let root: TestRoot;
let smi: ShimNvidiaSmi;
beforeEach(() => {
  root = new TestRoot();
  smi = new ShimNvidiaSmi([]);
});
afterEach(async () => {
  await root.dispose();
  smi.dispose();
});

const setup = ['echo "visible: $CUDA_VISIBLE_DEVICES wish: $BIPHASE_SLOT"'];
const any = { count: null, gpu: null };
const gpuA = { index: 0, uuid: 'GPU-a' };
const gpuB = { index: 1, uuid: 'GPU-b' };
const foreign = { ...gpuA, processes: [{ pid: process.pid, memoryMiB: 300 }] };
const { username } = os.userInfo();

/** An agent that finds the shim, with shorter waits. */
async function slotAgent(clock = '0.4'): Promise<AgentProcess> {
  const agent = root.agent([], { ...smi.environment, BIPHASE_CLOCK: clock });
  await agent.watch();
  return agent;
}

function longRun(name: string): Spec {
  return { ...root.spec(100_000), name };
}

function launch(agent: AgentProcess, spec: Spec, slot = any as { count: number | null; gpu: string | null }) {
  return agent.peer.call('launch', { spec, environment: {}, setup, slot });
}

function refused(...words: string[]): (error: BiphaseError) => boolean {
  return (error) => {
    assert.equal(error.kind, 'full', error.message);
    for (const word of words) assert.ok(error.message.includes(word), error.message);
    return true;
  };
}

function output(run: string): string {
  return root.file(run, 'output.log').toString();
}

test('of two agents that want the one GPU at once exactly one gets it, and the other says who has it', async () => {
  smi.show([gpuA]);
  const agents = [await slotAgent(), await slotAgent()];
  const specs = [longRun('first'), longRun('second')];
  const answers = await Promise.allSettled(agents.map((agent, n) => launch(agent, specs[n]!)));
  const winner = answers.findIndex(({ status }) => status === 'fulfilled');
  const loser = 1 - winner;
  const lost = answers[loser]!;
  assert.ok(winner >= 0 && lost.status === 'rejected', JSON.stringify(answers));
  refused('GPU 0', `you: ${specs[winner]!.name}`)(lost.reason as BiphaseError);
  const [agent, run] = [agents[winner]!, specs[winner]!.id];
  await agent.untilState(run, 'running');
  assert.match(output(run), /^visible: GPU-a wish: $/m);
  assert.equal(root.living().length, 2, 'one wrapper and its trainer');
  await agent.peer.call('stop', { run });
  await agent.untilState(run, 'stopped');
  const third = longRun('third');
  assert.deepEqual(await launch(agent, third), { already: false });
});

test('each run gets a GPU of its own, the one it wishes for, and no GPU twice', async () => {
  smi.show([gpuA, gpuB]);
  const agent = await slotAgent();
  const [one, two, three] = [longRun('one'), longRun('two'), longRun('three')];
  await launch(agent, one, { count: null, gpu: 'GPU-b' });
  await launch(agent, two);
  for (const [run, uuid] of [
    [one.id, 'GPU-b'],
    [two.id, 'GPU-a'],
  ] as const) {
    await agent.untilState(run, 'running');
    assert.match(output(run), new RegExp(`visible: ${uuid} `));
  }
  await assert.rejects(launch(agent, three), refused('GPU 0 (you: two', 'GPU 1 (you: one'));
  await assert.rejects(
    launch(agent, three, { count: null, gpu: 'GPU-c' }),
    (error: BiphaseError) => error.kind === 'missing' && error.message.includes('GPU-c'),
  );
  assert.equal(fs.existsSync(root.directory(three.id)), false, 'a refused launch leaves nothing behind');
  assert.deepEqual(await launch(agent, two), { already: true }, 'what runs is not asked for a slot again');
});

test('a GPU with a foreign process, or with memory in use, is not taken', async () => {
  smi.show([foreign, { ...gpuB, usedMiB: 500 }]);
  const agent = await slotAgent();
  const spec = longRun('run');
  await assert.rejects(launch(agent, spec), refused(`GPU 0 (${username}`, 'GPU 1 (in use, 500 MiB'));
  assert.equal(fs.existsSync(root.directory(spec.id)), false);
});

test('who took the GPU at the same moment and began first keeps it; the run is resumed later', async () => {
  smi.show([gpuA]);
  // Unshortened: the second look comes after the stranger.
  const agent = await slotAgent('1');
  const spec = longRun('run');
  await launch(agent, spec);
  const { pid } = root.state(spec.id).trainer;
  smi.show([{ ...foreign, processes: [...foreign.processes, { pid, memoryMiB: 300 }] }]);
  await agent.untilState(spec.id, 'preempted');
  const reason = agent.reports.get(spec.id)?.reason ?? '';
  assert.match(reason, new RegExp(`^GPU 0 of .* was taken by ${username} \\(process ${process.pid}\\)`));
  assert.equal(root.living().filter((living) => living === pid).length, 0);
  const resume = (): Promise<unknown> =>
    agent.peer.call('resume', { run: spec.id, environment: {}, setup, slot: any });
  await assert.rejects(resume(), refused(username));
  smi.show([gpuA]);
  assert.deepEqual(await resume(), { segment: 1 });
  await agent.untilState(spec.id, 'running');
});

test('a launch whose slot is gone when its wrapper looks says who has it, and can be resumed', async () => {
  smi.show([gpuA]);
  smi.showLater([foreign]);
  const agent = await slotAgent();
  const spec = longRun('run');
  await assert.rejects(launch(agent, spec), refused(`GPU 0 (${username}`));
  await agent.untilState(spec.id, 'preempted');
  assert.match(agent.reports.get(spec.id)?.reason ?? '', /^No GPU of .* is free: GPU 0/);
  assert.deepEqual(root.living(), []);
  smi.show([gpuA]);
  await agent.peer.call('resume', { run: spec.id, environment: {}, setup, slot: any });
  await agent.untilState(spec.id, 'running');
});

test('a holder that was killed −9 loses its slot when its trainer is gone too', async () => {
  smi.show([gpuA]);
  const agent = await slotAgent();
  const [dead, next] = [longRun('dead'), longRun('next')];
  await launch(agent, dead);
  await agent.untilState(dead.id, 'running');
  const { wrapper, trainer } = root.state(dead.id);
  process.kill(wrapper.pid, 'SIGKILL');
  await agent.until('the wrapper to be gone', () =>
    /wrapper is gone/.test(agent.reports.get(dead.id)?.reason ?? ''),
  );
  await assert.rejects(launch(agent, next), refused('GPU 0 (you: dead'));
  process.kill(trainer.pid, 'SIGKILL');
  await agent.untilState(dead.id, 'lost');
  assert.deepEqual(await launch(agent, next), { already: false });
});

test('without a GPU runs start at once, or as many as the node has slots', async () => {
  const agent = await slotAgent();
  const [one, two, three] = [longRun('one'), longRun('two'), longRun('three')];
  await launch(agent, one);
  await launch(agent, two, { count: 1, gpu: null });
  await assert.rejects(launch(agent, three, { count: 1, gpu: null }), refused('you run two'));
  await agent.untilState(one.id, 'running');
  assert.match(output(one.id), /^visible: {2}wish: $/m);
});

test('where nvidia-smi hangs no GPU is taken; a node that hides its GPUs does not ask', async () => {
  smi.show([gpuA]);
  smi.hang();
  const agent = await slotAgent();
  const spec = longRun('run');
  await assert.rejects(
    launch(agent, spec),
    (error: BiphaseError) => error.kind === 'unreachable' && /does not answer/.test(error.message),
  );
  const environment = { CUDA_VISIBLE_DEVICES: '' };
  await agent.peer.call('launch', { spec, environment, setup, slot: any });
  await agent.untilState(spec.id, 'running');
});
