import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { BiphaseError } from '../../../src/core/errors.ts';
import type { SpaceItem } from '../../../src/protocol/diskSpace.ts';
import { type AgentProcess, builtMain, TestRoot } from '../../support/agentProcess.ts';

let root: TestRoot;
let agent: AgentProcess;
before(async () => {
  root = new TestRoot();
  agent = root.agent();
  await agent.watch();
});
after(() => root.dispose());

const bare = { environment: {}, setup: [] };
/** In blocks of 512 bytes, as POSIX has it. */
const du = (place: string): number => {
  const environment = { ...process.env, POSIXLY_CORRECT: '1' };
  return Number.parseInt(execFileSync('du', ['-s', place], { encoding: 'utf8', env: environment }), 10) * 512;
};
const place = (run: string, step: number): string =>
  path.join(root.directory(run), `checkpoints/step-${String(step).padStart(6, '0')}`);

async function free(item: SpaceItem, from = agent): Promise<{ bytes: number; problem: string | null }> {
  return (await from.peer.call('freeSpace', { items: [item] })).results[0]!;
}

/** A run that has ended with checkpoints of steps 5 and 10, and what it made of its data in the cache. */
async function stoppedRun(): Promise<string> {
  const spec = root.spec(100_000, { checkpoints: { every: 5, keep: 2 } });
  await agent.peer.call('launch', { spec, ...bare });
  await agent.until('two checkpoints', () => (agent.reports.get(spec.id)?.checkpoints.length ?? 0) >= 2);
  await agent.peer.call('stop', { run: spec.id });
  await agent.untilState(spec.id, 'stopped');
  return spec.id;
}

test('what is listed is what du says, and what is freed is what was listed', async () => {
  const run = await stoppedRun();
  const use = await agent.peer.call('diskUse', { ask: '1' });
  assert.equal(use.bytes, du(root.path));
  assert.ok(use.freeBytes > 0);
  const [listed] = use.runs;
  assert.ok(listed && use.runs.length === 1);
  assert.equal(listed.bytes, du(root.directory(run)));
  assert.equal(listed.checkpointBytes, du(path.join(root.directory(run), 'checkpoints')));
  for (const { step, bytes } of listed.checkpoints) assert.equal(bytes, du(place(run, step)));
  assert.ok(use.cache.length >= 2);
  for (const { entry, bytes } of use.cache) assert.equal(bytes, du(path.join(root.path, 'cache', entry)));
  const old = listed.checkpoints.filter(({ kept }) => kept === null).map(({ step }) => step);
  assert.ok(old.length > 0);
  const freed = await free({ kind: 'checkpoints', run, steps: old, kept: false });
  assert.equal(freed.bytes, listed.checkpointBytes - du(path.join(root.directory(run), 'checkpoints')));
  assert.equal(agent.reports.get(run)?.state, 'stopped');
  await agent.until('the report', () => agent.reports.get(run)?.checkpoints.length === 1);
  const largest = use.cache.toSorted((x, y) => y.bytes - x.bytes)[0]!;
  assert.deepEqual(await free({ kind: 'cache', entry: largest.entry }), {
    bytes: largest.bytes,
    problem: null,
  });
  // What went is made again, and the run goes on from its last checkpoint.
  assert.deepEqual(await agent.peer.call('resume', { run, ...bare }), { segment: 1 });
  await agent.until('a checkpoint more', () => agent.reports.get(run)?.checkpoints.length === 2);
  assert.match((await free({ kind: 'cache', entry: largest.entry })).problem ?? '', /while a run is active/);
  assert.match((await free({ kind: 'run', run })).problem ?? '', /running.*Stop it first/);
  await agent.peer.call('stop', { run });
  await agent.untilState(run, 'stopped');
  assert.equal((await free({ kind: 'run', run })).problem, null);
  await agent.until('gone', () => agent.gone.has(run));
  assert.deepEqual(fs.readdirSync(path.join(root.path, 'runs')), []);
});

/** Both from two agents: at once, in either order, or the second when the first one's wrapper has the lock. */
async function race<A, B>(round: number, run: string, resume: () => Promise<A>, delete_: () => Promise<B>) {
  if (round % 3 === 0) return Promise.allSettled([resume(), delete_()]);
  if (round % 3 === 1) {
    const second = delete_();
    return Promise.allSettled([resume(), second]);
  }
  const first = resume();
  const lock = path.join(root.directory(run), 'locks/segment-1.0.json');
  while (!fs.existsSync(lock)) await nextTurn();
  return Promise.allSettled([first, delete_()]);
}

test('a run that is deleted while it is resumed goes whole or runs', async () => {
  const other = root.agent();
  await other.watch();
  const outcomes = new Set<string>();
  for (let round = 0; round < 6; round++) {
    const run = await stoppedRun();
    const [resumed, freed] = await race(
      round,
      run,
      () => other.peer.call('resume', { run, ...bare }),
      () => free({ kind: 'run', run }),
    );
    assert.equal(freed.status, 'fulfilled');
    const deleted = freed.status === 'fulfilled' && freed.value.problem === null;
    outcomes.add(deleted ? 'deleted' : 'resumed');
    assert.notEqual(deleted, resumed.status === 'fulfilled', `round ${round}: both or none`);
    assert.equal(fs.existsSync(root.directory(run)), !deleted);
    if (deleted) continue;
    await agent.untilState(run, 'running');
    assert.equal(agent.reports.get(run)?.wrapper?.segment, 1);
    await agent.peer.call('kill', { run });
    await agent.untilState(run, 'stopped');
    assert.equal((await free({ kind: 'run', run })).problem, null);
  }
  assert.equal(root.living().length, 0);
  assert.deepEqual([...outcomes].sort(), ['deleted', 'resumed']);
  await other.hangUp();
});

test('a run whose old checkpoints are deleted while it is resumed goes on from its last', async () => {
  const other = root.agent();
  await other.watch();
  for (let round = 0; round < 3; round++) {
    const run = await stoppedRun();
    const { checkpoints } = agent.reports.get(run)!;
    const last = checkpoints.at(-1)!;
    const [resumed] = await race(
      round,
      run,
      () => other.peer.call('resume', { run, ...bare }),
      () => free({ kind: 'checkpoints', run, steps: checkpoints.slice(0, -1), kept: false }),
    );
    if (resumed.status === 'rejected')
      assert.deepEqual(await other.peer.call('resume', { run, ...bare }), { segment: 1 });
    await agent.until('progress', () => (agent.reports.get(run)?.progress?.step ?? 0) > last);
    const events = root.file(run, 'events.jsonl').toString();
    assert.match(events, new RegExp(`"segment":1,"step":${last},[^\\n]*"type":"resume"`));
    await agent.peer.call('kill', { run });
    await agent.untilState(run, 'stopped');
    assert.equal((await free({ kind: 'run', run })).problem, null);
  }
  await other.hangUp();
});

test('other calls are answered while many files are measured, and an interruption ends it', async () => {
  const many = path.join(root.path, 'cache', 'tokens', 'many');
  for (let i = 0; i < 20; i++) {
    fs.mkdirSync(path.join(many, String(i)), { recursive: true });
    for (let j = 0; j < 1000; j++) fs.writeFileSync(path.join(many, String(i), String(j)), '');
  }
  let measured = false;
  const measuring = agent.peer.call('diskUse', { ask: 'all' }).then((use) => {
    measured = true;
    return use;
  });
  await agent.peer.call('list', { path: root.path });
  await agent.peer.call('probe', {});
  assert.equal(measured, false);
  assert.equal((await measuring).bytes, du(root.path));
  const interrupted = agent.peer.call('diskUse', { ask: 'mine' });
  await agent.peer.call('interrupt', { ask: 'mine' });
  await assert.rejects(interrupted, (error: BiphaseError) => error.kind === 'cancelled');
  await agent.peer.call('interrupt', { ask: 'mine' });
  assert.equal((await free({ kind: 'cache', entry: 'tokens/many' })).problem, null);
  assert.equal(fs.existsSync(many), false);
});

test('nothing outside the root can be named', async () => {
  const items: unknown[] = [
    ...['../../etc', '', '20250101-aaaaaaaa/..', '.', '20250101-ABCDEFGH'].map((run) => ({
      kind: 'run',
      run,
    })),
    ...['../x', 'tokens/../..', '/etc/passwd', 'tokens', 'tokens/.hidden', 'a/b/c', 'tokens/x\0', '~/x'].map(
      (entry) => ({ kind: 'cache', entry }),
    ),
    ...['..', '.', '', 'a/b', '.stage', 'x\0'].map((hash) => ({ kind: 'bundle', hash })),
    ...[[-1], [1.5], [], ['5/../..'], [1e20]].map((steps) => ({
      kind: 'checkpoints',
      run: '20250101-aaaaaaaa',
      steps,
      kept: true,
    })),
  ];
  for (const item of items)
    await assert.rejects(
      agent.peer.call('freeSpace', { items: [item as SpaceItem] }),
      /contract/,
      JSON.stringify(item),
    );
});

test('a root that is deleted is gone with its runs, what others put there stays, and the agent ends', async () => {
  const other = new TestRoot();
  try {
    const leaving = other.agent();
    await leaving.watch();
    const { rootId } = await leaving.peer.call('hello', { protocol: 1 });
    const spec = other.spec(100_000);
    await leaving.peer.call('launch', { spec, ...bare });
    await leaving.untilState(spec.id, 'running');
    await assert.rejects(leaving.peer.call('removeRoot', { rootId }), /a run is active there/);
    await leaving.peer.call('stop', { run: spec.id });
    await leaving.untilState(spec.id, 'stopped');
    await assert.rejects(leaving.peer.call('removeRoot', { rootId: 'x' }), /not the folder that was meant/);
    fs.writeFileSync(path.join(other.path, 'thesis.tex'), '');
    const exit = once(leaving.child, 'exit');
    const removing = leaving.peer.call('removeRoot', { rootId });
    await assert.rejects(leaving.peer.call('probe', {}), /being deleted/);
    assert.deepEqual(await removing, { left: ['thesis.tex'] });
    assert.deepEqual(await exit, [0, null]);
    assert.deepEqual(fs.readdirSync(other.path), ['thesis.tex']);
    assert.ok(fs.existsSync(builtMain), 'a link to a bundle is removed, not the bundle');
  } finally {
    await other.dispose();
  }
});
