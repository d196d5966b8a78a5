// What control takes for curves, over its real socket:
//   node test/bench/curvesStore.ts [--runs N] [--steps N] [--many N] [--seconds N] [--state FOLDER] [--only PART]
// Fills a store with runs of four metrics, then measures: every series of every run at 1,200 pixels, from a control that
// has just started and again from the same one, plain and smoothed; 2,000 points a second that arrive in 20 runs; a list
// of many runs, and all of them reporting at once; one run with 5,000 metrics. For each: how long the whole took, and how
// long control's event loop was held at most, by the clock and in CPU time. With --state the store is kept and used again. It asserts nothing.
import { type ChildProcess, fork } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type ControlClient, connectControl } from '../../src/control/client/controlClient.ts';
import { controlSocket } from '../../src/control/client/stateFolder.ts';
import type { ExecExit, NodeKind, Transport } from '../../src/control/nodes/transport.ts';
import { ControlServer } from '../../src/control/server/controlServer.ts';
import { CacheStore } from '../../src/control/store/cacheStore.ts';
import type { RunReport } from '../../src/protocol/agentApi.ts';
import type { NodeConfig } from '../../src/protocol/controlApi.ts';
import { metricLine } from './metricLines.ts';
import type { NodeOrder } from './writingNode.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '38' },
    steps: { type: 'string', default: '42000' },
    many: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '10' },
    state: { type: 'string' },
    only: { type: 'string' },
    serve: { type: 'boolean', default: false },
  },
});
const [runCount, steps, many, seconds] = [values.runs, values.steps, values.many, values.seconds].map(
  Number,
) as [number, number, number, number];
const metrics = ['loss', 'gradNorm', 'learningRate', 'tokensPerSecond'];
const node: NodeConfig = { name: 'busy', kind: 'ssh', host: 'busy' };
const idOf = (index: number): string => `20260101-${String(index).padStart(8, '0')}`;
const wideRun = idOf(90_000_000);

if (values.serve) await serve(values.state!);
else await measureAll();

/** What control's process tells of itself since it was asked last. */
interface Held {
  longestMs: number;
  /** CPU time of the main thread between two looks of a timer: the same on a machine that others keep busy. */
  longestCpuMs: number;
  cpuMs: number;
  rssMiB: number;
}

async function measureAll(): Promise<void> {
  const folder = values.state ?? fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-curves-'));
  fs.mkdirSync(folder, { recursive: true });
  try {
    fill(folder);
    const parts: [name: string, part: (folder: string) => Promise<void>][] = [
      ['series', measureSeries],
      ['live', measureLive],
      ['runs', measureRuns],
      ['wide', measureWide],
    ];
    for (const [name, part] of parts)
      if (values.only === undefined || values.only === name) await part(folder);
  } finally {
    if (values.state === undefined) fs.rmSync(folder, { recursive: true, force: true });
  }
  process.exit(0);
}

function reportOf(index: number, state: RunReport['state']): RunReport {
  const run = idOf(index);
  const file = {
    model: 'mini',
    data: { source: 'world' },
    phases: [
      { objective: 'clm', until: Math.floor(steps / 4) },
      { objective: 'mlm', until: steps },
    ],
    seed: index % 3,
    schedule: { peak: 1e-3 + 1e-6 * Math.floor(index / 3) },
  };
  return {
    ...{ run, state, wrapper: null, exit: null, checkpoints: [1000, 2000, 3000], lastEvent: null },
    spec: {
      schema: 1,
      id: run,
      name: `run ${index}`,
      kind: 'pretrain',
      createdAt: 1.75e9 + index,
      bundle: 'b',
      file,
    },
    progress: {
      ...{ schema: 1, segment: 0, step: steps, totalSteps: steps, phase: 1, tokens: steps * 4096, loss: 2.3 },
      ...{ tokensPerSecond: 18_000, secondsLeft: 0, doing: 'training', time: 1.75e9 },
    },
  };
}

function fill(folder: string): void {
  const file = path.join(folder, 'cache.db');
  if (fs.existsSync(file)) return;
  const start = performance.now();
  const store = new CacheStore(file);
  const stored = (report: RunReport, name: string) => ({
    ...{ report, node: name, rootId: `root of ${name}`, seenAt: 1.75e9, onNode: true },
  });
  const reports = Array.from({ length: many }, (_, i) => stored(reportOf(i, 'finished'), 'away'));
  store.saveReports([...reports, stored({ ...reportOf(0, 'finished'), run: wideRun }, 'away')]);
  let lines = '';
  for (let step = 1; step <= steps; step++) lines += metricLine(0, step);
  const bytes = new TextEncoder().encode(lines);
  for (let i = 0; i < runCount; i++) add(store, idOf(i), bytes);
  const wide = Object.fromEntries(
    Array.from({ length: 5000 }, (_, i) => [`layer/${i}/activation/rms`, 1 / (i + 1)]),
  );
  let text = '';
  for (let step = 1; step <= 200; step++)
    text += `${JSON.stringify({ segment: 0, step, tokens: step, time: 1.75e9, elapsed: step, metrics: wide })}\n`;
  add(store, wideRun, new TextEncoder().encode(text));
  store.close();
  const size = fs.statSync(file).size / 2 ** 20;
  say(`store filled in ${((performance.now() - start) / 1000).toFixed(1)} s: ${size.toFixed(0)} MiB`);
}

function add(store: CacheStore, run: string, bytes: Uint8Array): void {
  const chunk = 1 << 20;
  for (let offset = 0; offset < bytes.length; offset += chunk)
    store.addBytes(run, {
      ...{ file: 'metrics.jsonl', offset, identity: '1:1', reset: false },
      bytes: bytes.subarray(offset, offset + chunk),
    });
}

async function measureSeries(folder: string): Promise<void> {
  for (const smoothing of [null, 50]) {
    const control = await startControl(folder);
    const words = smoothing === null ? 'plain' : `smoothed over ${smoothing}`;
    await control.measure(`cold, ${words}`, () => allSeries(control.client, 'step', smoothing));
    await control.measure(`warm, ${words}`, () => allSeries(control.client, 'step', smoothing));
    await control.measure(`warm, over FLOPs, ${words}`, () => allSeries(control.client, 'flops', smoothing));
    await control.measure(`warm, a tenth of the steps, ${words}`, () =>
      allSeries(control.client, 'step', smoothing, [steps / 2, steps * 0.6]),
    );
    await control.end();
  }
}

async function allSeries(
  client: ControlClient,
  x: 'step' | 'flops',
  smoothing: number | null,
  range?: [number, number],
): Promise<string> {
  const asked = Array.from({ length: runCount }, (_, i) => idOf(i)).flatMap((run) =>
    metrics.map((metric) =>
      client.callWithBytes('series', {
        ...{ run, metric, x, pixels: 1200, smoothing, from: range?.[0] ?? null, to: range?.[1] ?? null },
      }),
    ),
  );
  const answers = await Promise.all(asked);
  const points = answers.reduce((sum, { value }) => sum + value.points, 0);
  const of = answers.reduce((sum, { value }) => sum + value.total, 0);
  return `${answers.length} series, ${points} of ${of} points`;
}

async function measureLive(filled: string): Promise<void> {
  // What is written must be new each time.
  const folder = `${filled}-live`;
  fs.rmSync(folder, { recursive: true, force: true });
  fs.cpSync(filled, folder, { recursive: true, filter: (file) => !file.endsWith('.sock') });
  const control = await startControl(folder);
  const live = Array.from({ length: 20 }, (_, i) => reportOf(i, 'running'));
  control.node({ kind: 'runs', reports: live });
  await control.client.call('addNode', { config: node });
  await control.client.call('testNode', { name: node.name });
  await control.client.call('subscribe', {
    series: live.flatMap(({ run }) => metrics.map((metric) => ({ run, metric }))),
  });
  let points = 0;
  control.client.on('points', (delta) => {
    points += delta.points;
  });
  control.node({ kind: 'write', linesPerSecond: 500 });
  await sleep(2000);
  points = 0;
  await control.measure('2,000 points a second in 20 runs', async () => {
    await sleep(seconds * 1000);
    return `${(points / seconds).toFixed(0)} points a second came`;
  });
  await control.end();
  fs.rmSync(folder, { recursive: true, force: true });
}

async function measureRuns(folder: string): Promise<void> {
  const control = await startControl(folder);
  const list = async (): Promise<string> => {
    const { runs } = await control.client.call('runs', {});
    return `${runs.length} runs, ${(JSON.stringify(runs).length / 1024).toFixed(0)} KiB`;
  };
  await control.measure('list of runs, cold', list);
  await control.measure('list of runs, warm', list);
  const reports = Array.from({ length: many }, (_, i) => reportOf(i, 'running'));
  control.node({ kind: 'runs', reports });
  // It has to be there before the node is asked.
  await sleep(1000);
  await control.client.call('addNode', { config: node });
  const news = new Map<string, number>();
  const changed = async (want: number): Promise<string> => {
    while (news.size < want) await sleep(5);
    const said = `${news.size} runs told`;
    news.clear();
    return said;
  };
  control.client.on('runs', ({ runs }) => {
    for (const { run, step } of runs) news.set(run, step);
  });
  await control.measure('all runs come back', async () => {
    await control.client.call('testNode', { name: node.name });
    return changed(many);
  });
  await sleep(1000);
  news.clear();
  await control.measure('all runs report at once', () => {
    control.node({ kind: 'report' });
    return changed(many);
  });
  await control.end();
}

async function measureWide(folder: string): Promise<void> {
  const control = await startControl(folder);
  await control.measure('a series of a run with 5,000 metrics, cold', async () => {
    const metric = 'layer/4999/activation/rms';
    const { value } = await control.client.callWithBytes('series', {
      ...{ run: wideRun, metric, x: 'step', pixels: 1200, smoothing: null, from: null, to: null },
    });
    return `${value.points} points`;
  });
  await control.end();
}

interface ControlProcess {
  client: ControlClient;
  node(order: NodeOrder): void;
  measure(what: string, work: () => Promise<string>): Promise<void>;
  end(): Promise<void>;
}

async function startControl(folder: string): Promise<ControlProcess> {
  fs.rmSync(path.join(folder, 'nodes.json'), { force: true });
  const child = fork(import.meta.filename, ['--serve', '--state', folder]);
  await new Promise((resolve) => child.once('message', resolve));
  const client = await connectControl({
    ...{ stateFolder: folder, controlFile: '', execPath: process.execPath, client: 'window' },
    ...{ trusted: () => true, version: 'dev' },
  });
  const held = (): Promise<Held> => {
    const answer = new Promise<Held>((resolve) => child.once('message', (told) => resolve(told as Held)));
    child.send({ ask: true });
    return answer;
  };
  return {
    client,
    node: (order) => child.send({ order }),
    measure: async (what, work) => {
      await held();
      const start = performance.now();
      const said = await work();
      const took = performance.now() - start;
      const { longestMs, longestCpuMs, cpuMs, rssMiB } = await held();
      say(
        `${what}: ${took.toFixed(0)} ms (${said}); event loop held ${longestMs.toFixed(1)} ms at most (${longestCpuMs.toFixed(1)} ms of CPU), ` +
          `CPU ${cpuMs.toFixed(0)} ms (${((100 * cpuMs) / took).toFixed(1)} % of a core), ${rssMiB.toFixed(0)} MiB resident`,
      );
    },
    end: async () => {
      client.dispose();
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await ended;
    },
  };
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** The control process that is measured. */
async function serve(folder: string): Promise<void> {
  const agent = fork(path.join(import.meta.dirname, 'writingNode.ts'), {
    stdio: ['pipe', 'pipe', 'inherit', 'ipc'],
  });
  const server = new ControlServer({
    ...{
      stateFolder: folder,
      bundleFolder: path.resolve(import.meta.dirname, '../../dist/bundle'),
      kinds: { local: kind(agent), ssh: kind(agent) },
    },
    ...{
      address: controlSocket(folder),
      version: 'dev',
      log: () => {},
      ended: () => process.exit(0),
    },
  });
  await server.listen();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  let cpu = process.cpuUsage();
  let longestCpuMs = 0;
  let before = threadCpuMs();
  setInterval(() => {
    const now = threadCpuMs();
    longestCpuMs = Math.max(longestCpuMs, now - before);
    before = now;
  }, 1);
  process.on('message', (message: { ask?: true; order?: NodeOrder }) => {
    if (message.order) return void agent.send(message.order);
    const used = process.cpuUsage(cpu);
    cpu = process.cpuUsage();
    process.send!({
      // The histogram counts the timer's own millisecond too.
      longestMs: Math.max(0, delay.max / 1e6 - 1),
      longestCpuMs,
      cpuMs: (used.user + used.system) / 1000,
      rssMiB: process.memoryUsage.rss() / 2 ** 20,
    } satisfies Held);
    delay.reset();
    longestCpuMs = 0;
  });
  process.send!('ready');
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function kind(agent: ChildProcess): NodeKind {
  return {
    connect: async ({ name }): Promise<Transport> => ({
      description: name,
      closed: new Promise(() => {}),
      exec: async () => ({
        ...{ stdin: agent.stdin!, stdout: agent.stdout!, stderr: new PassThrough() },
        exit: new Promise<ExecExit>(() => {}),
        close: () => {},
      }),
      upload: async () => undefined,
      download: async () => undefined,
      close: () => undefined,
    }),
    prepare: async () => ({ agentArgv: ['agent'], bundle: 'b', findings: [] }),
  };
}
