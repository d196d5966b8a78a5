// The node of curvesStore.ts whose runs write metrics and report: an agent's end of a pipe, in a process of its own.
import { type Handlers, RpcPeer } from '../../src/core/rpcPeer.ts';
import { type AgentMethods, agentEvents, agentMethods, type RunReport } from '../../src/protocol/agentApi.ts';
import { metricLine } from './metricLines.ts';

/** What the bench tells it. */
export type NodeOrder =
  | { kind: 'runs'; reports: RunReport[] }
  /** Lines a second, over all its runs that are at work, one line an event; 0: none. */
  | { kind: 'write'; linesPerSecond: number }
  /** Every run reports progress, all at once. */
  | { kind: 'report' };

const tickMs = 10;
let reports: RunReport[] = [];
let rate = 0;
const written = new Map<string, { step: number; offset: number }>();
const followed = new Set<string>();

const peer = new RpcPeer(
  { served: agentMethods, called: {}, sent: agentEvents, received: {} },
  {
    hello: async () => ({
      ...{ protocol: 1, bundle: 'b', host: 'busy', bootId: 'boot', rootId: 'root of busy', root: '/r' },
      ...{ platform: 'linux', arch: 'x64', nodeVersion: '24.0.0', now: Date.now() / 1000 },
    }),
    probe: async () => ({
      ...{
        cores: 1,
        load: 0,
        memoryTotalBytes: 1,
        memoryFreeBytes: 1,
        diskFreeBytes: 1,
        gpus: [],
        warnings: [],
      },
    }),
    watch: async () => ({ runs: reports, hold: null }),
    read: async () => ({ withBytes: { value: { size: 0 }, binary: new Uint8Array(0) } }),
    follow: async ({ run, file, offset }: { run: string; file: string; offset: number }) => {
      if (file !== 'metrics.jsonl') return {};
      written.set(run, { step: 42_000, offset });
      followed.add(run);
      return {};
    },
    unfollow: async () => ({}),
  } as unknown as Handlers<AgentMethods>,
  (bytes) => void process.stdout.write(bytes),
);

process.stdin.on('data', (bytes: Uint8Array) => peer.receive(bytes));
process.on('disconnect', () => process.exit(0));
process.on('message', (order: NodeOrder) => {
  if (order.kind === 'runs') reports = order.reports;
  else if (order.kind === 'report') reportAll();
  else rate = order.linesPerSecond;
});

let due = 0;
let turn = 0;
setInterval(() => {
  const runs = [...followed];
  if (runs.length === 0 || rate === 0) return;
  for (due += (rate * tickMs) / 1000; due >= 1; due--) writeLine(runs[turn++ % runs.length]!);
}, tickMs);

function writeLine(run: string): void {
  const at = written.get(run)!;
  at.step++;
  const bytes = new TextEncoder().encode(metricLine(0, at.step));
  peer.emit('bytes', { run, file: 'metrics.jsonl', offset: at.offset, identity: '1:1', reset: false }, bytes);
  at.offset += bytes.length;
}

function reportAll(): void {
  reports = reports.map((report) => ({
    ...report,
    progress: report.progress && {
      ...report.progress,
      step: report.progress.step + 1,
      time: Date.now() / 1000,
    },
  }));
  for (const report of reports) peer.emit('run', report);
}
