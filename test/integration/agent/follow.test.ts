import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type AgentProcess, TestRoot } from '../../support/agentProcess.ts';
import { agentKills } from '../../support/counts.ts';

let root: TestRoot;
before(() => {
  root = new TestRoot();
});
after(() => root.dispose());

const bare = { environment: {}, setup: [] };
const metrics = 'metrics.jsonl';

test(`bytes followed across ${agentKills} killed agents are equal to the file`, async () => {
  const spec = root.spec(100_000);
  const key = `${spec.id}/${metrics}`;
  let agent = root.agent();
  await agent.peer.call('launch', { spec, ...bare });
  await agent.follow(spec.id, metrics);
  for (let kill = 1; kill <= agentKills; kill++) {
    // In the middle of whatever it sends after the next lines.
    await agent.untilLines(spec.id, kill * 3);
    await agent.killHard();
    const before = agent.received.get(key);
    agent = root.agent();
    await agent.follow(spec.id, metrics, before);
  }
  await agent.watch();
  assert.equal(agent.reports.get(spec.id)?.state, 'running');
  await agent.peer.call('stop', { run: spec.id });
  await agent.untilState(spec.id, 'stopped');
  const file = root.file(spec.id, metrics);
  await agent.until('the last byte', () => agent.bytes(spec.id, metrics).length >= file.length);
  assert.ok(agent.bytes(spec.id, metrics).equals(file));
  assert.equal(agent.received.get(key)?.resets, 0);
  const steps = file
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { step: number }).step);
  assert.deepEqual(steps, [...new Set(steps)], 'every step once');
});

test('a torn last line travels as it is, and the rest after it', async () => {
  const spec = root.spec(3);
  const agent = root.agent();
  await agent.watch();
  await agent.peer.call('launch', { spec, ...bare });
  await agent.untilState(spec.id, 'finished');
  const file = path.join(root.directory(spec.id), metrics);
  const whole = fs.readFileSync(file);
  fs.appendFileSync(file, '{"segment":0,"st');
  await agent.follow(spec.id, metrics, { bytes: whole, identity: identityOf(file) });
  await agent.until('the torn part', () => agent.bytes(spec.id, metrics).length === whole.length + 16);
  fs.appendFileSync(file, '\n{}\n');
  await agent.until('the rest', () => agent.bytes(spec.id, metrics).equals(fs.readFileSync(file)));
});

test('a file that became shorter, and another file in its place, come again from the start', async () => {
  const spec = root.spec(3);
  const agent = root.agent();
  const key = `${spec.id}/${metrics}`;
  await agent.watch();
  await agent.peer.call('launch', { spec, ...bare });
  await agent.untilState(spec.id, 'finished');
  const file = path.join(root.directory(spec.id), metrics);
  await agent.follow(spec.id, metrics);
  await agent.until('all', () => agent.bytes(spec.id, metrics).equals(fs.readFileSync(file)));
  fs.truncateSync(file, 10);
  await agent.until('the short file', () => agent.bytes(spec.id, metrics).equals(fs.readFileSync(file)));
  assert.equal(agent.received.get(key)?.resets, 1);
  fs.writeFileSync(`${file}.other`, 'another file, longer than the one before\n');
  fs.renameSync(`${file}.other`, file);
  await agent.until('the other file', () => agent.bytes(spec.id, metrics).equals(fs.readFileSync(file)));
  assert.equal(agent.received.get(key)?.resets, 2);
});

test('a cursor beyond the end of a file starts over', async () => {
  const spec = root.spec(3);
  const agent = root.agent();
  await agent.watch();
  await agent.peer.call('launch', { spec, ...bare });
  await agent.untilState(spec.id, 'finished');
  const file = root.file(spec.id, metrics);
  await agent.follow(spec.id, metrics, { bytes: Buffer.alloc(file.length + 1), identity: '0:0' });
  await agent.until('the file', () => agent.bytes(spec.id, metrics).equals(file));
});

test('a run directory removed underneath is gone; the agent serves on, and nothing brings it back', async () => {
  const spec = root.spec(100_000);
  const agent = root.agent();
  await agent.watch();
  await agent.peer.call('launch', { spec, ...bare });
  await agent.follow(spec.id, metrics);
  await agent.untilLines(spec.id, 3);
  const { trainer, wrapper } = root.state(spec.id);
  fs.renameSync(root.directory(spec.id), path.join(root.path, 'elsewhere'));
  await agent.until('gone', () => agent.gone.has(spec.id));
  assert.equal(fs.existsSync(root.directory(spec.id)), false);
  const next = root.spec(3);
  await agent.peer.call('launch', { spec: next, ...bare });
  await agent.untilState(next.id, 'finished');
  endGroup(trainer.pid);
  await waitForEnd(wrapper.pid);
  assert.equal(fs.existsSync(root.directory(spec.id)), false, 'nothing brings it back');
});

test('the agent ends with the last answer when its input closes', async () => {
  const agent = root.agent();
  const spec = root.spec(3);
  const launched = agent.peer.call('launch', { spec, ...bare });
  assert.equal(await agent.hangUp(), 0);
  assert.deepEqual(await launched, { already: false });
});

test('an agent whose reader is stuck holds little, and sends all when it reads again', async () => {
  const spec = root.spec(3);
  let agent: AgentProcess = root.agent();
  await agent.watch();
  await agent.peer.call('launch', { spec, ...bare });
  await agent.untilState(spec.id, 'finished');
  await agent.hangUp();
  const file = path.join(root.directory(spec.id), metrics);
  fs.writeFileSync(file, Buffer.alloc(48 << 20, 'a line of no meaning\n'));
  agent = root.agent();
  await agent.peer.call('hello', { protocol: 1 });
  const before = residentBytes(agent.child.pid!);
  agent.child.stdout!.pause();
  const followed = agent.follow(spec.id, metrics);
  await stuck(agent);
  assert.ok(residentBytes(agent.child.pid!) - before < 24 << 20);
  agent.child.stdout!.resume();
  await followed;
  await agent.until('all of it', () => agent.received.get(`${spec.id}/${metrics}`)?.length === 48 << 20);
  assert.ok(agent.bytes(spec.id, metrics).equals(fs.readFileSync(file)));
});

/** A trainer whose directory is gone may have ended by itself. */
function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown;
  }
}

function identityOf(file: string): string {
  const { dev, ino } = fs.statSync(file, { bigint: true });
  return `${dev}:${ino}`;
}

function residentBytes(pid: number): number {
  return Number(fs.readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
}

/** Waits until the agent has stopped reading: its count of read bytes stands still. */
async function stuck(agent: AgentProcess): Promise<void> {
  const read = (): string => /rchar: (\d+)/.exec(fs.readFileSync(`/proc/${agent.child.pid}/io`, 'utf8'))![1]!;
  for (let last = ''; last !== read(); ) {
    last = read();
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

async function waitForEnd(pid: number): Promise<void> {
  while (fs.existsSync(`/proc/${pid}`)) await new Promise((resolve) => setTimeout(resolve, 20));
}
