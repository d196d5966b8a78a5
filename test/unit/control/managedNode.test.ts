import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { PassThrough } from 'node:stream';
import { type TestContext, test } from 'node:test';
import type { Bundle } from '../../../src/control/nodes/bundle.ts';
import { ManagedNode } from '../../../src/control/nodes/managedNode.ts';
import type { ExecExit, NodeKind, Transport } from '../../../src/control/nodes/transport.ts';
import { BiphaseError, type ErrorKind } from '../../../src/core/errors.ts';
import { type Handlers, RpcPeer } from '../../../src/core/rpcPeer.ts';
import { type AgentMethods, agentEvents, agentMethods } from '../../../src/protocol/agentApi.ts';
import { testPrompter } from '../../support/testPrompter.ts';

const probe = {
  cores: 2,
  load: 0,
  memoryTotalBytes: 1,
  memoryFreeBytes: 1,
  diskFreeBytes: 1,
  gpus: [],
  warnings: [],
};
const hello = {
  protocol: 1,
  bundle: 'b',
  host: 'h',
  bootId: 'boot',
  rootId: 'root',
  root: '/r',
  platform: 'linux',
  arch: 'x64',
  nodeVersion: '24.0.0',
  now: 0,
};

/** A kind of node whose connections fail as `failures` say, in order, and whose agent lives in this process. */
function fakeKind(
  failures: (ErrorKind | undefined)[],
): NodeKind & { connects: number; probes: number; hellos: number; silent: boolean; cut: () => void } {
  const kind = {
    connects: 0,
    probes: 0,
    hellos: 0,
    /** Links that are there by now carry nothing any more. */
    silent: false,
    cut: (): void => undefined,
    connect: async (): Promise<Transport> => {
      kind.connects++;
      const number = kind.connects;
      const failure = failures.shift();
      if (failure) throw new BiphaseError(failure, `It is ${failure}.`);
      let closed: (reason: BiphaseError | undefined) => void = () => undefined;
      const transport: Transport = {
        description: 'fake',
        closed: new Promise((resolve) => {
          closed = resolve;
        }),
        exec: async () => {
          const [stdin, stdout] = [new PassThrough(), new PassThrough()];
          const handlers = {
            hello: async () => {
              kind.hellos++;
              if (kind.silent && number === 1) await new Promise(() => undefined);
              return hello;
            },
            probe: async () => {
              kind.probes++;
              return probe;
            },
          };
          const peer = new RpcPeer(
            { served: agentMethods, called: {}, sent: agentEvents, received: {} },
            handlers as unknown as Handlers<AgentMethods>,
            (bytes) => void stdout.write(bytes),
          );
          stdin.on('data', (chunk) => peer.receive(chunk));
          let exited: (exit: ExecExit) => void = () => undefined;
          const exit = new Promise<ExecExit>((resolve) => {
            exited = resolve;
          });
          kind.cut = () => exited({ known: false, reason: new BiphaseError('unreachable', 'Cut.') });
          return { stdin, stdout, stderr: new PassThrough(), exit, close: kind.cut };
        },
        upload: async () => undefined,
        download: async () => undefined,
        close: () => closed(undefined),
      };
      return transport;
    },
    prepare: async () => ({ agentArgv: ['agent'], bundle: 'b', findings: [] }),
  };
  return kind;
}

/** What a test wants to hear of the log. */
let logs: (line: string) => void = () => undefined;

function makeNode(kind: NodeKind): { node: ManagedNode; states: EventEmitter } {
  const states = new EventEmitter();
  const nothing = (): void => undefined;
  const node = new ManagedNode(
    { name: 'box', kind: 'ssh', host: 'box' },
    {
      kind,
      bundle: () => ({}) as Bundle,
      prompts: testPrompter(),
      quietPrompts: testPrompter(),
      listener: () => ({ run: nothing, queue: nothing, gone: nothing, bytes: nothing }),
      connected: async () => undefined,
      changed: (changed) => states.emit(changed.connection),
      log: (line) => logs(line),
    },
  );
  return { node, states };
}

test('many callers share one connection', async (context) => {
  const kind = fakeKind([]);
  const { node } = makeNode(kind);
  context.after(() => node.close());
  const links = await Promise.all([node.use(), node.use(), node.use()]);
  assert.equal(new Set(links).size, 1);
  assert.equal(kind.connects, 1);
  assert.equal(node.connection, 'connected');
});

test('a probe serves all who ask while it is fresh or under way', async (context) => {
  const kind = fakeKind([]);
  const { node } = makeNode(kind);
  context.after(() => node.close());
  assert.equal(await node.freshProbe(), null, 'nobody is connected for a probe');
  await node.use();
  const answers = await Promise.all([node.freshProbe(), node.freshProbe()]);
  node.look();
  assert.deepEqual([...answers, await node.freshProbe()], [probe, probe, probe]);
  assert.equal(kind.probes, 1);
});

test('a lost connection comes back by itself, through attempts that fail', async (context) => {
  const kind = fakeKind([undefined, 'unreachable', 'unreachable']);
  const { node, states } = makeNode(kind);
  context.after(() => node.close());
  await node.use();
  const back = once(states, 'connected');
  const retrying = once(states, 'retrying');
  kind.cut();
  await retrying;
  await back;
  assert.equal(kind.connects, 4);
});

/** Lets every retry come at once; returns the gaps that were asked for, in milliseconds. */
function withoutWaiting(context: TestContext, node: ManagedNode): number[] {
  const gaps: number[] = [];
  const timeout = setTimeout;
  let now = 0;
  context.mock.method(performance, 'now', () => now);
  context.mock.method(globalThis, 'setTimeout', (work: () => void, ms: number) => {
    if (node.connection !== 'retrying') return timeout(work, ms);
    gaps.push(ms);
    now += ms;
    return setImmediate(work);
  });
  return gaps;
}

test('gaps grow to 3 s, are a minute after ten minutes, and start anew with Reconnect', async (context) => {
  const kind = fakeKind([undefined, ...Array<ErrorKind>(400).fill('unreachable')]);
  const { node, states } = makeNode(kind);
  context.after(() => node.close());
  await node.use();
  const gaps = withoutWaiting(context, node);
  const enough = new Promise<void>((resolve) =>
    states.on('retrying', () => {
      if (gaps.filter((gap) => gap > 3000).length === 3) resolve();
    }),
  );
  kind.cut();
  await enough;
  const short = gaps.filter((gap) => gap <= 3000);
  assert.deepEqual(gaps.slice(0, short.length), short, 'short gaps first');
  for (const [index, gap] of short.slice(0, 4).entries())
    assert.ok(gap >= 125 * 2 ** index && gap <= 250 * 2 ** index, `gap ${index}: ${gap}`);
  assert.ok(short.slice(4).every((gap) => gap >= 1500));
  const total = short.reduce((sum, gap) => sum + gap);
  assert.ok(total >= 600_000 && total <= 603_000, `${total}`);
  for (const gap of gaps.slice(short.length)) assert.ok(gap >= 30_000 && gap <= 60_000, `${gap}`);
  assert.ok(new Set(gaps).size > gaps.length / 2, 'with jitter');
  const before = gaps.length;
  await assert.rejects(node.reconnect(), { kind: 'unreachable' });
  assert.ok(gaps[before]! <= 250, `${gaps[before]}`);
});

test('a link that breaks at once is not taken up ever faster', async (context) => {
  const kind = fakeKind([]);
  const { node, states } = makeNode(kind);
  context.after(() => node.close());
  await node.use();
  const gaps = withoutWaiting(context, node);
  for (let times = 0; times < 6; times++) {
    kind.cut();
    // News of what the node has free say "connected" as well.
    do await once(states, 'connected');
    while (kind.connects < times + 2);
  }
  assert.equal(gaps.length, 6);
  assert.ok(gaps[5]! >= 1500, gaps.join(' '));
});

for (const [failure, state] of [
  ['refused', 'refused'],
  ['needs-person', 'needs-you'],
  ['full', 'needs-you'],
] as const)
  test(`"${failure}" is not tried again by itself`, async (context) => {
    const kind = fakeKind([failure, failure, failure]);
    const { node, states } = makeNode(kind);
    context.after(() => node.close());
    const told = once(states, state);
    node.want();
    await told;
    await new Promise(setImmediate);
    assert.equal(kind.connects, 1);
    await assert.rejects(node.use(), { kind: failure });
    assert.equal(node.connection, state);
  });

test("a person's attempt does not take over the failure of one that asks nobody", async (context) => {
  const kind = fakeKind(['needs-person']);
  const { node } = makeNode(kind);
  context.after(() => node.close());
  node.want();
  assert.ok((await node.use()).open);
  assert.equal(kind.connects, 2);
});

/** Answers are waited for as long as the test takes. */
function impatient(context: TestContext): void {
  const { BIPHASE_CLOCK } = process.env;
  process.env.BIPHASE_CLOCK = '0.001';
  context.after(() => {
    if (BIPHASE_CLOCK === undefined) delete process.env.BIPHASE_CLOCK;
    else process.env.BIPHASE_CLOCK = BIPHASE_CLOCK;
  });
}

test('after a sleep a link that answers stays', async (context) => {
  const kind = fakeKind([]);
  const { node } = makeNode(kind);
  context.after(() => node.close());
  const link = await node.use();
  node.wake();
  await link.call('hello', { protocol: 1 });
  await new Promise(setImmediate);
  assert.equal(kind.connects, 1);
  assert.equal(node.link, link);
});

test('after a sleep a link that is silent is replaced, and never seems lost', async (context) => {
  const kind = fakeKind([undefined, 'unreachable']);
  const { node, states } = makeNode(kind);
  context.after(() => node.close());
  const link = await node.use();
  impatient(context);
  kind.silent = true;
  const others = ['connecting', 'preparing', 'retrying'].map((state) => once(states, state));
  const replaced = once(states, 'connected');
  node.wake();
  node.wake();
  await replaced;
  assert.equal(kind.connects, 3);
  assert.ok(node.link?.open && node.link !== link);
  await link.closed;
  assert.equal(node.connection, 'connected');
  const told = await Promise.race([...others, new Promise<void>((resolve) => setImmediate(resolve))]);
  assert.equal(told, undefined);
});

test('after a sleep nobody is asked: a silent link is kept where a new one needs its person', async (context) => {
  const kind = fakeKind([undefined, 'needs-person']);
  const { node } = makeNode(kind);
  context.after(() => node.close());
  const link = await node.use();
  impatient(context);
  kind.silent = true;
  const logged = new Promise<void>((resolve) => {
    logs = (line) => {
      if (line.includes('needs-person')) resolve();
    };
  });
  node.wake();
  await logged;
  assert.equal(kind.connects, 2);
  assert.equal(node.link, link);
  assert.equal(node.connection, 'connected');
});

test('after a sleep a lost connection is tried at once', async (context) => {
  const kind = fakeKind([undefined, ...Array<ErrorKind>(3).fill('unreachable')]);
  const { node, states } = makeNode(kind);
  context.after(() => node.close());
  await node.use();
  const held: (() => void)[] = [];
  const timeout = setTimeout;
  context.mock.method(globalThis, 'setTimeout', (work: () => void, ms: number) =>
    node.connection === 'retrying' ? held.push(work) : timeout(work, ms),
  );
  const retrying = once(states, 'retrying');
  kind.cut();
  await retrying;
  await new Promise(setImmediate);
  assert.equal(kind.connects, 1);
  node.wake();
  assert.equal(kind.connects, 2);
});
