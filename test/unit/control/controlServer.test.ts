import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { connectControl } from '../../../src/control/client/controlClient.ts';
import { controlSocket } from '../../../src/control/client/stateFolder.ts';
import { localNodeName } from '../../../src/control/nodes/nodeConfigs.ts';
import type { ExecExit, NodeKind } from '../../../src/control/nodes/transport.ts';
import { ControlServer } from '../../../src/control/server/controlServer.ts';
import { type Handlers, RpcPeer } from '../../../src/core/rpcPeer.ts';
import {
  type AgentMethods,
  agentEvents,
  agentMethods,
  type RunReport,
} from '../../../src/protocol/agentApi.ts';
import type { EventOf } from '../../../src/protocol/contract.ts';
import {
  type ControlEvents,
  controlEvents,
  controlMethods,
  controlProtocolVersion,
} from '../../../src/protocol/controlApi.ts';
import { FrameDecoder } from '../../../src/protocol/frames.ts';

const hello = {
  ...{ protocol: 1, bundle: 'b', host: 'h', bootId: 'boot', rootId: 'root', root: '/r' },
  ...{ platform: 'linux', arch: 'x64', nodeVersion: '24.0.0', now: 0 },
};
const probe = {
  ...{ cores: 1, load: 0, memoryTotalBytes: 1, memoryFreeBytes: 1, diskFreeBytes: 1, gpus: [], warnings: [] },
};

/** A node whose agent is in this process and says what the test wants. */
class FakeNode {
  reports: RunReport[] = [];
  readonly #offsets = new Map<string, number>();
  readonly #followed = new Map<string, () => void>();
  #peer: RpcPeer<AgentMethods, Record<never, never>, typeof agentEvents, Record<never, never>> | undefined;

  readonly kind: NodeKind = {
    connect: async () => ({
      description: 'fake',
      closed: new Promise(() => undefined),
      exec: async () => {
        const [stdin, stdout] = [new PassThrough(), new PassThrough()];
        const handlers = {
          hello: async () => hello,
          probe: async () => probe,
          watch: async () => ({ runs: this.reports, hold: null }),
          read: async () => ({ withBytes: { value: { size: 0 }, binary: new Uint8Array(0) } }),
          follow: async ({ run, file }: { run: string; file: string }) => {
            if (file === 'metrics.jsonl') this.#followed.get(run)?.();
            return {};
          },
          unfollow: async () => ({}),
        };
        this.#peer = new RpcPeer(
          { served: agentMethods, called: {}, sent: agentEvents, received: {} },
          handlers as unknown as Handlers<AgentMethods>,
          (bytes) => void stdout.write(bytes),
        );
        stdin.on('data', (chunk) => this.#peer!.receive(chunk));
        const exit = new Promise<ExecExit>(() => undefined);
        return { stdin, stdout, stderr: new PassThrough(), exit, close: () => undefined };
      },
      upload: async () => undefined,
      download: async () => undefined,
      close: () => undefined,
    }),
    prepare: async () => ({ agentArgv: ['agent'], bundle: 'b', findings: [] }),
  };

  followed(run: string): Promise<void> {
    return new Promise((resolve) => this.#followed.set(run, resolve));
  }

  report(change: Partial<RunReport> & { run: string }): void {
    const at = this.reports.findIndex(({ run }) => run === change.run);
    this.reports[at] = { ...this.reports[at]!, ...change };
    this.#peer!.emit('run', this.reports[at]!);
  }

  write(run: string, step: number, metrics: Record<string, number>): void {
    const bytes = Buffer.from(
      `${JSON.stringify({ segment: 0, step, tokens: step, time: 0, elapsed: step, metrics })}\n`,
    );
    const offset = this.#offsets.get(run) ?? 0;
    this.#offsets.set(run, offset + bytes.length);
    this.#peer!.emit('bytes', { run, file: 'metrics.jsonl', offset, identity: '1:1', reset: false }, bytes);
  }
}

function reportOf(run: string, name: string): RunReport {
  const file = { model: 'micro', data: { source: 'world' }, phases: [{ objective: 'clm', until: 100 }] };
  return {
    ...{ run, state: 'running', wrapper: null, progress: null, exit: null, checkpoints: [], lastEvent: null },
    spec: { schema: 1, id: run, name, kind: 'pretrain', createdAt: 1, bundle: 'b', file },
  };
}

async function startServer(context: TestContext, node: FakeNode) {
  const stateFolder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-server-'));
  fs.writeFileSync(
    path.join(stateFolder, 'bundle.json'),
    JSON.stringify({ schema: 1, version: 'test', hashes: {}, files: {} }),
  );
  const address = controlSocket(stateFolder);
  const server = new ControlServer({
    ...{ stateFolder, bundleFolder: stateFolder, kinds: { local: node.kind, ssh: node.kind } },
    ...{ address, version: 'test', log: () => undefined, ended: () => undefined },
  });
  await server.listen();
  context.after(() => {
    server.close();
    fs.rmSync(stateFolder, { recursive: true, force: true });
  });
  return { stateFolder, address };
}

type RunsEvent = EventOf<ControlEvents, 'runs'>;

/** A client that sees what is on the wire. */
async function wireClient(context: TestContext, address: string) {
  const socket = net.connect(address);
  await once(socket, 'connect');
  context.after(() => socket.destroy());
  const events: RunsEvent[] = [];
  let heard = (): void => undefined;
  const decoder = new FrameDecoder();
  const peer = new RpcPeer(
    { served: {}, called: controlMethods, sent: {}, received: controlEvents },
    {},
    (bytes) => void socket.write(bytes),
  );
  socket.on('data', (chunk) => {
    peer.receive(chunk);
    for (const { json } of decoder.push(chunk)) {
      const { event, data } = json as { event?: string; data?: unknown };
      if (event === 'runs') events.push(data as RunsEvent);
    }
    heard();
  });
  await peer.call('hello', {
    ...{ protocol: controlProtocolVersion, version: 'test', client: 'window', trusted: true },
  });
  return {
    peer,
    events,
    until: async (condition: () => boolean) => {
      while (!condition())
        await new Promise<void>((resolve) => {
          heard = resolve;
        });
    },
  };
}

const id = (index: number): string => `20260101-${String(index).padStart(8, '0')}`;

test('the names of 5,000 metrics are told once, and again only when there is a new one', async (context) => {
  const node = new FakeNode();
  const [run] = [id(1)];
  node.reports = [reportOf(run, 'wide')];
  const { address, stateFolder } = await startServer(context, node);
  const wire = await wireClient(context, address);
  const followed = node.followed(run);
  await wire.peer.call('testNode', { name: localNodeName });
  await followed;
  const metrics = Object.fromEntries(
    Array.from({ length: 5000 }, (_, i) => [`layer/${i}/activation/rms`, i]),
  );
  node.write(run, 1, metrics);
  const newest = () => wire.events.at(-1)?.runs.find((one) => one.run === run);
  await wire.until(() => newest()?.metrics?.length === 5000);

  // Another window, by the client that windows use: it has the names with every event.
  const window = await connectControl({
    ...{ stateFolder, controlFile: '', execPath: '', client: 'window', version: 'test', trusted: () => true },
  });
  context.after(() => window.dispose());
  const seen: [step: number, metrics: number][] = [];
  let news = (): void => undefined;
  window.on('runs', ({ runs }) => {
    for (const one of runs) seen.push([one.step, one.metrics.length]);
    news();
  });
  const { runs } = await window.call('runs', {});
  assert.equal(runs[0]!.metrics.length, 5000);

  const before = wire.events.length;
  const progress = (step: number) => ({
    ...{ schema: 1, segment: 0, step, totalSteps: 100, phase: 0, tokens: step, tokensPerSecond: 1, loss: 2 },
    ...{ secondsLeft: 1, doing: 'training', time: 1 },
  });
  for (const step of [1, 2, 3]) {
    node.report({ run, progress: progress(step) });
    node.write(run, step + 1, metrics);
    await wire.until(() => newest()?.step === step);
  }
  for (const event of wire.events.slice(before)) {
    assert.ok(!('metrics' in event.runs[0]!));
    assert.ok(JSON.stringify(event).length < 2000, JSON.stringify(event));
  }
  node.write(run, 9, { ...metrics, fresh: 1 });
  await wire.until(() => newest()?.metrics?.length === 5001);
  while (seen.at(-1)?.[1] !== 5001)
    await new Promise<void>((resolve) => {
      news = resolve;
    });
  assert.ok(seen.every(([, count]) => count >= 5000));
  assert.deepEqual((await wire.peer.call('runs', {})).runs[0]!.metrics.at(-1), 'fresh');
});

test('two runs of one name, one of them without points, are two runs with series of their own', async (context) => {
  const node = new FakeNode();
  const [full, empty] = [id(1), id(2)];
  node.reports = [reportOf(full, 'twin'), reportOf(empty, 'twin')];
  const { address } = await startServer(context, node);
  const wire = await wireClient(context, address);
  const followed = Promise.all([node.followed(full), node.followed(empty)]);
  await wire.peer.call('testNode', { name: localNodeName });
  await followed;
  node.write(full, 1, { loss: 3 });
  await wire.until(() =>
    wire.events.some(({ runs }) => runs.some(({ metrics }) => metrics?.includes('loss'))),
  );
  const { runs } = await wire.peer.call('runs', {});
  assert.deepEqual(
    runs.map(({ run, name, metrics, setup }) => [run, name, metrics, setup === runs[0]!.setup]),
    [
      [full, 'twin', ['loss'], true],
      [empty, 'twin', [], true],
    ],
  );
  for (const [run, points] of [
    [full, 1],
    [empty, 0],
  ] as const) {
    const request = { metric: 'loss', x: 'share' as const, from: null, to: null, pixels: 100, smoothing: 10 };
    const { value } = await wire.peer.callWithBytes('series', { run, ...request });
    assert.deepEqual(
      [value.run, value.points, value.smoothing?.carry?.mean ?? null],
      [run, points, points ? 3 : null],
    );
  }
});

test('a thousand runs are listed whole, while points go on', async (context) => {
  const node = new FakeNode();
  node.reports = Array.from({ length: 1000 }, (_, i) => reportOf(id(i), `run ${i}`));
  const { address } = await startServer(context, node);
  const wire = await wireClient(context, address);
  await wire.peer.call('testNode', { name: localNodeName });
  const { runs } = await wire.peer.call('runs', {});
  assert.deepEqual(
    runs.map(({ run }) => run),
    node.reports.map(({ run }) => run),
  );
  assert.equal(new Set(runs.map(({ setup }) => setup)).size, 1);
  await wire.until(
    () => new Set(wire.events.flatMap((event) => event.runs.map(({ run }) => run))).size === 1000,
  );
  assert.ok(
    wire.events.every((event) => event.runs.length <= 25),
    'a few in each event',
  );
});
