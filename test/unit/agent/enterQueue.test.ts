import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, beforeEach, type TestContext, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { claimRun } from '../../../src/agent/claimRun.ts';
import { NodeRoot } from '../../../src/agent/nodeRoot.ts';
import { thisMachine } from '../../../src/agent/processTable.ts';
import { enterQueue, refuseArrival } from '../../../src/agent/queue/enterQueue.ts';
import { forgetMoved, moveJob, recoverMoved } from '../../../src/agent/queue/moveJob.ts';
import { MoveMarks } from '../../../src/agent/queue/moveMarks.ts';
import { jobStatuses, QueueFolder } from '../../../src/agent/queue/queueFolder.ts';
import { finishDeletions } from '../../../src/agent/space/putAside.ts';
import { recordUnbegun } from '../../../src/agent/wrapper/unbegunSegment.ts';
import type { Spec } from '../../../src/protocol/runDirectory.ts';

const base = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-enter-'));
after(() => fs.rmSync(base, { recursive: true }));
const run = '20260101-aaaaaaaa';
const [move, other] = ['a'.repeat(16), 'b'.repeat(16)];
const spec: Spec = { schema: 1, id: run, name: 'x', kind: 'pretrain', createdAt: 1, bundle: 'own', file: {} };
const wish = { priority: 0, after: [], nodes: [] };
const waiting = { environment: {}, setup: [], background: false };

let root: NodeRoot;
let queue: QueueFolder;
beforeEach(() => fresh());

function fresh(): void {
  root = new NodeRoot(fs.mkdtempSync(path.join(base, 'root-')));
  root.prepare();
  queue = new QueueFolder(root.queues, 'here');
}

const enter = (by?: string): boolean => enterQueue(spec, { root, queue, wish, waiting, move: by });
const refuse = (by: string): Promise<boolean> => refuseArrival(root, queue, thisMachine, run, by);
const statuses = (): string[] => jobStatuses.filter((status) => queue.runsIn(status).includes(run));
const hasRun = (): boolean => fs.existsSync(root.runDirectory(run));

class Killed extends Error {}

/** Before its n-th change of the file system, something happens. False where there was none. */
function before(t: TestContext, n: number, happens: () => void, work: () => void): boolean {
  const changes = ['mkdirSync', 'writeFileSync', 'linkSync', 'renameSync', 'rmSync', 'unlinkSync'] as const;
  let count = 0;
  let inside = false;
  const mocks = changes.map((name) => {
    const real = fs[name] as (...args: unknown[]) => unknown;
    return t.mock.method(fs, name, ((...args: unknown[]): unknown => {
      if (!inside && ++count >= n) {
        inside = true;
        try {
          happens();
        } finally {
          inside = false;
        }
      }
      return real(...args);
    }) as never);
  });
  try {
    work();
    return count >= n;
  } finally {
    for (const mock of mocks) mock.mock.restore();
  }
}

/** From its n-th change of the file system on this process does nothing any more, as one that was killed. */
function killedAt(t: TestContext, n: number, work: () => void): boolean {
  const dies = (): void => {
    throw new Killed();
  };
  try {
    return before(t, n, dies, work);
  } catch (thrown) {
    if (!(thrown instanceof Killed)) throw thrown;
    return true;
  }
}

test('a launch that is killed at any step is completed by the next one, and the run is in the queue once', (t) => {
  for (const by of [undefined, move])
    for (let step = 1; ; step++) {
      fresh();
      const killed = killedAt(t, step, () => void enter(by));
      if (killed) enter(by);
      assert.deepEqual(statuses(), ['waiting'], `killed at step ${step}`);
      assert.equal(enter(by), false);
      queue.change(run, 'waiting', 'starting');
      assert.equal(enter(by), false, 'while it is being started');
      recordUnbegun(root.runDirectory(run), thisMachine, { code: 1 });
      queue.remove(run, 'starting');
      assert.equal(enter(by), false, 'once it has ended');
      assert.deepEqual(statuses(), []);
      if (!killed) {
        assert.ok(step > 8, `${step} steps`);
        break;
      }
    }
});

test('a run that another agent launches meanwhile, and that has failed by then, does not wait once more', (t) => {
  for (const by of [undefined, move])
    for (let step = 1; ; step++) {
      fresh();
      let done = false;
      let entered = 0;
      const otherAgent = (): void => {
        if (done) return;
        done = true;
        if (enter(by)) entered++;
        queue.change(run, 'waiting', 'starting');
        recordUnbegun(root.runDirectory(run), thisMachine, { code: 1 });
        queue.remove(run, 'starting');
      };
      const happened = before(t, step, otherAgent, () => {
        if (enter(by)) entered++;
      });
      assert.equal(entered, 1, `at step ${step}`);
      assert.deepEqual(statuses(), happened ? [] : ['waiting'], `at step ${step}`);
      if (!happened) break;
    }
});

test('a move whose launch was killed at any step is given up or has arrived, and the other never comes about', async (t) => {
  for (let step = 1; ; step++) {
    fresh();
    const killed = killedAt(t, step, () => void enter(move));
    if (await refuse(move)) {
      enter(move);
      assert.deepEqual(statuses(), ['waiting']);
    } else {
      assert.equal(hasRun(), false, `nothing of it is left, killed at step ${step}`);
      assert.throws(() => enter(move), { kind: 'refused', message: /given up/ });
      assert.deepEqual([statuses(), hasRun()], [[], false]);
      // Another move of the same run is another matter.
      assert.ok(enter(other));
      assert.equal(await refuse(move), false);
      assert.deepEqual(statuses(), ['waiting']);
    }
    if (!killed) break;
  }
});

test('a run that has arrived and gone on, or was deleted, does not arrive again by the same move', () => {
  assert.ok(enter(move));
  const on = { id: other, root: 'elsewhere' };
  assert.ok(moveJob(queue, root, run, 'boreas', on));
  assert.throws(() => enter('c'.repeat(16)), { kind: 'refused', message: /leaving/ });
  fs.rmSync(root.runDirectory(run), { recursive: true });
  recoverMoved(queue, root);
  assert.equal(enter(move), false);
  new MoveMarks(root.queues).settle(run, move);
  assert.equal(enter(move), false);
  assert.deepEqual([statuses(), hasRun()], [[], false]);
  assert.ok(enter('c'.repeat(16)), 'by a later move it comes back');
});

test('marks go a week after their move was settled, and not before; those of open moves stay', () => {
  const marks = new MoveMarks(root.queues);
  const day = 24 * 3_600_000;
  assert.deepEqual([marks.arrive(run, move), marks.refuse(run, other)], ['arrived', 'refused']);
  assert.deepEqual([marks.refuse(run, move), marks.arrive(run, other)], ['arrived', 'refused']);
  marks.settle(run, move);
  marks.clean(Date.now() + 6 * day);
  assert.deepEqual([marks.outcome(run, move), marks.outcome(run, other)], ['arrived', 'refused']);
  marks.clean(Date.now() + 8 * day);
  assert.deepEqual([marks.outcome(run, move), marks.outcome(run, other)], [null, 'refused']);
});

test('a run leaves by the move it was marked with, and by no other', async () => {
  enter();
  const [first, second] = [
    { id: move, root: 'b' },
    { id: other, root: 'c' },
  ];
  assert.ok(moveJob(queue, root, run, 'boreas', first));
  assert.ok(moveJob(queue, root, run, 'boreas', first), 'repeated');
  assert.equal(moveJob(queue, root, run, 'euros', second), false);
  assert.equal(moveJob(queue, root, run, null, second), false);
  assert.equal(await forgetMoved(queue, root, run, other), false);
  assert.deepEqual([statuses(), hasRun()], [['moving'], true]);
  assert.ok(moveJob(queue, root, run, null, first));
  assert.equal(queue.read(run, 'waiting')?.movingTo, null);
  assert.equal(await forgetMoved(queue, root, run, move), false, 'it stays');
  moveJob(queue, root, run, 'euros', second);
  assert.ok(await forgetMoved(queue, root, run, other));
  assert.deepEqual([statuses(), fs.readdirSync(root.runs)], [[], []]);
});

test('a spec that cannot be written leaves no directory behind, and one that an older version left is filled', (t) => {
  const directory = root.runDirectory(run);
  const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
  for (const name of ['writeFileSync', 'linkSync'] as const) {
    const mock = t.mock.method(fs, name, (() => {
      throw full;
    }) as never);
    assert.throws(() => claimRun(directory, spec), full);
    assert.throws(() => enter(), full);
    mock.mock.restore();
    assert.deepEqual(fs.readdirSync(root.runs), []);
    assert.deepEqual(fs.readdirSync(queue.path), []);
  }
  fs.mkdirSync(directory);
  claimRun(directory, spec);
  assert.deepEqual(JSON.parse(fs.readFileSync(path.join(directory, 'spec.json'), 'utf8')), spec);
  assert.throws(() => claimRun(directory, { ...spec, name: 'y' }), { message: /another spec/ });
  assert.ok(enter(), 'claimed for no queue before');
});

test('what has the place of a run is left alone', () => {
  const directory = root.runDirectory(run);
  fs.writeFileSync(directory, 'mine');
  assert.throws(() => enter(), { kind: 'refused', message: /taken by something else/ });
  fs.rmSync(directory);
  fs.symlinkSync('/tmp', directory);
  assert.throws(() => enter(), { kind: 'refused', message: /taken by something else/ });
  assert.deepEqual(fs.readdirSync(root.runs), [run]);
});

test('what killed launches have left is cleaned up later: unclaimed directories, and tickets that no run has', async (t) => {
  for (let step = 1; killedAt(t, step, () => void enter()); step++) {
    if (hasRun()) break;
  }
  enter();
  const isOf = (_: string, ticket: string): boolean =>
    fs.readFileSync(path.join(root.runDirectory(run), 'ticket'), 'utf8').trim() === ticket;
  const left = (): string[] => fs.readdirSync(queue.path).filter((name) => name.endsWith('.ticket.json'));
  assert.ok(left().length > 0);
  queue.cleanTickets(1000, isOf);
  assert.ok(left().length > 0, 'not at once');
  const late = Date.now() + 3_600_000;
  queue.cleanTickets(1000, isOf, late);
  assert.deepEqual(left(), []);
  assert.ok(fs.readdirSync(root.runs).length > 1);
  await finishDeletions(root, late);
  assert.deepEqual(fs.readdirSync(root.runs), [run]);
});

test('processes that launch the same runs at once, again and again, let each into the queue once, while it is worked off', async () => {
  const id = fc.stringMatching(/^[a-z0-9]{8}$/);
  const property = fc.asyncProperty(
    fc.uniqueArray(id, { minLength: 20, maxLength: 40 }),
    fc.integer({ min: 1, max: 4 }),
    async (ids, times) => {
      fresh();
      queue = new QueueFolder(root.queues, thisMachine.host);
      const runs = ids.map((text) => `20260101-${text}`);
      const script = path.resolve(import.meta.dirname, '../../support/queueEntrant.ts');
      const entrants = [0, 1].map(() => fork(script, [root.path, String(times), ...runs]));
      await Promise.all(entrants.map((entrant) => once(entrant, 'message')));
      const entered: number[] = [];
      for (const entrant of entrants)
        entrant.once('message', (said: { entered: number }) => void entered.push(said.entered));
      const ends = entrants.map((entrant) => once(entrant, 'exit'));
      let working = true;
      void Promise.all(ends).then(() => {
        working = false;
      });
      for (const entrant of entrants) entrant.send('go');
      const taken: string[] = [];
      const workOff = (): void => {
        for (const each of queue.runsIn('waiting')) {
          if (!queue.change(each, 'waiting', 'starting')) continue;
          taken.push(each);
          recordUnbegun(root.runDirectory(each), thisMachine, { error: 'It ends at once.' });
          queue.remove(each, 'starting');
        }
      };
      while (working) {
        workOff();
        await nextTurn();
      }
      workOff();
      assert.deepEqual(taken.sort(), runs.sort());
      assert.deepEqual([entered.length, entered.reduce((sum, count) => sum + count, 0)], [2, runs.length]);
    },
  );
  await fc.assert(property, { numRuns: 4, endOnFailure: true });
});
