import type net from 'node:net';
import { BiphaseError } from '../../core/errors.ts';
import { type Handlers, RpcPeer } from '../../core/rpcPeer.ts';
import type { Turns } from '../../core/turns.ts';
import type { EventOf } from '../../protocol/contract.ts';
import {
  type ControlEvents,
  type ControlMethods,
  controlEvents,
  controlMethods,
  controlProtocolVersion,
  type NodeSummary,
  type Prompt,
  type RunSummary,
} from '../../protocol/controlApi.ts';
import type { DiskUse } from '../../protocol/diskSpace.ts';
import type { Control } from '../control.ts';
import { listFolder } from '../nodes/nodeFolders.ts';
import { sshHosts } from '../nodes/ssh/sshConfig.ts';
import type { Asker } from './promptDesk.ts';

export interface SessionContext {
  control: Control;
  /** For work that may take long where a client asks for much at once. */
  turns: Turns;
  version: string;
  shutdown(): void;
  runRemoved(run: string): void;
  closed(): void;
  log(line: string): void;
}

/** A client that does not read for so many bytes is let go; it comes back with a snapshot. */
const mostUnreadBytes = 64 << 20;
let focusCount = 0;

/** One window or command line. */
export class ClientSession implements Asker {
  kind: 'window' | 'cli' = 'cli';
  focusedAt = 0;
  readonly #socket: net.Socket;
  readonly #context: SessionContext;
  readonly #peer: RpcPeer<ControlMethods, Record<never, never>, ControlEvents, Record<never, never>>;
  #watched = new Set<string>();
  /** Nodes that are measured for this client, by what it called the measurement. */
  readonly #measuring = new Map<string, string>();
  /** The names of each run's metrics that this client has; they are the same list until they change. */
  readonly #toldMetrics = new Map<string, string[]>();
  #greeted = false;
  #trusted = false;

  constructor(socket: net.Socket, context: SessionContext) {
    this.#socket = socket;
    this.#context = context;
    this.#peer = new RpcPeer(
      { served: controlMethods, called: {}, sent: controlEvents, received: {} },
      this.#handlers(),
      (bytes) => this.#write(bytes),
    );
    socket.on('data', (chunk) => {
      try {
        this.#peer.receive(chunk);
      } catch (error) {
        context.log(`a client sent no frames: ${String(error)}`);
        socket.destroy();
      }
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#peer.close();
      for (const [ask, name] of this.#measuring)
        context.control.space.interrupt(name, ask).catch(() => undefined);
      context.control.desk.remove(this);
      context.closed();
    });
  }

  watches(run: string, metric: string): boolean {
    return this.#watched.has(`${run} ${metric}`);
  }

  points(data: EventOf<ControlEvents, 'points'>, binary: Uint8Array): void {
    this.#peer.emit('points', data, binary);
  }

  runs(runs: RunSummary[], removed: string[]): void {
    if (!this.#greeted) return;
    for (const run of removed) this.#toldMetrics.delete(run);
    this.#peer.emit('runs', { runs: runs.map((run) => this.#withNews(run)), removed });
  }

  nodes(nodes: NodeSummary[]): void {
    if (this.#greeted) this.#peer.emit('nodes', { nodes });
  }

  ask(prompt: Prompt): void {
    this.#peer.emit('prompt', prompt);
  }

  done(id: string): void {
    this.#peer.emit('promptDone', { id });
  }

  /** Closes after what was sent. */
  end(): void {
    this.#socket.end();
    setTimeout(() => this.#socket.destroy(), 200).unref();
  }

  /** Without the names of its metrics where this client has them. */
  #withNews(summary: RunSummary): EventOf<ControlEvents, 'runs'>['runs'][number] {
    const { metrics, ...rest } = summary;
    if (this.#toldMetrics.get(summary.run) === metrics) return rest;
    this.#toldMetrics.set(summary.run, metrics);
    return summary;
  }

  async #allRuns(): Promise<{ runs: RunSummary[] }> {
    const { control, turns } = this.#context;
    const runs = await turns.map(control.runIds(), (run) => control.runSummary(run));
    const known = runs.filter((run) => run !== undefined);
    for (const { run, metrics } of known) this.#toldMetrics.set(run, metrics);
    return { runs: known };
  }

  /** From now on questions may come here. */
  #trust(): void {
    if (this.#trusted) return;
    this.#trusted = true;
    this.#context.control.desk.add(this);
  }

  #write(bytes: Uint8Array): void {
    if (this.#socket.destroyed) return;
    this.#socket.write(bytes);
    if (this.#socket.writableLength > mostUnreadBytes) this.#socket.destroy();
  }

  async #diskUse(name: string, ask: string): Promise<DiskUse> {
    this.#measuring.set(ask, name);
    try {
      return await this.#context.control.space.measure(name, ask);
    } finally {
      this.#measuring.delete(ask);
    }
  }

  #handlers(): Handlers<ControlMethods> {
    const { control, turns } = this.#context;
    const done = {};
    return {
      hello: async ({ client, trusted }) => {
        this.kind = client;
        this.#greeted = true;
        if (trusted) this.#trust();
        return { protocol: controlProtocolVersion, version: this.#context.version, pid: process.pid };
      },
      shutdown: async () => {
        setImmediate(() => this.#context.shutdown());
        return done;
      },
      trust: async () => {
        this.#trust();
        return done;
      },
      focus: async () => {
        this.focusedAt = ++focusCount;
        return done;
      },
      answerPrompt: async ({ id, answer }) => {
        if (!this.#trusted)
          throw new BiphaseError('refused', 'A window that is not trusted answers no questions.');
        control.desk.answer(id, answer);
        return done;
      },
      nodes: async () => {
        control.refreshNodes();
        for (const node of control.nodes.all()) node.look();
        return { nodes: control.nodeSummaries() };
      },
      addNode: async ({ config }) => {
        control.addNode(config);
        return done;
      },
      removeNode: async ({ name, deleteRoot }) => ({ left: await control.removeNode(name, deleteRoot) }),
      diskUse: ({ name, ask }) => this.#diskUse(name, ask),
      interrupt: async ({ name, ask }) => {
        await control.space.interrupt(name, ask);
        return done;
      },
      freeSpace: ({ name, items }) => control.space.free(name, items),
      testNode: ({ name }) => control.nodes.test(name),
      reconnectNode: async ({ name }) => {
        await control.nodes.get(name).reconnect();
        return done;
      },
      listFolder: ({ node, path }) => listFolder(control.nodes, node, path),
      sshHosts: async () => ({ hosts: sshHosts() }),
      runs: () => this.#allRuns(),
      checkLaunch: ({ file, node }) => control.runs.check(file, node),
      launch: ({ file, node, run, ...wish }) =>
        control.runs.launch(file, node, run, wish, (progress) => this.#peer.emit('transfer', progress)),
      launchBatch: ({ runs, nodes, priority = 0 }) =>
        control.runs.launchBatch(runs, nodes, priority, (progress) => this.#peer.emit('transfer', progress)),
      holdQueue: async ({ node, hold }) => {
        await control.runs.holdQueue(node, hold);
        return done;
      },
      setPriority: async ({ run, priority }) => {
        await control.runs.setPriority(run, priority);
        return done;
      },
      copyCheckpoint: (wish) =>
        control.checkpoints.copy(wish, (progress) => this.#peer.emit('transfer', progress)),
      cancelTransfer: async ({ transfer }) => ({ found: control.transfers.cancel(transfer) }),
      stop: async ({ run }) => {
        await control.runs.stop(run);
        return done;
      },
      kill: ({ run }) => control.runs.kill(run),
      resume: async ({ run }) => {
        await control.runs.resume(run, (progress) => this.#peer.emit('transfer', progress));
        return done;
      },
      deleteRun: async ({ run, onNode }) => {
        await control.deleteRun(run, onNode);
        this.#context.runRemoved(run);
        return done;
      },
      restoreRun: async ({ run }) => ({ shown: control.notebook.restore(run) }),
      noteRuns: async ({ runs, change }) => {
        control.notebook.note(runs, change);
        return done;
      },
      pinBaseline: async ({ run }) => {
        control.notebook.pinBaseline(run);
        return done;
      },
      notices: async ({ take }) => ({ notices: control.notebook.notices(take) }),
      readRunFile: async ({ run, file, offset, length }) => ({
        withBytes: await control.runs.readFile(run, file, offset, length),
      }),
      runFile: async ({ run }) => ({ file: control.runs.file(run) }),
      runEvents: async ({ run }) => ({ events: control.runs.events(run) }),
      compare: async ({ runs }) => ({ runs: await control.comparison.answer(runs, turns) }),
      series: async (request) => ({ withBytes: await control.series.answer(request, turns) }),
      exportRuns: (request) =>
        control.exports.export(request, (progress) => this.#peer.emit('transfer', progress)),
      exportTable: (request) =>
        control.exports.exportTable(request, (progress) => this.#peer.emit('transfer', progress)),
      importRuns: (request) =>
        control.imports.import(request, (progress) => this.#peer.emit('transfer', progress)),
      subscribe: async ({ series }) => {
        this.#watched = new Set(series.map(({ run, metric }) => `${run} ${metric}`));
        return done;
      },
    };
  }
}
