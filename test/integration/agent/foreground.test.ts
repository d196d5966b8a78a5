import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import type { BiphaseError } from '../../../src/core/errors.ts';
import { runFiles } from '../../../src/protocol/runDirectory.ts';
import { type AgentProcess, builtMain, TestRoot } from '../../support/agentProcess.ts';

let root: TestRoot;
let agent: AgentProcess;
before(async () => {
  root = new TestRoot();
  fs.mkdirSync(path.join(root.path, 'runs'));
  agent = root.agent();
  await agent.watch();
});
after(() => root.dispose());

const bare = { environment: {}, setup: [] };

interface Foreground {
  id: string;
  child: ChildProcess;
  ended: Promise<{ code: number | null; said: string }>;
}

/** `biphase pretrain`, as a person starts it; FILE is left out where the run stands already. */
function pretrain(id: string, ...given: string[]): Foreground {
  const child = spawn(process.execPath, [builtMain, 'pretrain', ...given, '--run-dir', root.directory(id)], {
    stdio: ['ignore', 'ignore', 'pipe'],
    // No group of its own, as under npx or in a script.
    detached: false,
  });
  const said = text(child.stderr!);
  const ended = once(child, 'exit').then(async ([code]) => ({
    code: code as number | null,
    said: await said,
  }));
  return { id, child, ended };
}

function begin(steps: number, changes: Record<string, unknown> = {}): Foreground {
  const { id, file } = root.spec(steps, changes);
  const written = path.join(root.path, `${id}.json`);
  fs.writeFileSync(written, JSON.stringify(file));
  return pretrain(id, written);
}

async function running(): Promise<Foreground> {
  const run = begin(100_000);
  await agent.untilState(run.id, 'running');
  return run;
}

test('a run in the foreground is running, then finished', async () => {
  const run = begin(300);
  await agent.untilState(run.id, 'running');
  assert.equal(root.state(run.id).trainer.pid, run.child.pid);
  await agent.untilState(run.id, 'finished');
  assert.equal((await run.ended).code, 0);
  assert.equal(agent.reports.get(run.id)?.reason, undefined);
});

test('while it trains nobody starts it a second time', async () => {
  const run = await running();
  await assert.rejects(
    agent.peer.call('resume', { run: run.id, ...bare }),
    (error: BiphaseError) => error.kind === 'refused' && error.message.includes('running'),
  );
  await assert.rejects(agent.peer.call('delete', { run: run.id }), /running/);
  const second = await pretrain(run.id, '--resume').ended;
  assert.equal(second.code, 1);
  assert.match(second.said, new RegExp(`is running as process ${run.child.pid}`));
  assert.equal(agent.reports.get(run.id)?.state, 'running');
  await agent.peer.call('stop', { run: run.id });
  assert.equal((await run.ended).code, 3);
  await agent.untilState(run.id, 'stopped');
});

test('a stopped one resumes on the node, and in the foreground again', async () => {
  const run = await running();
  run.child.kill('SIGINT');
  await agent.untilState(run.id, 'stopped');
  await run.ended;
  assert.deepEqual(await agent.peer.call('resume', { run: run.id, ...bare }), { segment: 1 });
  await agent.untilState(run.id, 'running');
  assert.match((await pretrain(run.id, '--resume').ended).said, /is running as process/);
  await agent.peer.call('stop', { run: run.id });
  await agent.untilState(run.id, 'stopped');
  const again = pretrain(run.id, '--resume');
  await agent.untilState(run.id, 'running');
  assert.equal(root.state(run.id).segment, 2);
  await agent.peer.call('stop', { run: run.id });
  assert.equal((await again.ended).code, 3);
  await agent.untilState(run.id, 'stopped');
});

test('one that fails before its first step is failed, with the sentence', async () => {
  const run = begin(3, { from: { checkpoint: path.join(root.path, 'nowhere') } });
  const { code, said } = await run.ended;
  assert.notEqual(code, 0);
  await agent.untilState(run.id, 'failed');
  const reason = agent.reports.get(run.id)?.reason ?? '';
  assert.match(reason, /nowhere/);
  assert.ok(said.includes(reason), said);
});

test('one whose own spec cannot be is failed, with the sentence', async () => {
  const spec = root.spec(3, { phases: [{ objective: 'clm', untli: 3 }] });
  fs.mkdirSync(root.directory(spec.id));
  fs.writeFileSync(path.join(root.directory(spec.id), runFiles.spec), JSON.stringify(spec));
  assert.equal((await pretrain(spec.id).ended).code, 2);
  await agent.untilState(spec.id, 'failed');
  assert.match(agent.reports.get(spec.id)?.reason ?? '', /untli/);
});

test('starting a finished one again without --resume changes nothing', async () => {
  const run = begin(3);
  await run.ended;
  await agent.untilState(run.id, 'finished');
  const before = root.file(run.id, runFiles.exit);
  const again = await pretrain(run.id).ended;
  assert.equal(again.code, 2);
  assert.match(again.said, /begun already/);
  assert.deepEqual(root.file(run.id, runFiles.exit), before);
  assert.equal(root.state(run.id).segment, 0);
});

test('a killed one is lost until it is resumed', async () => {
  const run = await running();
  run.child.kill('SIGKILL');
  await agent.untilState(run.id, 'lost');
  assert.deepEqual(await agent.peer.call('resume', { run: run.id, ...bare }), { segment: 1 });
  await agent.untilState(run.id, 'running');
  await agent.peer.call('kill', { run: run.id });
  await agent.untilState(run.id, 'stopped');
});

test('a kill from the node reaches one that leads no process group, and is told as such', async () => {
  const run = await running();
  assert.deepEqual(await agent.peer.call('kill', { run: run.id }), { signalled: true });
  await agent.untilState(run.id, 'stopped');
  assert.equal(agent.reports.get(run.id)?.reason, 'It was killed on request.');
  await run.ended;
});
