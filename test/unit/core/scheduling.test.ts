import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type DonorLoad,
  type MovableJob,
  placeJobs,
  planMoves,
  startsBefore,
} from '../../../src/core/scheduling.ts';

const node = (name: string, changes: Partial<DonorLoad> = {}): DonorLoad => ({
  name,
  slots: 2,
  busy: 0,
  waiting: 0,
  accepts: true,
  movable: () => [],
  ...changes,
});
const job = (run: string, changes: Partial<MovableJob['queue']> = {}): MovableJob => ({
  run,
  queue: { priority: 0, submittedAt: 0, nodes: ['a', 'b'], ...changes },
});

test('new runs go where the fewest runs a slot are', () => {
  assert.deepEqual(placeJobs(4, [node('a', { slots: 1 }), node('b', { slots: 3 })]), ['b', 'b', 'a', 'b']);
  assert.deepEqual(placeJobs(2, [node('a', { busy: 2, waiting: 4 }), node('b')]), ['b', 'b']);
});

test('a node that accepts nothing gets nothing, unless none accepts', () => {
  assert.deepEqual(placeJobs(2, [node('a', { accepts: false }), node('b', { waiting: 9 })]), ['b', 'b']);
  assert.deepEqual(placeJobs(1, [node('a', { accepts: false })]), ['a']);
  assert.deepEqual(placeJobs(1, []), []);
});

test('an empty slot takes the first waiting run of the longest queue that may run there', () => {
  const movable = [
    job('later', { submittedAt: 2 }),
    job('elsewhere', { nodes: ['a'] }),
    job('first', { submittedAt: 1 }),
  ];
  const full = node('a', { busy: 2, waiting: 3, movable: () => [...movable] });
  assert.deepEqual(planMoves([full, node('b', { busy: 1 })]), [{ run: 'first', from: 'a', to: 'b' }]);
  assert.deepEqual(planMoves([full, node('b')]), [
    { run: 'first', from: 'a', to: 'b' },
    { run: 'later', from: 'a', to: 'b' },
  ]);
});

test('nothing moves away from where it is about to start, nor to a node that is held', () => {
  const movable = [job('x')];
  assert.deepEqual(
    planMoves([node('a', { busy: 1, waiting: 1, movable: () => [...movable] }), node('b')]),
    [],
  );
  assert.deepEqual(
    planMoves([
      node('a', { busy: 2, waiting: 1, movable: () => [...movable] }),
      node('b', { accepts: false }),
    ]),
    [],
  );
});

test('nothing moves within a root that nodes share', () => {
  const full = node('a', { rootId: 'one', busy: 2, waiting: 1, movable: () => [job('x')] });
  assert.deepEqual(planMoves([full, node('b', { rootId: 'one' })]), []);
  assert.equal(planMoves([full, node('b', { rootId: 'other' })]).length, 1);
});

test('a drained node gives up all that may go', () => {
  const movable = [job('x'), job('y')];
  const moves = planMoves([
    node('a', { accepts: false, waiting: 2, movable: () => [...movable] }),
    node('b'),
  ]);
  assert.deepEqual(moves.map(({ run }) => run).sort(), ['x', 'y']);
});

test('whatever the loads, a run moves once, the first that may, to another node that takes it, into a slot that was empty', () => {
  const names = ['a', 'b', 'c', 'd'];
  const load = fc.record({
    slots: fc.integer({ min: 1, max: 8 }),
    busy: fc.integer({ min: 0, max: 8 }),
    accepts: fc.boolean(),
    rests: fc.boolean(),
    refused: fc.integer({ min: 0, max: 12 }),
    jobs: fc.array(
      fc.record({
        priority: fc.integer({ min: -2, max: 2 }),
        submittedAt: fc.integer({ min: 0, max: 5 }),
        nodes: fc.subarray(names),
      }),
      { maxLength: 12 },
    ),
  });
  fc.assert(
    fc.property(fc.array(load, { minLength: 1, maxLength: 4 }), (loads) => {
      const nodes = loads.map(({ slots, busy, accepts, rests, refused, jobs }, n) =>
        node(names[n]!, {
          slots,
          busy: Math.min(busy, slots),
          accepts,
          waiting: jobs.length,
          rests,
          refuses: (run) => run.endsWith(String(refused)),
          movable: () => jobs.map((queue, index) => ({ run: `${names[n]}${index}`, queue })),
        }),
      );
      const moves = planMoves(nodes);
      assert.equal(new Set(moves.map(({ run }) => run)).size, moves.length);
      for (const { name, slots, busy, waiting, accepts, rests } of nodes) {
        const arriving = moves.filter(({ to }) => to === name).length;
        assert.ok(arriving === 0 || (accepts && !rests && busy + waiting + arriving <= slots));
      }
      const left = new Map(
        nodes.map(({ name, movable }) => [
          name,
          movable().sort((x, y) => startsBefore({ run: x.run, ...x.queue }, { run: y.run, ...y.queue })),
        ]),
      );
      for (const { run, from, to } of moves) {
        const target = nodes.find(({ name }) => name === to)!;
        const jobs = left.get(from)!;
        const first = jobs.findIndex((each) => each.queue.nodes.includes(to) && !target.refuses!(each.run));
        assert.notEqual(from, to);
        assert.equal(jobs.splice(first, 1)[0]!.run, run);
      }
    }),
  );
});

test('order: priority, then time, then id', () => {
  const jobs = [
    job('b', { submittedAt: 1 }),
    job('a', { submittedAt: 1 }),
    job('c', { priority: 1, submittedAt: 9 }),
    job('d'),
  ];
  assert.deepEqual(
    jobs
      .map(({ run, queue }) => ({ run, ...queue }))
      .sort(startsBefore)
      .map(({ run }) => run),
    ['c', 'd', 'a', 'b'],
  );
});
