import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { Move } from '../../../src/protocol/queue.ts';
import type { Spec } from '../../../src/protocol/runDirectory.ts';
import { type AgentProcess, TestRoot } from '../../support/agentProcess.ts';
import { queueRunners } from '../../support/queueRunners.ts';

let root: TestRoot;
beforeEach(() => {
  root = new TestRoot();
});
afterEach(() => root.dispose());

const one = { count: 1, gpu: null };

async function watching(clock = '0.1'): Promise<AgentProcess> {
  const agent = root.agent([], { BIPHASE_CLOCK: clock });
  await agent.watch();
  return agent;
}

function launch(agent: AgentProcess, spec: Spec, priority = 0, after: string[] = [], slot = one) {
  const wish = { priority, after, nodes: [] };
  return agent.peer.call('launch', { spec, environment: {}, setup: [], slot, queue: wish });
}

/** Starts of a run's trainer, by segment. */
function starts(run: string): number[] {
  return root
    .file(run, 'events.jsonl')
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; segment: number })
    .filter(({ type }) => type === 'start' || type === 'resume')
    .map(({ segment }) => segment);
}

function startedAt(run: string): number {
  return root.state(run).startedAt;
}

test('runs wait for the one slot and start by priority, then in the order in which they came', async () => {
  const agent = await watching();
  const [first, second, third, urgent] = [root.spec(100_000), root.spec(3), root.spec(3), root.spec(3)];
  assert.deepEqual(await launch(agent, first), { already: false, queued: true });
  await agent.untilState(first.id, 'running');
  for (const [spec, priority] of [
    [second, 0],
    [third, 0],
    [urgent, 5],
  ] as const)
    assert.deepEqual(await launch(agent, spec, priority), { already: false, queued: true });
  await agent.until('a reason', () => agent.reports.get(urgent.id)?.reason !== undefined);
  const waiting = agent.reports.get(urgent.id)!;
  assert.equal(waiting.state, 'queued');
  assert.match(waiting.reason!, /No slot of .* is free: you run test/);
  assert.equal(waiting.queue?.priority, 5);
  assert.deepEqual(await launch(agent, second), { already: true, queued: true }, 'a launch that is repeated');
  await agent.peer.call('stop', { run: first.id });
  for (const spec of [second, third, urgent]) await agent.untilState(spec.id, 'finished');
  assert.ok(startedAt(urgent.id) < startedAt(second.id));
  assert.ok(startedAt(second.id) < startedAt(third.id));
  for (const spec of [second, third, urgent]) assert.deepEqual(starts(spec.id), [0]);
  await runnersGone();
});

test('the queue goes on when every agent is gone, and its runner ends when nothing waits', async () => {
  const agent = await watching();
  const specs = Array.from({ length: 4 }, () => root.spec(3));
  for (const spec of specs) await launch(agent, spec);
  await agent.killHard();
  await runnersGone();
  const later = await watching();
  for (const spec of specs) await later.untilState(spec.id, 'finished');
  for (const spec of specs) assert.deepEqual(starts(spec.id), [0]);
});

test('a runner that is killed is followed by another, and nothing starts twice', async () => {
  const agent = await watching();
  const specs = Array.from({ length: 6 }, () => root.spec(20));
  for (const spec of specs) await launch(agent, spec, 0, [], { count: 2, gpu: null });
  let killed = 0;
  for (const spec of specs) {
    await agent.until(
      'an end',
      () => agent.reports.get(spec.id)?.state === 'finished' || runners().length > 0,
    );
    for (const pid of runners()) {
      process.kill(pid, 'SIGKILL');
      killed++;
    }
    const other = await watching();
    await other.untilState(spec.id, 'finished');
    await other.hangUp();
  }
  assert.ok(killed > 0);
  for (const spec of specs) assert.deepEqual(starts(spec.id), [0]);
});

test('a run that loses its place, or is lost with its node, goes on from its last checkpoint by itself', async () => {
  const agent = await watching();
  const spec = root.spec(100_000, { checkpoints: { every: 5, keep: 2 } });
  await launch(agent, spec);
  const saved = (): boolean => (agent.reports.get(spec.id)?.checkpoints.length ?? 0) > 0;
  await agent.until('a checkpoint', saved);
  process.kill(root.state(spec.id).wrapper.pid, 'SIGTERM');
  const tells = (one: AgentProcess, segment: number) => (): boolean =>
    one.reports.get(spec.id)?.lastEvent?.segment === segment;
  await agent.until('the second segment', tells(agent, 1));
  const { wrapper, trainer } = root.state(spec.id);
  process.kill(wrapper.pid, 'SIGKILL');
  process.kill(trainer.pid, 'SIGKILL');
  await agent.until('the third segment', tells(agent, 2));
  const third = root.state(spec.id);
  // Nobody looks while it is lost.
  await agent.killHard();
  process.kill(third.wrapper.pid, 'SIGKILL');
  process.kill(third.trainer.pid, 'SIGKILL');
  const next = await watching();
  await next.until('the fourth segment', tells(next, 3));
  await next.peer.call('stop', { run: spec.id });
  await next.untilState(spec.id, 'stopped');
  assert.deepEqual(starts(spec.id), [0, 1, 2, 3]);
  const queue = { priority: 0, after: [], nodes: [] };
  await next.peer.call('resume', { run: spec.id, environment: {}, setup: [], slot: one, queue });
  await next.until('the fifth segment', tells(next, 4));
  await next.peer.call('stop', { run: spec.id });
  await next.untilState(spec.id, 'stopped');
});

test('stopping a waiting run takes it out of the queue; resumed, it waits again', async () => {
  const agent = await watching();
  const [first, second] = [root.spec(100_000), root.spec(3)];
  await launch(agent, first);
  await agent.untilState(first.id, 'running');
  await launch(agent, second);
  await agent.untilState(second.id, 'queued');
  await agent.peer.call('stop', { run: second.id });
  await agent.untilState(second.id, 'stopped');
  const queue = { priority: 0, after: [], nodes: [] };
  assert.deepEqual(
    await agent.peer.call('resume', { run: second.id, environment: {}, setup: [], slot: one, queue }),
    { segment: 1, queued: true },
  );
  await agent.untilState(second.id, 'queued');
  await agent.peer.call('stop', { run: first.id });
  await agent.untilState(second.id, 'finished');
  assert.deepEqual(starts(second.id), [1]);
});

test('a run waits for those it names, also where a slot is free; one of another node is struck by control', async () => {
  const agent = await watching();
  const many = { count: 3, gpu: null };
  const [parent, child, far] = [root.spec(30), root.spec(3), root.spec(3)];
  await launch(agent, child, 9, [parent.id], many);
  await launch(agent, far, 9, ['20250101-elsewher'], many);
  await launch(agent, parent, 0, [], many);
  await agent.untilState(child.id, 'finished');
  assert.ok(startedAt(child.id) > (agent.reports.get(parent.id)?.exit?.endedAt ?? Number.POSITIVE_INFINITY));
  assert.equal(agent.reports.get(far.id)?.state, 'queued');
  assert.match(agent.reports.get(far.id)!.reason!, /20250101-elsewher has finished/);
  await agent.peer.call('changeQueued', { run: far.id, finished: ['20250101-elsewher'] });
  await agent.untilState(far.id, 'finished');
});

test('a queue that is paused starts nothing, and goes on when it is released', async () => {
  const agent = await watching();
  const other = await watching();
  await agent.peer.call('holdQueue', { hold: 'paused' });
  const spec = root.spec(3);
  assert.deepEqual(
    await agent.peer.call('launch', {
      spec,
      environment: {},
      setup: [],
      queue: { priority: 0, after: [], nodes: [] },
    }),
    {
      already: false,
      queued: true,
    },
  );
  await other.until(
    'the reason',
    () => other.reports.get(spec.id)?.reason === 'The queue of this node is paused.',
  );
  await other.until('the hold', () => other.holds[0] === 'paused');
  assert.deepEqual(runners(), []);
  await other.peer.call('holdQueue', { hold: null });
  await agent.untilState(spec.id, 'finished');
});

test('a run that moves away never starts here; one that stays after all does', async () => {
  const agent = await watching();
  await agent.peer.call('holdQueue', { hold: 'draining' });
  const [leaves, stays] = [root.spec(3), root.spec(3)];
  const [move, other] = ['a', 'b'].map((c) => ({ id: c.repeat(16), root: 'root of b' })) as [Move, Move];
  for (const spec of [leaves, stays]) await launch(agent, spec);
  assert.deepEqual(await agent.peer.call('moveQueued', { run: leaves.id, to: 'b', move }), { moving: true });
  assert.deepEqual(await agent.peer.call('moveQueued', { run: stays.id, to: 'b', move }), { moving: true });
  assert.deepEqual(await agent.peer.call('moveQueued', { run: stays.id, to: 'b', move: other }), {
    moving: false,
  });
  assert.deepEqual(await agent.peer.call('moveQueued', { run: stays.id, to: null, move: other }), {
    moving: false,
  });
  assert.deepEqual(await agent.peer.call('moveQueued', { run: stays.id, to: null, move }), { moving: true });
  await agent.peer.call('holdQueue', { hold: null });
  await agent.untilState(stays.id, 'finished');
  await agent.until('the move', () => agent.reports.get(leaves.id)?.queue?.movingTo === 'b');
  assert.deepEqual(agent.reports.get(leaves.id)?.queue?.move, move);
  await assert.rejects(agent.peer.call('delete', { run: leaves.id }), { kind: 'refused' });
  await agent.peer.call('forgetMoved', { run: leaves.id, move: other.id });
  assert.ok(fs.existsSync(root.directory(leaves.id)), 'of another move');
  await agent.peer.call('forgetMoved', { run: leaves.id, move: move.id });
  await agent.until('the end of it', () => agent.gone.has(leaves.id));
  assert.deepEqual(await agent.peer.call('moveQueued', { run: stays.id, to: 'b', move }), { moving: false });
});

test('a damaged place in the queue is told by its run, and the others go on', async () => {
  const agent = await watching();
  await agent.peer.call('holdQueue', { hold: 'paused' });
  const [damaged, sound] = [root.spec(3), root.spec(3)];
  for (const spec of [damaged, sound]) await launch(agent, spec);
  const folder = path.join(root.path, 'queue');
  const [host] = fs.readdirSync(folder);
  fs.writeFileSync(path.join(folder, host!, `${damaged.id}.waiting.json`), '{"schema": 1');
  await agent.peer.call('holdQueue', { hold: null });
  await agent.untilState(sound.id, 'finished');
  await agent.untilState(damaged.id, 'failed');
  assert.equal(agent.reports.get(damaged.id)!.reason, 'Its place in the queue was damaged.');
  await runnersGone();
});

test('what a waiting run will get is kept from others, and a hostile environment reaches no shell', async () => {
  const agent = await watching();
  const first = root.spec(100_000);
  await launch(agent, first);
  await agent.untilState(first.id, 'running');
  const spec = root.spec(3);
  const canary = path.join(root.path, 'canary');
  const hostile = `$(touch ${canary})\n\`touch ${canary}\`"; touch ${canary} #`;
  await agent.peer.call('launch', {
    spec: { ...spec, name: hostile },
    environment: { TOKEN: hostile },
    setup: [': "$TOKEN"'],
    slot: one,
    queue: { priority: 0, after: [], nodes: [] },
  });
  const folder = path.join(root.path, 'queue');
  const [host] = fs.readdirSync(folder);
  const file = path.join(folder, host!, `${spec.id}.waiting.json`);
  assert.equal(fs.statSync(file).mode & 0o077, 0);
  await agent.peer.call('stop', { run: first.id });
  await agent.untilState(spec.id, 'finished');
  assert.ok(!fs.existsSync(canary));
  assert.ok(!fs.existsSync(file));
});

/** Processes that work off the queue of this root. */
function runners(): number[] {
  return queueRunners(root.path);
}

async function runnersGone(): Promise<void> {
  const late = AbortSignal.timeout(60_000);
  while (runners().length > 0) {
    late.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
