// What a large batch costs control:
//   node test/bench/scheduling.ts [--jobs N] [--nodes N] [--slots N] [--run-ms N]
// First decisions alone: now and then while as many jobs are launched as are asked for, then each time a run ends: what
// moves where? Then a whole batch through a real control, its store and its scheduler; nodes are simulated in
// another thread, half of them slow, so that runs have to move. It asserts nothing.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { MessageChannel, Worker } from 'node:worker_threads';
import { Control } from '../../src/control/control.ts';
import type { ManagedNode } from '../../src/control/nodes/managedNode.ts';
import type { ExecExit, NodeKind, Transport } from '../../src/control/nodes/transport.ts';
import { nodeLoads } from '../../src/control/runs/nodeLoads.ts';
import { RunCatalog } from '../../src/control/runs/runCatalog.ts';
import { CacheStore } from '../../src/control/store/cacheStore.ts';
import type { BiphaseError } from '../../src/core/errors.ts';
import { newRunId } from '../../src/core/newRunId.ts';
import { planMoves } from '../../src/core/scheduling.ts';
import type { RunReport } from '../../src/protocol/agentApi.ts';
import type { NodeOrder } from './simulatedNodes.ts';

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '15000' },
    nodes: { type: 'string', default: '24' },
    slots: { type: 'string', default: '8' },
    'run-ms': { type: 'string', default: '150' },
  },
});
const [jobs, nodeCount, slots, runMs] = [values.jobs, values.nodes, values.slots, values['run-ms']].map(
  Number,
) as [number, number, number, number];
const names = Array.from({ length: nodeCount }, (_, index) => `node-${index}`);
const file = {
  model: 'micro',
  data: { source: 'world' },
  phases: [{ objective: 'clm', until: 100 }],
};

/** Runs that control launches from one look at the queues to the next, as measured below. */
const launchedBetween = 2000;
/** Made by `npm run build`; nothing of it is sent to simulated nodes. */
const bundleFolder = path.resolve(import.meta.dirname, '../../dist/bundle');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-scheduling-'));
try {
  decisions();
  await wholeBatch();
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}
process.exit(0);

/** Milliseconds of each decision while runs are launched, then while one run after the other ends. */
function decisions(): void {
  const store = new CacheStore(path.join(folder, 'decisions.db'));
  const catalog = new RunCatalog(
    store,
    () => {},
    () => {},
  );
  const waits = (run: string, index: number): RunReport => ({
    run,
    state: 'queued',
    spec: { schema: 1, id: run, name: 'x', kind: 'pretrain', createdAt: 0, bundle: 'b', file },
    ...{ wrapper: null, progress: null, exit: null, checkpoints: [], lastEvent: null },
    queue: { priority: index % 3, submittedAt: index, after: [], nodes: names, movingTo: null },
  });
  // The first node has all of it: the hardest case for who decides.
  const reports = Array.from({ length: jobs }, (_, index) => waits(newRunId(), index));
  const nodes = names.map((name) => ({
    node: {
      config: { name, kind: 'ssh', slots },
      hold: null,
      probe: null,
      link: { open: true, hello: { rootId: `root of ${name}` } },
    } as unknown as ManagedNode,
  }));
  const took: number[] = [];
  let moves = 0;
  const decide = (): void => {
    const start = performance.now();
    moves += planMoves(nodeLoads(nodes, catalog)).length;
    took.push(performance.now() - start);
  };
  for (const [index, report] of reports.entries()) {
    const name = names[index % 2 === 0 ? 0 : index % nodeCount]!;
    catalog.report(name, `root of ${name}`, report);
    // Control decides while they are launched too.
    if (index % launchedBetween === launchedBetween - 1) decide();
  }
  for (let index = 0; index < 500; index++) {
    const name = names[index % nodeCount]!;
    const ended = catalog.all().find(({ node, report }) => node === name && report.state === 'queued');
    if (ended) catalog.report(name, ended.rootId, { ...ended.report, state: 'finished', queue: undefined });
    decide();
  }
  print('a decision, ms', took);
  process.stdout.write(`  ${jobs} jobs, ${nodeCount} nodes x ${slots} slots, ${moves} moves planned\n`);
  catalog.close();
  store.close();
}

async function wholeBatch(): Promise<void> {
  const worker = new Worker(new URL('./simulatedNodes.ts', import.meta.url));
  const stateFolder = path.join(folder, 'state');
  fs.mkdirSync(stateFolder);
  let finished = 0;
  let moved = 0;
  const seen = new Map<string, string>();
  const control: Control = new Control(
    { stateFolder, bundleFolder, kinds: { local: kind(worker), ssh: kind(worker) }, log: () => {} },
    {
      nodesChanged: () => {},
      runChanged: (run) => {
        const summary = control.runSummary(run);
        if (!summary) return;
        if (seen.has(run) && seen.get(run) !== summary.node) moved++;
        seen.set(run, summary.node);
        if (summary.state === 'finished') finished++;
      },
      committed: () => {},
    },
  );
  for (const name of names) control.addNode({ name, kind: 'ssh', host: name, slots });
  await Promise.all(names.map((name) => control.nodes.use(name)));
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const start = performance.now();
  const runs = Array.from({ length: jobs }, () => ({ run: newRunId(), file }));
  const { failed } = await control.runs.launchBatch(runs, names, 0, () => {});
  const launched = performance.now() - start;
  while (finished < jobs - failed.length) await sleep(20);
  delay.disable();
  const all = (performance.now() - start) / 1000;
  process.stdout.write(
    `a batch through control: ${jobs} runs in ${all.toFixed(1)} s, launched in ${(launched / 1000).toFixed(1)} s, ` +
      `${failed.length} failed, ${moved} moved\n` +
      `  control's event loop was held, ms: median ${ms(delay.percentile(50))}, p99 ${ms(delay.percentile(99))}, ` +
      `p99.9 ${ms(delay.percentile(99.9))}, longest ${ms(delay.max)}\n`,
  );
  control.close();
  await worker.terminate();
}

/** The histogram counts the timer's own millisecond too. */
function ms(nanoseconds: number): string {
  return Math.max(0, nanoseconds / 1e6 - 1).toFixed(1);
}

function kind(worker: Worker): NodeKind {
  return {
    connect: async ({ name }): Promise<Transport> => ({
      description: name,
      closed: new Promise(() => {}),
      exec: async () => {
        const { port1, port2 } = new MessageChannel();
        const slow = names.indexOf(name) % 2 === 0 ? 1 : 3;
        const order: NodeOrder = { name, port: port2, slots, runMs: runMs * slow };
        worker.postMessage(order, [port2]);
        const [stdin, stdout] = [new PassThrough(), new PassThrough()];
        stdin.on('data', (bytes: Uint8Array) => port1.postMessage(bytes));
        port1.on('message', (bytes: Uint8Array) => void stdout.write(bytes));
        const exit = new Promise<ExecExit>((resolve: (exit: ExecExit) => void) => {
          port1.on('close', () => resolve({ known: false, reason: new Error('closed') as BiphaseError }));
        });
        return { stdin, stdout, stderr: new PassThrough(), exit, close: () => port1.close() };
      },
      upload: async () => undefined,
      download: async () => undefined,
      close: () => undefined,
    }),
    prepare: async () => ({ agentArgv: ['agent'], bundle: 'b', findings: [] }),
  };
}

function print(what: string, took: number[]): void {
  const sorted = took.toSorted((a, b) => a - b);
  const at = (share: number): string => sorted[Math.floor(share * (sorted.length - 1))]!.toFixed(2);
  process.stdout.write(
    `${what}: median ${at(0.5)}, p99 ${at(0.99)}, longest ${at(1)} (${took.length} times)\n`,
  );
}
