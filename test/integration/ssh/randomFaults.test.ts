import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CacheStore } from '../../../src/control/store/cacheStore.ts';
import { toBiphaseError } from '../../../src/core/errors.ts';
import { newRunId } from '../../../src/core/newRunId.ts';
import { isActive } from '../../../src/core/runState.ts';
import type { RunState } from '../../../src/protocol/runDirectory.ts';
import { ControlView } from '../../support/controlView.ts';
import { randomFaults } from '../../support/counts.ts';
import { Decoy } from '../../support/decoy.ts';
import { bootIdChanges, FaultNode, isAfter, keepalive, type Point } from '../../support/faultNode.ts';
import { type Fault, type FaultKind, longSleepMinutes, planFaults } from '../../support/faultPlan.ts';
import {
  makePrivateHome,
  type PrivateHome,
  processesOf,
  removePrivateHome,
} from '../../support/privateHome.ts';
import { sshdPath } from '../../support/sshd.ts';

// Runs train on two nodes while everything between and around them fails at random. What must hold after each fault and
// at the end of each batch of runs is counted; the test asserts that nothing went wrong, and tells how long nodes took
// to come back. A seed gives the same faults again: BIPHASE_FAULT_SEED.

const repository = path.resolve(import.meta.dirname, '../../..');
const controlFile = path.join(repository, 'dist/control.mjs');
const skip = sshdPath() && process.platform === 'linux' ? false : 'needs sshd on Linux';
const seed = Number(process.env.BIPHASE_FAULT_SEED ?? randomInt(2 ** 31));
const faultsOfBatch = 20;
const runsOfNode = 2;
/** Longer than control waits for a silent link. */
const sleepMs = (extent: number): number => (keepalive.seconds * (keepalive.times + 2) + 3 * extent) * 1000;

let person: PrivateHome;
const nodes: FaultNode[] = [];
let stateFolder: string;
let view: ControlView;
const decoys: Decoy[] = [];
/** One a node: whose number a run that ended, or one of an earlier boot, names. */
const decoyOf = new Map<FaultNode, Decoy>();
/** Runs that the test itself plays, so that how soon a node is back does not depend on how fast something trains. */
const beacons: string[] = [];
/** A run that ended and names its node's decoy. */
const deadRun = new Map<FaultNode, string>();
/** Runs that train until they are stopped, and short ones that were launched while something failed. */
const training = new Map<string, FaultNode>();
const short = new Map<string, FaultNode>();

const wrong = {
  lost: [] as string[],
  doubled: [] as string[],
  orphaned: [] as string[],
  startedTwice: [] as string[],
  strangersSignalled: [] as string[],
};
const secondsToReturn: { seconds: number; kind: FaultKind }[] = [];
const totals = { runs: 0, segments: 0, points: 0 };

before(async () => {
  if (skip) return;
  person = makePrivateHome();
  stateFolder = path.join(person.folder, 's');
  for (const name of ['atlas', 'borea']) {
    const node = await FaultNode.start(person, name);
    nodes.push(node);
    const decoy = await Decoy.start(person.folder, name);
    decoys.push(decoy);
    decoyOf.set(node, decoy);
    const player = await Decoy.start(person.folder, `${name}-beacon`);
    decoys.push(player);
    beacons.push(node.addBeacon(player));
  }
  view = new ControlView({
    stateFolder,
    controlFile,
    execPath: process.execPath,
    client: 'window',
    trusted: () => true,
    version: '0.1.0',
    environment: person.environment,
  });
  await view.window.connect();
  for (const node of nodes) {
    await view.window.call('addNode', { config: node.config });
    const tested = await view.window.call('testNode', { name: node.name });
    assert.ok(tested.ok, tested.findings.join('\n'));
  }
});

after(async () => {
  view?.window.dispose();
  for (const decoy of decoys) await decoy.stop();
  if (person) await removePrivateHome(person);
  for (const node of nodes) await node.dispose();
});

function runFile(name: string, steps: number) {
  return {
    name,
    model: { hiddenSize: 64, layers: 2, heads: 2, intermediateSize: 128 },
    data: {
      source: 'world',
      tokenizer: { train: { vocabSize: 300 } },
      packing: { length: 64 },
      validation: { tokens: 1000 },
    },
    batch: { samples: 8 },
    phases: [{ objective: 'clm', until: steps }],
    schedule: { warmup: 1, decay: 1 },
    checkpoints: { every: 500 },
    validate: { every: 100_000 },
    engine: { name: 'wasm', threads: 1 },
  };
}

const trainingSteps = 1_000_000;
const shortSteps = 20;

function connected(node: FaultNode): boolean {
  return view.nodes.get(node.name)?.connection === 'connected';
}

function stateOf(run: string): RunState | undefined {
  return view.runs.get(run)?.state;
}

const inState = (run: string, ...states: RunState[]): Promise<void> =>
  view.until(`${run} to be ${states.join(' or ')}`, () => {
    const summary = view.runs.get(run);
    return summary?.connected === true && states.includes(summary.state);
  });

/** A call that faults may cut: made again once the node is back, until its outcome is known. */
async function insist<T>(node: FaultNode, call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (thrown) {
      if (toBiphaseError(thrown).kind !== 'unreachable') throw thrown;
      await view.until(`${node.name} to be back after: ${String(thrown)}`, () => connected(node));
    }
  }
}

async function launch(node: FaultNode, run: string, steps: number): Promise<void> {
  const file = runFile(steps === shortSteps ? 'short' : 'long', steps);
  await insist(node, () => view.window.call('launch', { file, node: node.name, run }));
}

/** Starts the next segment of a run that has ended, whatever fails meanwhile. */
async function resume(node: FaultNode, run: string): Promise<void> {
  await insist(node, async () => {
    // An earlier call may have done it and lost its answer.
    if (isActive(stateOf(run) ?? 'lost')) return;
    await view.window.call('resume', { run });
  });
}

async function subscribe(): Promise<void> {
  await view.window.subscribe([...beacons, ...training.keys()].map((run) => ({ run, metric: 'loss' })));
}

/** Points newer than the files have now, of all runs that train on the nodes. */
async function freshPoints(where: readonly FaultNode[]): Promise<void> {
  const marks = [...training].flatMap(([run, node]): [string, Point][] =>
    where.includes(node) ? [[run, node.newest(run)]] : [],
  );
  const isFresh = ([run, mark]: [string, Point]): boolean => {
    const point = view.points.get(run);
    return point !== undefined && isAfter(point, mark);
  };
  await view.until(
    `points after ${JSON.stringify(marks)}`,
    () => where.every(connected) && marks.every(isFresh),
  );
}

async function startTraining(): Promise<void> {
  for (const node of nodes)
    for (let i = 0; i < runsOfNode; i++) {
      const run = newRunId();
      training.set(run, node);
      await launch(node, run, trainingSteps);
    }
  await subscribe();
  await freshPoints(nodes);
}

/** A run on each node that ended and whose state names a stranger. */
async function makeDeadRuns(): Promise<void> {
  for (const node of nodes) {
    const run = newRunId();
    await launch(node, run, shortSteps);
    await inState(run, 'finished');
    node.giveNumbersTo(run, decoyOf.get(node)!, { restarted: false });
    deadRun.set(node, run);
  }
}

/** Ends the runs of a batch and compares what control has with what the trainers wrote. */
async function endBatch(): Promise<void> {
  for (const [run, node] of training) await insist(node, () => view.window.call('stop', { run }));
  for (const run of training.keys()) await inState(run, 'stopped');
  for (const [run, node] of short) {
    while (stateOf(run) !== 'finished') {
      if (!isActive(stateOf(run) ?? 'lost')) await resume(node, run);
      await view.until(`${run} to end`, () => !isActive(stateOf(run) ?? 'queued'));
    }
  }
  for (const [run, node] of [...training, ...short]) await compare(run, node);
  training.clear();
  short.clear();
}

/** Loss of every (segment, step) in control's store, also of those that a later segment hides in the curves. */
function stored(run: string): Map<string, number> {
  const copy = fs.mkdtempSync(path.join(person.folder, 'store-'));
  for (const name of ['cache.db', 'cache.db-wal'])
    fs.copyFileSync(path.join(stateFolder, name), path.join(copy, name));
  const store = new CacheStore(path.join(copy, 'cache.db'));
  try {
    const columns = store.columns(run);
    const loss = columns.metric('loss');
    const losses = new Map<string, number>();
    for (let i = 0; i < loss.record.length; i++) {
      const record = loss.record.get(i);
      const key = `${columns.segment.get(record)}/${columns.step.get(record)}`;
      if (losses.has(key)) wrong.doubled.push(`${run} ${key}`);
      losses.set(key, loss.value.get(i));
    }
    return losses;
  } finally {
    store.close();
    fs.rmSync(copy, { recursive: true });
  }
}

async function compare(run: string, node: FaultNode): Promise<void> {
  const written = node.losses(run);
  let losses = stored(run);
  for (const end = performance.now() + 30_000; losses.size < written.size && performance.now() < end; ) {
    await sleep(200);
    losses = stored(run);
  }
  for (const [key, loss] of written)
    if (losses.get(key) !== loss) wrong.lost.push(`${run} ${key}: ${loss}, stored ${losses.get(key)}`);
  for (const key of losses.keys()) if (!written.has(key)) wrong.doubled.push(`${run} ${key}, never written`);
  const beginnings = node.beginnings(run);
  const segments = node.state(run)!.segment + 1;
  for (let segment = 0; segment < segments; segment++)
    if (beginnings.filter((each) => each === segment).length > 1)
      wrong.startedTwice.push(`${run} segment ${segment}`);
  totals.runs++;
  totals.segments += segments;
  totals.points += written.size;
}

/** What must hold whenever nothing is being changed. */
function inspect(what: string): void {
  for (const node of nodes)
    for (const run of node.runs().filter((each) => !beacons.includes(each))) {
      const trainers = node.trainers(run);
      if (trainers.length > 1) wrong.startedTwice.push(`${what}: ${run} has ${trainers.length} trainers`);
      const summary = view.runs.get(run);
      if (trainers.length === 0 || summary === undefined || short.has(run)) continue;
      if (!isActive(summary.state)) wrong.orphaned.push(`${what}: ${run} is ${summary.state} and trains`);
    }
  for (const decoy of decoys) {
    const signals = decoy.signals();
    if (signals.length > 0) wrong.strangersSignalled.push(`${what}: ${signals.join(', ')}`);
  }
}

/** Answers how long nodes took to come back, in seconds; undefined where no connection was touched. */
type Strike = (fault: Fault, node: FaultNode, run: string) => Promise<number | undefined>;

/** The fault is over: seconds until what is written on the nodes from now on is seen. */
async function over(...where: FaultNode[]): Promise<number> {
  const ended = performance.now();
  const beats = where.map((node) => node.beat());
  await view.until(
    'new points of the beacons',
    () =>
      where.every(connected) &&
      beats.every(({ run, point }) => !isAfter(point, view.points.get(run) ?? { segment: -1, step: 0 })),
  );
  return (performance.now() - ended) / 1000;
}

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids)
    try {
      process.kill(pid, signal);
    } catch {
      // It has just ended.
    }
}

function controls(): number[] {
  return processesOf(person)
    .filter(({ command }) => command.includes(controlFile))
    .map(({ pid }) => pid);
}

/** In the long run the first sleep of each kind lasts minutes; the others as many times the keepalive's patience. */
const sleptLong = new Set<FaultKind>();

async function asleep(
  { kind, extent }: Fault,
  pids: readonly number[],
  meanwhile?: () => void,
): Promise<void> {
  const minutes = longSleepMinutes > 0 && !sleptLong.has(kind);
  sleptLong.add(kind);
  signalAll(pids, 'SIGSTOP');
  meanwhile?.();
  await sleep(minutes ? longSleepMinutes * 60_000 : sleepMs(extent));
  signalAll(pids, 'SIGCONT');
}

/** A run of `node` ends by a fault and is resumed. */
async function endsAs(node: FaultNode, run: string, state: RunState): Promise<undefined> {
  await inState(run, state);
  await resume(node, run);
}

const strikes: Record<FaultKind, Strike> = {
  'link reset': async (_fault, node) => {
    node.proxy.reset();
    return over(node);
  },
  'link closed': async (_fault, node) => {
    node.proxy.finish();
    return over(node);
  },
  'short stall': async ({ extent }, node) => {
    node.proxy.stall();
    await sleep(200 + extent * 2000);
    node.proxy.resume();
    return over(node);
  },
  'long stall': async ({ extent }, node) => {
    node.proxy.stall();
    await view.until('the link to be given up', () => !connected(node));
    await sleep(extent * 3000);
    node.proxy.resume();
    return over(node);
  },
  refused: async ({ extent }, node) => {
    node.proxy.refuse();
    node.proxy.reset();
    for (let left = 1 + Math.floor(extent * 5); left > 0; left--) await node.proxy.nextConnection();
    node.proxy.resume();
    return over(node);
  },
  'sshd killed': async ({ extent }, node) => {
    await node.killSshd();
    for (let left = 1 + Math.floor(extent * 3); left > 0; left--) await node.proxy.nextConnection();
    await node.startSshd();
    return over(node);
  },
  'agent killed': async (_fault, node) => {
    signalAll(node.agents(), 'SIGKILL');
    return over(node);
  },
  'control killed': async () => {
    signalAll(controls(), 'SIGKILL');
    return over(...nodes);
  },
  'preparation killed': async ({ extent }, node) => {
    node.proxy.reset();
    await node.proxy.nextConnection();
    await sleep(extent * 800);
    node.killCommands();
    return over(node);
  },
  'wrapper killed': async (_fault, node, run) => {
    process.kill(node.state(run)!.wrapper.pid, 'SIGKILL');
    await view.until(
      'an orphan to be told of',
      () => view.runs.get(run)?.reason?.includes('wrapper') === true,
    );
    assert.equal(stateOf(run), 'running');
    await insist(node, () => view.window.call('stop', { run }));
    return endsAs(node, run, 'stopped');
  },
  'trainer killed': async (_fault, node, run) => {
    process.kill(node.state(run)!.trainer.pid, 'SIGKILL');
    return endsAs(node, run, 'failed');
  },
  'run killed': async (_fault, node, run) => {
    const { wrapper, trainer } = node.state(run)!;
    signalAll([wrapper.pid, trainer.pid], 'SIGKILL');
    return endsAs(node, run, 'lost');
  },
  'control sleeps': async (fault) => {
    await asleep(fault, controls());
    return over(...nodes);
  },
  'control sleeps, links forgotten': async (fault) => {
    await asleep(fault, controls(), () => {
      for (const { proxy } of nodes) proxy.forget();
    });
    return over(...nodes);
  },
  'agent sleeps': async (fault, node) => {
    await asleep(fault, node.agents());
    return over(node);
  },
  'both sleep': async (fault) => {
    await asleep(fault, [...controls(), ...nodes.flatMap((node) => node.agents())]);
    return over(...nodes);
  },
  'node restarted': async (_fault, node) => {
    await node.killSshd();
    for (let left = node.processes(); left.length > 0; left = node.processes()) signalAll(left, 'SIGKILL');
    const gone = node.runs().filter((run) => training.get(run) === node || short.get(run) === node);
    const begun = gone.filter((run) => node.state(run) && stateOf(run) !== 'finished');
    for (const run of begun) node.giveNumbersTo(run, decoyOf.get(node)!, { restarted: true });
    node.changeBootId();
    await node.startSshd();
    const seconds = await over(node);
    for (const run of begun) await inState(run, 'lost');
    for (const run of begun) {
      const answer = await insist(node, () => view.window.call('kill', { run }));
      if (answer.signalled) wrong.strangersSignalled.push(`${run} says that it was killed`);
      await resume(node, run);
    }
    return seconds;
  },
};

async function inTime(work: Promise<void>, what: string): Promise<void> {
  let done = false;
  await Promise.race([
    work.finally(() => {
      done = true;
    }),
    sleep(90_000, undefined, { ref: false }),
  ]);
  if (!done) throw new Error(`Waited in vain: ${what}. ${view.describe()}`);
}

async function suffer(fault: Fault, number: number): Promise<void> {
  const node = nodes[Math.floor(fault.node * nodes.length)]!;
  const candidates = [...training].filter(([, where]) => where === node).map(([run]) => run);
  const run = candidates[Math.floor(fault.run * candidates.length)]!;
  let launched: Promise<void> | undefined;
  if (fault.launchBefore !== null) {
    const id = newRunId();
    short.set(id, node);
    launched = launch(node, id, shortSteps);
    launched.catch(() => {});
    await sleep(fault.launchBefore);
  }
  const seconds = await strikes[fault.kind](fault, node, run);
  if (seconds !== undefined) secondsToReturn.push({ seconds, kind: fault.kind });
  if (launched) await inTime(launched, 'the launch to be answered');
  await freshPoints(nodes);
  const stranger = await insist(node, () => view.window.call('kill', { run: deadRun.get(node)! }));
  if (stranger.signalled) wrong.strangersSignalled.push(`fault ${number}: ${deadRun.get(node)}`);
  inspect(`fault ${number}, ${fault.kind}`);
}

function tell(context: TestContext, faults: number): void {
  const sorted = secondsToReturn.map(({ seconds }) => seconds).sort((a, b) => a - b);
  const at = (share: number): string =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!.toFixed(2);
  const inTime = sorted.filter((seconds) => seconds <= 5).length;
  const { lost, doubled, orphaned, startedTwice, strangersSignalled } = wrong;
  context.diagnostic(
    `evidence: ${faults} random faults (seed ${seed}), ${totals.runs} runs, ${totals.segments} segments, ${totals.points} points: ${lost.length} points lost, ${doubled.length} doubled; ${orphaned.length} runs orphaned; ${startedTwice.length} started twice; ${strangersSignalled.length} signals to strangers`,
  );
  context.diagnostic(
    `evidence: a node without prompts was back after a fault's end within 5 s: ${inTime} of ${sorted.length} (median ${at(0.5)} s, 95 % ${at(0.95)} s, longest ${at(1)} s)`,
  );
  const boots = bootIdChanges ? 'seen by the node’s processes' : 'written into the runs’ states';
  const sleeps =
    longSleepMinutes > 0
      ? `the first of each kind ${longSleepMinutes} minutes`
      : 'seconds, past the keepalive';
  context.diagnostic(`evidence: sleeps: ${sleeps}; changed boot ids: ${boots}`);
  for (const { kind, seconds } of secondsToReturn.filter((each) => each.seconds > 5))
    context.diagnostic(`later than 5 s: ${kind}, ${seconds.toFixed(2)} s`);
}

test('random faults lose no point, start no run twice and signal no stranger', { skip }, async (context) => {
  await makeDeadRuns();
  const faults = planFaults(seed, randomFaults);
  for (const [i, fault] of faults.entries()) {
    if (i % faultsOfBatch === 0) await startTraining();
    await suffer(fault, i).catch((cause: unknown) => {
      throw new Error(`Fault ${i} of seed ${seed}: ${JSON.stringify(fault)}`, { cause });
    });
    if ((i + 1) % faultsOfBatch === 0 || i + 1 === faults.length) await endBatch();
  }
  inspect('the end');
  tell(context, faults.length);
  assert.deepEqual(wrong, { lost: [], doubled: [], orphaned: [], startedTwice: [], strangersSignalled: [] });
  assert.doesNotMatch(fs.readFileSync(path.join(stateFolder, 'control.log'), 'utf8'), /ended by an error/);
});
