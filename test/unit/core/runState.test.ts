import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { deriveRunState, isActive, type JobFacts, type RunFacts } from '../../../src/core/runState.ts';
import type { Exit, Progress, WrapperState } from '../../../src/protocol/runDirectory.ts';

const wrapper = (segment = 0): WrapperState => ({
  schema: 1,
  segment,
  host: 'here',
  bootId: 'boot',
  wrapper: { pid: 10, startTime: '1' },
  trainer: { pid: 11, startTime: '2' },
  bundle: 'b',
  startedAt: 1,
});
const exit = (code: number | null, changes: Partial<Exit> = {}): Exit => ({
  schema: 1,
  segment: 0,
  code,
  signal: null,
  endedAt: 2,
  ...changes,
});
const progress = (doing = 'training', segment = 0, step = 5): Progress => ({
  schema: 1,
  segment,
  step,
  totalSteps: 10,
  phase: 0,
  tokens: 1,
  tokensPerSecond: 1,
  loss: 1,
  secondsLeft: 1,
  doing,
  time: 1,
});
const facts = (changes: Partial<RunFacts> = {}): RunFacts => ({
  wrapper: null,
  exit: null,
  progress: null,
  lastEvent: null,
  lastOutput: null,
  stopRequested: false,
  killRequested: false,
  queued: false,
  startingNext: false,
  quietSeconds: 1000,
  host: 'here',
  bootId: 'boot',
  wrapperAlive: false,
  trainerAlive: false,
  ...changes,
});
const alive = { wrapper: wrapper(), progress: progress(), wrapperAlive: true, trainerAlive: true };
const error = (segment: number, message?: string): RunFacts['lastEvent'] => ({
  segment,
  step: 1,
  time: 1,
  type: 'error',
  ...(message === undefined ? {} : { message }),
});

const cases: [title: string, changes: Partial<RunFacts>, state: string, reason?: RegExp][] = [
  ['waits in the queue', { queued: true }, 'queued'],
  ['claimed a moment ago', { quietSeconds: 1 }, 'starting'],
  ['claimed long ago and never started', {}, 'lost', /never started/],
  ['a wrapper is about to start it', { startingNext: true }, 'starting'],
  ['trainer lives, no progress yet', { ...alive, progress: null }, 'starting'],
  ['trainer lives, progress of the segment before', { ...alive, wrapper: wrapper(1) }, 'starting'],
  ['trainer lives', alive, 'running'],
  ['trainer lives without its wrapper', { ...alive, wrapperAlive: false }, 'running', /wrapper is gone/],
  ['a stop was asked for', { ...alive, stopRequested: true }, 'stopping'],
  ['trainer dead, wrapper about to write', { ...alive, trainerAlive: false }, 'running', /being recorded/],
  ['both dead', { ...alive, trainerAlive: false, wrapperAlive: false }, 'lost', /left no exit record/],
  ['the machine was restarted', { ...alive, bootId: 'other' }, 'lost', /restarted/],
  ['another host looks', { ...alive, host: 'there' }, 'running', /cannot see/],
  ['another host looks, no progress', { ...alive, host: 'there', progress: null }, 'starting', /cannot see/],
  [
    'both killed on request',
    { wrapper: wrapper(), killRequested: true, progress: progress() },
    'stopped',
    /killed on request/,
  ],
  ['finished alone', { wrapper: wrapper(), progress: progress('done', 0, 10) }, 'finished', /wrapper/],
  ['stopped alone', { wrapper: wrapper(), progress: progress('stopped', 0, 7) }, 'stopped', /wrapper/],
  ['failed alone', { wrapper: wrapper(), lastEvent: error(0, 'Disk full.') }, 'failed', /Disk full/],
  [
    'finished in an earlier segment, then lost',
    { wrapper: wrapper(1), progress: progress('done', 0, 10) },
    'lost',
  ],
  ['code 0', { wrapper: wrapper(), exit: exit(0) }, 'finished'],
  ['code 3', { wrapper: wrapper(), exit: exit(3), stopRequested: true }, 'stopped'],
  [
    'who has its slot',
    { exit: exit(null, { preempted: true, error: 'No GPU of atlas is free: GPU 0 (ada).' }) },
    'preempted',
    /ada/,
  ],
  ['code 3 for the node', { wrapper: wrapper(), exit: exit(3, { preempted: true }) }, 'preempted', /node/],
  ['SIGTERM after a request', { exit: exit(null, { signal: 'SIGTERM' }), stopRequested: true }, 'stopped'],
  ['SIGTERM for the node', { exit: exit(null, { signal: 'SIGTERM', preempted: true }) }, 'preempted'],
  ['SIGTERM from nowhere', { exit: exit(null, { signal: 'SIGTERM' }) }, 'failed', /SIGTERM/],
  ['SIGKILL on request', { exit: exit(null, { signal: 'SIGKILL' }), killRequested: true }, 'stopped'],
  ['SIGKILL', { exit: exit(null, { signal: 'SIGKILL' }) }, 'failed', /SIGKILL/],
  ['never started', { exit: exit(null, { error: 'no sh' }) }, 'failed', /no sh/],
  ['code 1 with an event', { exit: exit(1), lastEvent: error(0, 'The loss is NaN.') }, 'failed', /NaN/],
  ['code 2 with output', { exit: exit(2), lastOutput: 'Unknown key.' }, 'failed', /Unknown key/],
  [
    'code 1, event of an earlier segment',
    { exit: exit(1, { segment: 1 }), lastEvent: error(0, 'old'), lastOutput: 'new' },
    'failed',
    /new/,
  ],
  ['code 9, nothing said', { exit: exit(9) }, 'failed', /code 9/],
  [
    'exit of the segment before says nothing',
    { ...alive, wrapper: wrapper(1), progress: progress('training', 1), exit: exit(3) },
    'running',
  ],
];
for (const [title, changes, state, reason] of cases) {
  test(`${title}: ${state}`, () => {
    const derived = deriveRunState(facts(changes));
    assert.equal(derived.state, state);
    if (reason) assert.match(derived.reason ?? '', reason);
  });
}

const anyFacts: fc.Arbitrary<RunFacts> = fc.record({
  wrapper: fc.option(fc.nat(2).map(wrapper), { nil: null }),
  exit: fc.option(
    fc
      .record({ segment: fc.nat(2), code: fc.option(fc.nat(5), { nil: null }) })
      .map(({ segment, code }) => exit(code, { segment, ...(code === null ? { signal: 'SIGKILL' } : {}) })),
    { nil: null },
  ),
  progress: fc.option(
    fc
      .record({ doing: fc.constantFrom('training', 'done', 'stopped'), segment: fc.nat(2), step: fc.nat(10) })
      .map((p) => progress(p.doing, p.segment, p.step)),
    { nil: null },
  ),
  lastEvent: fc.option(
    fc.nat(2).map((segment) => error(segment, 'why')),
    { nil: null },
  ),
  lastOutput: fc.option(fc.constant('last'), { nil: null }),
  stopRequested: fc.boolean(),
  killRequested: fc.boolean(),
  queued: fc.boolean(),
  startingNext: fc.boolean(),
  quietSeconds: fc.nat(200),
  host: fc.constantFrom('here', 'there'),
  bootId: fc.constantFrom('boot', 'other'),
  wrapperAlive: fc.boolean(),
  trainerAlive: fc.boolean(),
});

test('lost only where this very machine shows no process and no exit record', () => {
  fc.assert(
    fc.property(anyFacts, (f) => {
      if (deriveRunState(f).state !== 'lost' || !f.wrapper) return;
      assert.ok(!f.exit || f.exit.segment < f.wrapper.segment);
      assert.equal(f.host, f.wrapper.host);
      assert.ok(f.bootId !== f.wrapper.bootId || (!f.trainerAlive && !f.wrapperAlive));
    }),
  );
});

test('a trainer that lives here, in the newest segment, is never shown as ended', () => {
  fc.assert(
    fc.property(anyFacts, (given) => {
      const f = {
        ...given,
        wrapper: wrapper(2),
        exit: null,
        host: 'here',
        bootId: 'boot',
        trainerAlive: true,
      };
      assert.ok(isActive(deriveRunState(f).state));
    }),
  );
});

test('every state that needs a reason has one, in one sentence', () => {
  fc.assert(
    fc.property(anyFacts, (f) => {
      const { state, reason } = deriveRunState(f);
      if (state === 'failed' || state === 'lost' || state === 'preempted') assert.ok(reason);
      assert.ok(!reason?.includes('\n'));
    }),
  );
});

const job = (seen: JobFacts['seen'], changes: Partial<JobFacts> = {}): JobFacts => ({
  segment: 0,
  seen,
  sentence: 'Slurm says so.',
  settled: false,
  ...changes,
});
const elsewhere = { ...wrapper(), host: 'there', jobId: '5' };

test('a Slurm job is judged by Slurm, wherever its processes are', () => {
  const state = (changes: Partial<RunFacts>): string => deriveRunState(facts(changes)).state;
  assert.equal(state({ job: job('pending') }), 'queued');
  assert.equal(state({ job: job('pending'), stopRequested: true }), 'stopping');
  assert.equal(state({ job: job('unknown') }), 'queued');
  assert.equal(state({ job: job('running') }), 'starting');
  assert.equal(state({ job: job('running'), wrapper: elsewhere, progress: progress() }), 'running');
  assert.equal(state({ job: job('unknown'), wrapper: elsewhere, progress: progress() }), 'running');
  assert.equal(state({ job: job('ended'), wrapper: elsewhere, progress: progress() }), 'running');
  assert.equal(state({ job: job('ended', { settled: true }), wrapper: elsewhere }), 'lost');
  assert.equal(state({ job: job('ended', { settled: true }) }), 'lost');
  assert.equal(state({ job: job('ended'), wrapper: elsewhere, killRequested: true }), 'stopped');
  assert.equal(state({ job: job('ended'), wrapper: elsewhere, exit: exit(0) }), 'finished');
});

test('a job that Slurm starts again, or that another follows, is not over', () => {
  const preempted = exit(3, { preempted: true });
  const state = (seen: JobFacts['seen']): string =>
    deriveRunState(facts({ job: job(seen), wrapper: elsewhere, exit: preempted })).state;
  assert.equal(state('pending'), 'queued');
  assert.equal(state('running'), 'stopping');
  assert.equal(state('ended'), 'preempted');
  const next = facts({ job: job('pending', { segment: 1 }), wrapper: elsewhere, exit: preempted });
  assert.equal(deriveRunState(next).state, 'queued');
});

test('a run whose job Slurm does not tell of is never lost', () => {
  fc.assert(
    fc.property(anyFacts, fc.nat(2), fc.constantFrom('unknown', 'pending', 'running'), (f, segment, seen) => {
      const current = {
        ...f,
        startingNext: false,
        exit: null,
        job: job(seen as JobFacts['seen'], { segment }),
      };
      assert.notEqual(deriveRunState(current).state, 'lost');
    }),
  );
});
