import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { NodeManager } from '../../../src/control/nodes/nodeManager.ts';
import { QueueKeeper } from '../../../src/control/runs/queueKeeper.ts';
import { RunCatalog } from '../../../src/control/runs/runCatalog.ts';
import { CacheStore } from '../../../src/control/store/cacheStore.ts';
import type { RunReport } from '../../../src/protocol/agentApi.ts';
import type { Spec } from '../../../src/protocol/runDirectory.ts';

const run = '20260101-aaaaaaaa';
const spec: Spec = { schema: 1, id: run, name: 'x', kind: 'pretrain', createdAt: 1, bundle: 'own', file: {} };

const queued = (movingTo: string | null): RunReport => ({
  run,
  state: 'queued',
  spec,
  wrapper: null,
  progress: null,
  exit: null,
  checkpoints: [],
  lastEvent: null,
  queue: { priority: 0, submittedAt: 1, after: [], nodes: ['atlas', 'boreas', 'login'], movingTo },
});

let folder: string;
let store: CacheStore;
let catalog: RunCatalog;
beforeEach(() => {
  process.env.BIPHASE_CLOCK = '0.001';
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-keeper-'));
  store = new CacheStore(path.join(folder, 'cache.db'));
  catalog = new RunCatalog(
    store,
    () => {},
    () => {},
  );
});
afterEach(() => {
  catalog.close();
  store.close();
  fs.rmSync(folder, { recursive: true });
});

/** Nodes by the id of their root; what their agents are asked, in order. */
function keeperOf(roots: Record<string, string>) {
  const calls: string[] = [];
  let asked = (): void => {};
  const nodes = Object.entries(roots).map(([name, rootId]) => ({
    config: { name, kind: 'ssh', slots: 1 },
    probe: null,
    hold: null,
    link: {
      open: true,
      hello: { rootId, bundle: 'own' },
      call: async (method: string, params: { to?: string | null }): Promise<unknown> => {
        calls.push(`${name} ${method}${params.to === undefined ? '' : ` ${params.to}`}`);
        asked();
        return { moving: true, already: false, queued: true };
      },
    },
  }));
  const manager = {
    all: () => nodes,
    has: (name: string) => name in roots,
    get: (name: string) => nodes.find(({ config }) => config.name === name),
  } as unknown as NodeManager;
  const keeper = new QueueKeeper(manager, catalog, () => {});
  const shows = (name: string, report: RunReport): void => {
    keeper.report(name, roots[name]!, report);
    catalog.report(name, roots[name]!, report);
  };
  const until = async (condition: () => boolean): Promise<void> => {
    // The keeper's own timers let a process end.
    const alive = setInterval(() => {}, 60_000);
    while (!condition())
      await new Promise<void>((resolve) => {
        asked = resolve;
      });
    clearInterval(alive);
  };
  return { keeper, calls, shows, until };
}

test('a run that leaves a root which two nodes show is deleted there only after it was launched where it goes', async () => {
  const { keeper, calls, shows, until } = keeperOf({ atlas: 'shared', login: 'shared', boreas: 'other' });
  // The second one of the root gets the word, since the run leaves; it has arrived nowhere yet.
  shows('atlas', queued('boreas'));
  shows('login', queued('boreas'));
  assert.equal(catalog.get(run)?.node, 'login');
  keeper.look();
  await until(() => calls.includes('atlas delete'));
  keeper.close();
  assert.ok(calls.indexOf('boreas launch') >= 0, calls.join(', '));
  assert.ok(calls.indexOf('boreas launch') < calls.indexOf('atlas delete'), calls.join(', '));
});

test('a run is not moved to a node of the same root: it stays', async () => {
  const { keeper, calls, shows, until } = keeperOf({ atlas: 'shared', login: 'shared' });
  shows('atlas', queued('login'));
  shows('login', queued('login'));
  keeper.look();
  await until(() => calls.includes('atlas moveQueued null'));
  keeper.close();
  assert.deepEqual(
    calls.filter((call) => /launch|delete/.test(call)),
    [],
  );
});

test('a run that has arrived under another root is deleted where it came from', async () => {
  const { keeper, calls, shows, until } = keeperOf({ atlas: 'a', boreas: 'b' });
  shows('atlas', queued('boreas'));
  shows('boreas', queued(null));
  keeper.look();
  await until(() => calls.length > 0);
  keeper.close();
  assert.deepEqual(calls, ['atlas delete']);
});

test('what a node told before its connection was lost is not acted on after it has come back', async () => {
  const { keeper, calls, shows, until } = keeperOf({ atlas: 'a', boreas: 'b', login: 'c' });
  shows('atlas', queued('boreas'));
  keeper.disconnected('atlas');
  catalog.remove(run);
  const other = { ...queued('boreas'), run: '20260101-bbbbbbbb' };
  shows('login', other);
  keeper.look();
  await until(() => calls.includes('login delete'));
  keeper.close();
  assert.deepEqual(
    calls.filter((call) => call.startsWith('atlas')),
    [],
  );
});

test('a job that Slurm holds is told that a run of another root has finished', async () => {
  const { keeper, calls, shows, until } = keeperOf({ atlas: 'a', login: 'c' });
  const { queue: _queue, ...rest } = queued(null);
  const parent = '20260101-bbbbbbbb';
  shows('login', { ...rest, heldFor: [parent] });
  shows('atlas', { ...rest, run: parent, state: 'running' });
  keeper.look();
  shows('atlas', { ...rest, run: parent, state: 'finished' });
  keeper.look();
  await until(() => calls.length > 0);
  keeper.close();
  assert.deepEqual(calls, ['login changeQueued']);
});
