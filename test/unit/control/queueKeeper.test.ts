import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { NodeManager } from '../../../src/control/nodes/nodeManager.ts';
import { QueueKeeper } from '../../../src/control/runs/queueKeeper.ts';
import { RunCatalog } from '../../../src/control/runs/runCatalog.ts';
import { CacheStore } from '../../../src/control/store/cacheStore.ts';
import { BiphaseError } from '../../../src/core/errors.ts';
import type { RunReport } from '../../../src/protocol/agentApi.ts';
import type { Move } from '../../../src/protocol/queue.ts';
import type { Spec } from '../../../src/protocol/runDirectory.ts';

const run = '20260101-aaaaaaaa';
const spec: Spec = { schema: 1, id: run, name: 'x', kind: 'pretrain', createdAt: 1, bundle: 'own', file: {} };
const moveTo = (root: string): Move => ({ id: 'a'.repeat(16), root });

const queued = (movingTo: string | null, move: Move | null = null): RunReport => ({
  run,
  state: 'queued',
  spec,
  wrapper: null,
  progress: null,
  exit: null,
  checkpoints: [],
  lastEvent: null,
  queue: { priority: 0, submittedAt: 1, after: [], nodes: ['atlas', 'boreas', 'login'], movingTo, move },
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

type Answer = (method: string, params: { to?: string | null }) => unknown;

/** Nodes by the id of their root; what their agents are asked, in order. `answer`: what one says instead of yes. */
function keeperOf(roots: Record<string, string>, answer: Record<string, Answer> = {}) {
  const calls: string[] = [];
  const log: string[] = [];
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
        const yes = { moving: true, already: false, queued: true, stopped: false, arrived: false };
        return answer[name]?.(method, params) ?? yes;
      },
    },
  }));
  const manager = {
    all: () => nodes,
    has: (name: string) => name in roots,
    get: (name: string) => nodes.find(({ config }) => config.name === name),
  } as unknown as NodeManager;
  const keeper = new QueueKeeper(manager, catalog, (line) => {
    log.push(line);
    asked();
  });
  const shows = (name: string, report: RunReport): void => {
    keeper.moves.report(name, roots[name]!, report);
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
  return { keeper, calls, log, shows, until };
}

test('a run that leaves a root which two nodes show is deleted there only after it was launched where it goes', async () => {
  const { keeper, calls, shows, until } = keeperOf({ atlas: 'shared', login: 'shared', boreas: 'other' });
  // The second one of the root gets the word, since the run leaves; it has arrived nowhere yet.
  shows('atlas', queued('boreas', moveTo('other')));
  shows('login', queued('boreas', moveTo('other')));
  assert.equal(catalog.get(run)?.node, 'login');
  keeper.look();
  await until(() => calls.includes('atlas forgetMoved'));
  keeper.close();
  assert.ok(calls.indexOf('boreas launch') >= 0, calls.join(', '));
  assert.ok(calls.indexOf('boreas launch') < calls.indexOf('atlas forgetMoved'), calls.join(', '));
});

test('a run is not moved to a node of the same root: it stays', async () => {
  const { keeper, calls, shows, until } = keeperOf({ atlas: 'shared', login: 'shared' });
  shows('atlas', queued('login'));
  shows('login', queued('login'));
  keeper.look();
  await until(() => calls.includes('atlas moveQueued null'));
  keeper.close();
  assert.deepEqual(
    calls.filter((call) => /launch|forgetMoved/.test(call)),
    [],
  );
});

test('where a run is shown says nothing of its arrival: it is launched again before it is deleted where it came from', async () => {
  const { keeper, calls, shows, until } = keeperOf({ atlas: 'a', boreas: 'b' });
  shows('atlas', queued('boreas', moveTo('b')));
  // The agent there died when it had made the directory.
  const { queue: _, ...claimed } = queued(null);
  shows('boreas', { ...claimed, state: 'starting' });
  keeper.look();
  await until(() => calls.includes('boreas settleMove'));
  keeper.close();
  assert.deepEqual(calls, ['boreas launch', 'atlas forgetMoved', 'boreas settleMove']);
});

test('a run that the other node refuses goes back to waiting, the log says why, and it is not sent there again', async () => {
  const refuses: Answer = (method) => {
    if (method === 'launch') throw new BiphaseError('refused', 'That spec is not for here.');
    return undefined;
  };
  const { keeper, calls, log, shows, until } = keeperOf(
    { atlas: 'a', boreas: 'b', login: 'c' },
    { boreas: refuses },
  );
  catalog.report('atlas', 'a', {
    ...queued(null),
    run: '20260101-bbbbbbbb',
    state: 'running',
    queue: undefined,
  });
  shows('atlas', { ...queued(null), queue: { ...queued(null).queue!, nodes: ['atlas', 'boreas'] } });
  keeper.look();
  await until(() => log.length > 0);
  assert.deepEqual(calls, [
    'atlas moveQueued boreas',
    'boreas launch',
    'boreas refuseMove',
    'atlas moveQueued null',
  ]);
  assert.match(log[0]!, /20260101-aaaaaaaa stays .* boreas refused it: That spec is not for here\./);
  // It may run on a third node too: it goes there, and to the first one never more.
  calls.length = 0;
  shows('atlas', queued(null));
  keeper.look();
  await until(() => calls.includes('login settleMove'));
  keeper.close();
  assert.deepEqual(
    calls.filter((call) => call.startsWith('boreas')),
    [],
  );
});

test('a run that the other node has after all is not given back, whatever the launch said', async () => {
  const answer: Answer = (method) => {
    if (method === 'launch') throw new BiphaseError('full', 'The disk is full.');
    return method === 'refuseMove' ? { arrived: true } : undefined;
  };
  const { keeper, calls, shows, until } = keeperOf({ atlas: 'a', boreas: 'b' }, { boreas: answer });
  shows('atlas', queued('boreas', moveTo('b')));
  keeper.look();
  await until(() => calls.includes('boreas settleMove'));
  keeper.close();
  assert.ok(!calls.includes('atlas moveQueued null'));
});

test('a run that a person stopped where it came from is stopped where it has arrived', async () => {
  const { keeper, calls, shows, until } = keeperOf(
    { atlas: 'a', boreas: 'b' },
    { atlas: (method) => (method === 'forgetMoved' ? { stopped: true } : undefined) },
  );
  shows('atlas', queued('boreas', moveTo('b')));
  keeper.look();
  await until(() => calls.includes('boreas settleMove'));
  keeper.close();
  assert.ok(calls.includes('boreas stop'));
});

test('a move goes to the root it was begun for, whatever that node is called now; without it, nothing is given back', async () => {
  const renamed = keeperOf({ atlas: 'a', euros: 'b', boreas: 'new' });
  renamed.shows('atlas', queued('boreas', moveTo('b')));
  renamed.keeper.look();
  await renamed.until(() => renamed.calls.includes('euros settleMove'));
  renamed.keeper.close();
  assert.deepEqual(renamed.calls, ['euros launch', 'atlas forgetMoved', 'euros settleMove']);

  catalog.remove(run);
  const removed = keeperOf({ atlas: 'a', boreas: 'new', login: 'c' });
  removed.shows('atlas', queued('boreas', moveTo('b')));
  assert.match(removed.keeper.moves.whyStuck(run)!, /boreas.*not connected.*stop the run and resume it/);
  const other = { ...queued('boreas', moveTo('new')), run: '20260101-bbbbbbbb' };
  removed.shows('login', other);
  removed.keeper.look();
  await removed.until(() => removed.calls.includes('boreas settleMove'));
  removed.keeper.close();
  assert.deepEqual(
    removed.calls.filter((call) => call.startsWith('atlas')),
    [],
  );
});

test('what a node told before its connection was lost is not acted on after it has come back', async () => {
  const { keeper, calls, shows, until } = keeperOf({ atlas: 'a', boreas: 'b', login: 'c' });
  shows('atlas', queued('boreas', moveTo('b')));
  keeper.moves.disconnected('atlas');
  catalog.remove(run);
  const other = { ...queued('boreas', moveTo('b')), run: '20260101-bbbbbbbb' };
  shows('login', other);
  keeper.look();
  await until(() => calls.includes('login forgetMoved'));
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
