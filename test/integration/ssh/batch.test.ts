import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { ControlConnection } from '../../../src/control/client/controlConnection.ts';
import { newRunId } from '../../../src/core/newRunId.ts';
import type { NodeSummary, RunSummary } from '../../../src/protocol/controlApi.ts';
import { openWindow } from '../../support/controlWindow.ts';
import { batchRuns } from '../../support/counts.ts';
import {
  makePrivateHome,
  type PrivateHome,
  processesOf,
  removePrivateHome,
} from '../../support/privateHome.ts';
import { smallRun } from '../../support/smallRun.ts';
import { sshdPath } from '../../support/sshd.ts';
import { type SshNode, startSshNode } from '../../support/sshNode.ts';
import { until } from '../../support/until.ts';

const skip = sshdPath() && process.platform === 'linux' ? false : 'needs sshd on Linux';
const names = ['atlas', 'boreas'] as const;
/** For a whole batch. */
const patience = 900_000;

let person: PrivateHome;
let nodes: SshNode[];
let window: ControlConnection;

before(async () => {
  if (skip) return;
  person = makePrivateHome({ BIPHASE_CLOCK: '0.2' });
  nodes = [await startSshNode(person, { host: 'atlas' }), await startSshNode(person, { host: 'boreas' })];
  window = await openWindow(person);
  for (const name of names)
    await window.call('addNode', { config: { name, kind: 'ssh', host: name, slots: 2 } });
});

after(async () => {
  window?.dispose();
  for (const node of nodes ?? []) await node.sshd.stop();
  if (person) await removePrivateHome(person);
});

/** Where a run's directory is, and how often a trainer began in it, over both nodes. */
function placesOf(run: string): { root: string; starts: number }[] {
  return nodes.flatMap(({ root }) => {
    const events = path.join(root, 'runs', run, 'events.jsonl');
    if (!fs.existsSync(path.join(root, 'runs', run))) return [];
    const text = fs.existsSync(events) ? fs.readFileSync(events, 'utf8') : '';
    return [{ root, starts: text.split('\n').filter((line) => /"type":"(start|resume)"/.test(line)).length }];
  });
}

function finishedCode(run: string): number | null {
  for (const { root } of placesOf(run)) {
    const file = path.join(root, 'runs', run, 'exit.json');
    if (fs.existsSync(file)) return (JSON.parse(fs.readFileSync(file, 'utf8')) as { code: number }).code;
  }
  return null;
}

async function summaries(): Promise<Map<string, RunSummary>> {
  const { runs } = await window.call('runs', {});
  return new Map(runs.map((run) => [run.run, run]));
}

async function node(name: string): Promise<NodeSummary> {
  return (await window.call('nodes', {})).nodes.find(({ config }) => config.name === name)!;
}

test('a batch goes through the queues of two nodes while nobody is there, and each run ran exactly once', {
  skip,
}, async () => {
  const runs = Array.from({ length: batchRuns }, () => ({ run: newRunId(), file: smallRun(3) }));
  const failed = await window.call('launchBatch', { runs, nodes: [...names] });
  assert.deepEqual(failed, { failed: [] });
  assert.deepEqual(
    await window.call('launchBatch', { runs, nodes: [...names] }),
    { failed: [] },
    'sent twice',
  );
  await until('a first end', () => runs.some(({ run }) => finishedCode(run) !== null));
  window.dispose();
  for (const { pid, command } of processesOf(person))
    if (command.includes('control.mjs')) process.kill(pid, 'SIGKILL');
  const left = runs.filter(({ run }) => finishedCode(run) === null).length;
  assert.ok(left > 0, 'it was in the middle');
  await until('every end', () => runs.every(({ run }) => finishedCode(run) !== null), patience);
  for (const { run } of runs) {
    const places = placesOf(run);
    assert.equal(places.length, 1, `${run} is in one place`);
    assert.equal(places[0]!.starts, 1, `${run} began once`);
    assert.equal(finishedCode(run), 0);
  }
  const perNode = nodes.map(({ root }) => runs.filter(({ run }) => placesOf(run)[0]!.root === root).length);
  assert.ok(
    perNode.every((count) => count > 0),
    `both nodes took part: ${perNode.join(', ')}`,
  );
  window = await openWindow(person);
  for (const name of names) await window.call('reconnectNode', { name });
  await until('all to be known', async () => {
    const known = await summaries();
    return runs.every(({ run }) => known.get(run)?.state === 'finished');
  });
  process.stdout.write(
    `batch: ${runs.length} runs, ${perNode.join(' + ')}, each began once; ${left} were left when everybody had gone\n`,
  );
});

test('waiting runs move to a node that has nothing to do, and only those that may', { skip }, async () => {
  const [atlas, boreas] = nodes as [SshNode, SshNode];
  await window.call('holdQueue', { node: 'boreas', hold: 'paused' });
  const long = [newRunId(), newRunId()];
  for (const run of long) await window.call('launch', { file: smallRun(1_000_000), node: 'atlas', run });
  await until('both to run', async () => {
    const known = await summaries();
    return long.every((run) => known.get(run)?.state === 'running');
  });
  const stays = newRunId();
  await window.call('launch', { file: smallRun(3), node: 'atlas', run: stays, priority: 9 });
  const runs = Array.from({ length: 4 }, () => ({ run: newRunId(), file: smallRun(3) }));
  await window.call('launchBatch', { runs, nodes: [...names] });
  await until('all to wait', async () => {
    const known = await summaries();
    return [...runs.map(({ run }) => run), stays].every((run) => known.get(run)?.state === 'queued');
  });
  assert.equal((await node('atlas')).waitingRuns, 5);
  assert.equal((await node('boreas')).hold, 'paused');
  for (const { run } of runs) assert.deepEqual(placesOf(run), [{ root: atlas.root, starts: 0 }]);
  await window.call('holdQueue', { node: 'boreas', hold: null });
  await until('them to run there', () => runs.every(({ run }) => finishedCode(run) === 0), patience);
  for (const { run } of runs) {
    await until('one place', () => placesOf(run).length === 1);
    assert.deepEqual(placesOf(run), [{ root: boreas.root, starts: 1 }]);
    const known = (await summaries()).get(run)!;
    assert.deepEqual([known.node, known.onNode], ['boreas', true]);
  }
  assert.equal((await summaries()).get(stays)!.state, 'queued');
  for (const run of long) await window.call('stop', { run });
  await until('it to run', () => finishedCode(stays) === 0);
  assert.equal(placesOf(stays)[0]!.root, atlas.root);
});

test('a run waits for one of another node; a priority is changed while it waits', { skip }, async () => {
  const [parent, child, other] = [newRunId(), newRunId(), newRunId()];
  await window.call('launch', { file: smallRun(100_000), node: 'atlas', run: parent });
  await window.call('launch', { file: smallRun(3), node: 'boreas', run: child, after: [parent] });
  const known = async (run: string): Promise<RunSummary | undefined> => (await summaries()).get(run);
  await until('it to wait', async () => (await known(child))?.reason !== undefined);
  assert.match((await known(child))!.reason!, new RegExp(`${parent} has finished`));
  await window.call('setPriority', { run: child, priority: 7 });
  await until('the priority', async () => (await known(child))?.queue?.priority === 7);
  await window.call('stop', { run: parent });
  await until('its end', async () => (await known(parent))?.state === 'stopped');
  assert.equal((await known(child))?.state, 'queued', 'a stopped run has not finished');
  await window.call('launch', { file: smallRun(3), node: 'atlas', run: other });
  await window.call('stop', { run: child });
  await until('its end', async () => (await known(child))?.state === 'stopped');
  const [last, next] = [newRunId(), newRunId()];
  await window.call('launch', { file: smallRun(30), node: 'atlas', run: last });
  await window.call('launch', { file: smallRun(3), node: 'boreas', run: next, after: [last] });
  await until('both ends', async () => (await known(next))?.state === 'finished');
  assert.equal((await known(last))?.state, 'finished');
});
