import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { thisMachine } from '../../src/agent/processTable.ts';
import { RpcPeer } from '../../src/core/rpcPeer.ts';
import {
  type AgentMethods,
  agentEvents,
  agentMethods,
  type FollowedFile,
  type RunReport,
} from '../../src/protocol/agentApi.ts';
import type { EventOf } from '../../src/protocol/contract.ts';
import { runFiles, type Spec, type WrapperState } from '../../src/protocol/runDirectory.ts';
import { queueRunners } from './queueRunners.ts';

const repository = path.resolve(import.meta.dirname, '../..');
/** The bundle as it travels to nodes: `npm run build` makes it. */
export const builtMain = path.join(repository, 'dist/bundle/biphase.mjs');

type NoMethods = Record<never, never>;
type ControlEnd = RpcPeer<NoMethods, AgentMethods, NoMethods, typeof agentEvents>;
type Bytes = EventOf<typeof agentEvents, 'bytes'>;

/** Bytes of one followed file so far. */
export class Received {
  readonly #pieces: Buffer[] = [];
  identity: string;
  resets = 0;
  length = 0;

  constructor(identity: string, bytes: Buffer) {
    this.identity = identity;
    this.add(bytes);
  }

  add(bytes: Buffer): void {
    this.#pieces.push(bytes);
    this.length += bytes.length;
  }

  clear(): void {
    this.#pieces.length = 0;
    this.length = 0;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }
}

/** A real agent in its own process, seen from control's end. */
export class AgentProcess {
  readonly child: ChildProcess;
  readonly peer: ControlEnd;
  readonly reports = new Map<string, RunReport>();
  readonly gone = new Set<string>();
  /** How the queue was held, in the order in which it was told. */
  readonly holds: (string | null)[] = [];
  /** What came of each followed file, put together as control would. */
  readonly received = new Map<string, Received>();
  #changed: (() => void)[] = [];

  /** `prefix`: a command that starts the agent, such as one that gives it another host name. */
  constructor(
    root: string,
    options: readonly string[] = [],
    environment: Record<string, string> = {},
    prefix: readonly string[] = [],
  ) {
    const [program, ...args] = [...prefix, process.execPath, builtMain, 'agent', '--root', root, ...options];
    this.child = spawn(program!, args, {
      env: { ...process.env, ...environment },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.peer = new RpcPeer(
      { served: {}, called: agentMethods, sent: {}, received: agentEvents },
      {},
      (bytes) => this.child.stdin!.write(bytes),
    );
    this.child.stdin!.on('error', () => {});
    this.child.stdout!.on('data', (chunk: Buffer) => this.peer.receive(chunk));
    this.child.on('exit', () => this.peer.close());
    this.peer.on('run', (report) => {
      this.reports.set(report.run, report);
      this.#wake();
    });
    this.peer.on('queue', ({ hold }) => {
      this.holds.push(hold);
      this.#wake();
    });
    this.peer.on('gone', ({ run }) => {
      this.reports.delete(run);
      this.gone.add(run);
      this.#wake();
    });
    this.peer.on('bytes', (piece, binary) => this.#take(piece, Buffer.from(binary ?? [])));
  }

  async watch(): Promise<RunReport[]> {
    const { runs } = await this.peer.call('watch', {});
    for (const report of runs) this.reports.set(report.run, report);
    return runs;
  }

  /** Follows a file from where an earlier agent's bytes ended. */
  async follow(run: string, file: FollowedFile, before?: { bytes: Buffer; identity: string }): Promise<void> {
    if (before) this.received.set(`${run}/${file}`, new Received(before.identity, before.bytes));
    const offset = before?.bytes.length ?? 0;
    await this.peer.call('follow', { run, file, offset, identity: before?.identity ?? null });
  }

  bytes(run: string, file: FollowedFile): Buffer {
    return this.received.get(`${run}/${file}`)?.bytes ?? Buffer.alloc(0);
  }

  /** Waits for news until `condition` holds. */
  async until(what: string, condition: () => boolean, patienceMs = 60_000): Promise<void> {
    const late = AbortSignal.timeout(patienceMs);
    while (!condition()) {
      if (late.aborted) throw new Error(`Waited in vain: ${what}. Last reports: ${this.#lastReports()}`);
      await new Promise<void>((resolve) => {
        this.#changed.push(resolve);
        late.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  untilState(run: string, ...states: RunReport['state'][]): Promise<void> {
    return this.until(`${run} to be ${states.join(' or ')}`, () =>
      states.includes(this.reports.get(run)?.state as never),
    );
  }

  untilLines(run: string, count: number): Promise<void> {
    return this.until(`${count} lines of ${run}`, () => lineCount(this.bytes(run, 'metrics.jsonl')) >= count);
  }

  /** Ends it as a dropped connection does. */
  async hangUp(): Promise<number | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode;
    const exit = once(this.child, 'exit');
    this.child.stdin!.end();
    await exit;
    return this.child.exitCode;
  }

  async killHard(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exit = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exit;
  }

  #take(piece: Bytes, binary: Buffer): void {
    const key = `${piece.run}/${piece.file}`;
    const received = this.received.get(key) ?? new Received(piece.identity, Buffer.alloc(0));
    this.received.set(key, received);
    if (piece.reset) {
      received.resets++;
      received.clear();
    }
    if (piece.offset !== received.length)
      throw new Error(`A gap in ${key}: ${received.length} then ${piece.offset}.`);
    received.identity = piece.identity;
    received.add(binary);
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#changed;
    this.#changed = [];
    for (const resume of waiting) resume();
  }

  #lastReports(): string {
    return JSON.stringify(
      [...this.reports.values()].map(({ run, state, reason }) => ({ run, state, reason })),
    );
  }
}

export function lineCount(bytes: Buffer): number {
  return bytes.toString('latin1').split('\n').length - 1;
}

/** A node's root with real runs in it; `dispose` ends what still runs there and removes it. */
export class TestRoot {
  readonly path: string;
  readonly #folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-agent-'));
  readonly #agents: AgentProcess[] = [];
  readonly bundle = 'built';

  /** `name`: of the root below a private folder, where that matters. */
  constructor(name = '') {
    this.path = path.join(this.#folder, name);
    fs.mkdirSync(this.path, { recursive: true });
    if (!fs.existsSync(builtMain)) throw new Error('dist/bundle is not built. Run `npm run build` first.');
    fs.mkdirSync(path.join(this.path, 'bundles'));
    fs.symlinkSync(path.dirname(builtMain), path.join(this.path, 'bundles', this.bundle));
  }

  agent(
    options: readonly string[] = [],
    environment: Record<string, string> = {},
    prefix: readonly string[] = [],
  ): AgentProcess {
    const agent = new AgentProcess(this.path, options, environment, prefix);
    this.#agents.push(agent);
    return agent;
  }

  /** Spec of a real pretraining run, as small as the trainer takes. */
  spec(steps: number, changes: Record<string, unknown> = {}): Spec {
    const run = `20250101-${randomBytes(8).toString('hex').slice(0, 8)}`;
    const file = {
      model: { hiddenSize: 16, layers: 1, heads: 2, intermediateSize: 32 },
      data: {
        source: 'world',
        tokenizer: { train: { vocabSize: 300 } },
        packing: { length: 32 },
        validation: { tokens: 2000 },
      },
      batch: { samples: 4 },
      phases: [{ objective: 'clm', until: steps }],
      schedule: { warmup: 1, decay: 1 },
      checkpoints: { every: 50 },
      validate: { every: 1000 },
      engine: { name: 'wasm', threads: 1 },
      ...changes,
    };
    return {
      schema: 1,
      id: run,
      name: 'test',
      kind: 'pretrain',
      createdAt: 1735689600,
      bundle: this.bundle,
      file,
    };
  }

  directory(run: string): string {
    return path.join(this.path, 'runs', run);
  }

  file(run: string, name: string): Buffer {
    return fs.readFileSync(path.join(this.directory(run), name));
  }

  state(run: string): WrapperState {
    return JSON.parse(this.file(run, runFiles.state).toString()) as WrapperState;
  }

  /** Processes of all runs here that live. */
  living(): number[] {
    const runs = path.join(this.path, 'runs');
    if (!fs.existsSync(runs)) return [];
    return fs.readdirSync(runs).flatMap((run) => {
      if (!fs.existsSync(path.join(runs, run, runFiles.state))) return [];
      const { wrapper, trainer } = this.state(run);
      return [wrapper, trainer].filter((p) => thisMachine.startTime(p.pid) === p.startTime).map((p) => p.pid);
    });
  }

  async dispose(): Promise<void> {
    for (const agent of this.#agents) await agent.killHard();
    for (const pid of queueRunners(this.path)) process.kill(pid, 'SIGKILL');
    for (const pid of this.living()) process.kill(pid, 'SIGKILL');
    fs.rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}
