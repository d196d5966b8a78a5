import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ControlClient, connectControl } from '../../../src/control/client/controlClient.ts';
import { ControlConnection } from '../../../src/control/client/controlConnection.ts';
import { isActive } from '../../../src/core/runState.ts';
import { decodeSeries } from '../../../src/core/seriesBytes.ts';
import type { RunSummary, SeriesHeader } from '../../../src/protocol/controlApi.ts';
import type { MetricLine } from '../../../src/protocol/runDirectory.ts';
import { controlOptions } from '../../support/controlWindow.ts';
import { controlKills } from '../../support/counts.ts';
import {
  makePrivateHome,
  type PrivateHome,
  processesOf,
  removePrivateHome,
} from '../../support/privateHome.ts';
import { smallRun } from '../../support/smallRun.ts';
import { until } from '../../support/until.ts';

const skip = process.platform === 'linux' ? false : 'finds processes through /proc';
const local = 'this computer';
let person: PrivateHome;
let state: string;
const open: { dispose(): void }[] = [];

before(() => {
  person = makePrivateHome();
  state = path.join(person.folder, 's');
});

after(async () => {
  for (const client of open) client.dispose();
  await removePrivateHome(person);
});

function options(client: 'window' | 'cli', version = '0.1.0') {
  return controlOptions(person, { stateFolder: state, client, version });
}

async function join(client: 'window' | 'cli' = 'window', version?: string): Promise<ControlClient> {
  const joined = await connectControl(options(client, version));
  open.push(joined);
  return joined;
}

function controls(): number[] {
  return processesOf(person)
    .filter(({ command }) => command.includes('control.mjs'))
    .map(({ pid }) => pid);
}

/** (segment, step) → loss as the node's file has it; whole lines only. */
function fileLosses(run: string): Map<string, number> {
  const text = fs.readFileSync(path.join(person.home, '.biphase/runs', run, 'metrics.jsonl'), 'utf8');
  const losses = new Map<string, number>();
  for (const line of text.slice(0, text.lastIndexOf('\n')).split('\n')) {
    const { segment, step, metrics } = JSON.parse(line) as MetricLine;
    if (metrics.loss !== undefined) losses.set(`${segment}/${step}`, Number(metrics.loss));
  }
  return losses;
}

/** Steps of a range that is answered without thinning. */
const rangeSteps = 4 * 16_384;

async function seriesOf(
  client: Pick<ControlClient, 'callWithBytes'>,
  run: string,
  from: number,
  pixels: number,
): Promise<{ value: SeriesHeader; binary?: Uint8Array | undefined }> {
  const range = { from, to: from + rangeSteps - 1 };
  const request = { run, metric: 'loss', x: 'step' as const, ...range, pixels, smoothing: null };
  return client.callWithBytes('series', request);
}

/** (segment, step) → loss of every point that control has. */
async function storedLosses(
  client: Pick<ControlClient, 'callWithBytes'>,
  run: string,
): Promise<Map<string, number>> {
  const losses = new Map<string, number>();
  for (let from = 0; ; from += rangeSteps) {
    const { value, binary } = await seriesOf(client, run, from, rangeSteps / 4);
    if (value.points === 0) return losses;
    const { segment, step, y } = decodeSeries(Uint8Array.from(binary ?? []).buffer, value.points);
    assert.equal(value.bucket, 1);
    for (let i = 0; i < value.points; i++) {
      const key = `${segment[i]}/${step[i]}`;
      assert.ok(!losses.has(key), `${key} once`);
      losses.set(key, y[i]!);
    }
  }
}

async function summaryOf(client: Pick<ControlClient, 'call'>, run: string): Promise<RunSummary | undefined> {
  return (await client.call('runs', {})).runs.find((candidate) => candidate.run === run);
}

function sameAsFile(run: string, stored: Map<string, number>): void {
  assert.deepEqual([...stored].sort(), [...fileLosses(run)].sort());
}

test('eight clients at once start one control, private to its user', { skip }, async () => {
  const clients = await Promise.all(Array.from({ length: 8 }, () => join()));
  assert.equal(new Set(clients.map((client) => client.pid)).size, 1);
  await until('the losers of the race end', async () => controls().length === 1);
  assert.equal(fs.statSync(state).mode & 0o777, 0o700);
  for (const name of fs.readdirSync(state))
    assert.equal(fs.statSync(path.join(state, name)).mode & 0o077, 0, name);
  for (const client of clients) client.dispose();
});

test('a check says what will run, and a mistake is one sentence', { skip }, async () => {
  const client = await join('cli');
  const check = await client.call('checkLaunch', { file: smallRun(10), node: local });
  assert.equal(check.steps, 10);
  assert.ok(check.plannedBytes > 0);
  const lost = { ...smallRun(10), data: { ...smallRun(10).data, source: '/no/such/place' } };
  await client.call('testNode', { name: local });
  const { fits, sentences } = await client.call('checkLaunch', { file: lost, node: local });
  assert.equal(fits, false);
  assert.ok(
    sentences.some((each) => each.startsWith(`${local} has no /no/such/place.`)),
    sentences.join(' '),
  );
  const wrong = { ...smallRun(10), bacth: {} };
  await assert.rejects(client.call('checkLaunch', { file: wrong, node: local }), {
    kind: 'usage',
    message: /bacth.*Did you mean "batch"/,
  });
  await assert.rejects(
    client.call('launch', { file: smallRun(5), node: 'nowhere', run: '20260101-nowhere0' }),
    {
      kind: 'missing',
    },
  );
});

test('two windows see each point of a run once, as in the file', { skip }, async () => {
  const run = '20260101-twowindo';
  const seen = [];
  for (const client of [await join(), await join()]) {
    const points: string[] = [];
    let version: number | undefined;
    client.on('points', (data, binary) => {
      const columns = decodeSeries(Uint8Array.from(binary ?? []).buffer, data.points);
      if (version !== undefined) assert.equal(data.follows, version);
      version = data.version;
      for (let i = 0; i < data.points; i++) points.push(`${columns.segment[i]}/${columns.step[i]}`);
    });
    await client.call('subscribe', { series: [{ run, metric: 'loss' }] });
    seen.push({ client, points });
  }
  const [{ client }] = seen as [(typeof seen)[0]];
  assert.deepEqual(await client.call('launch', { file: smallRun(200), node: local, run }), {
    already: false,
  });
  assert.deepEqual(await client.call('launch', { file: smallRun(200), node: local, run }), { already: true });
  await until('the run finishes', async () => (await summaryOf(client, run))?.state === 'finished');
  await until(
    'all points are here',
    async () => (await storedLosses(client, run)).size === fileLosses(run).size,
  );
  sameAsFile(run, await storedLosses(client, run));
  for (const { points } of seen) assert.deepEqual(points, [...fileLosses(run).keys()]);
  const summary = await summaryOf(client, run);
  assert.equal(summary?.step, 200);
  assert.ok(summary?.metrics.includes('loss'));
  assert.ok((await client.call('runEvents', { run })).events.some(({ type }) => type === 'finish'));
  assert.deepEqual((await client.call('runFile', { run })).file, smallRun(200));
});

test('a run outlives control, which is killed again and again, and no point is lost or doubled', {
  skip,
}, async () => {
  const run = '20260101-outlives';
  const window = new ControlConnection(options('window'));
  open.push(window);
  // Steps of some milliseconds: it must outlive all kills, and its points are read after each.
  const file = smallRun(1_000_000, { batch: { samples: 32 } });
  await window.call('launch', { file, node: local, run });
  let before = 0;
  for (let kill = 0; kill < controlKills; kill++) {
    before = await until('more points', async () => {
      const stored = (await storedLosses(window, run)).size;
      return stored > before && stored;
    });
    await sleep(Math.random() * 150);
    const [pid] = controls();
    process.kill(pid!, 'SIGKILL');
  }
  const alive = await until('the run is shown again', async () => {
    const summary = await summaryOf(window, run);
    return summary?.connected && summary;
  });
  assert.ok(isActive(alive.state));
  await window.call('stop', { run });
  await until('the run stops', async () => (await summaryOf(window, run))?.state === 'stopped');
  await until(
    'all points are here',
    async () => (await storedLosses(window, run)).size === fileLosses(run).size,
  );
  sameAsFile(run, await storedLosses(window, run));
  assert.ok(before > 0);
  assert.equal((await summaryOf(window, run))?.unreadableLines, 0);
  // It would start control again in the tests that follow.
  window.dispose();
});

test('the store is filled again after its file was deleted', { skip }, async () => {
  const run = '20260101-twowindo';
  const first = await join();
  await first.call('shutdown', {});
  await first.closed;
  await until('control ends', async () => controls().length === 0);
  assert.doesNotMatch(fs.readFileSync(path.join(state, 'control.log'), 'utf8'), /ended by an error/);
  for (const suffix of ['', '-wal', '-shm'])
    fs.rmSync(path.join(state, `cache.db${suffix}`), { force: true });
  const second = await join();
  assert.deepEqual((await second.call('runs', {})).runs, []);
  await second.call('testNode', { name: local });
  await until(
    'all points are here',
    async () => (await storedLosses(second, run)).size === fileLosses(run).size,
  );
  sameAsFile(run, await storedLosses(second, run));
});

test('a run that was deleted on the node is gone from every window', { skip }, async () => {
  const [client, other] = [await join(), await join()];
  const run = '20260101-twowindo';
  await client.call('testNode', { name: local });
  const removed = new Promise<void>((resolve) => {
    other.on('runs', (change) => {
      if (change.removed.includes(run)) resolve();
    });
  });
  await client.call('deleteRun', { run, onNode: true });
  await removed;
  assert.equal(fs.existsSync(path.join(person.home, '.biphase/runs', run)), false);
  assert.equal(await summaryOf(client, run), undefined);
});
