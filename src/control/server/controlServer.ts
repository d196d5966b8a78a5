import net from 'node:net';
import { scaledMs } from '../../core/clock.ts';
import { toBiphaseError } from '../../core/errors.ts';
import { Turns } from '../../core/turns.ts';
import { Control, type ControlOptions } from '../control.ts';
import { ClientSession } from './clientSession.ts';
import { listenPrivately, socketIsThere } from './controlSocket.ts';

export interface ServerOptions extends ControlOptions {
  address: string;
  version: string;
  /** Called once when control has ended by itself. */
  ended: () => void;
}

const idleMs = 60_000;
const socketLookMs = 5000;
const gatherMs = 10;
/** A few milliseconds' work. */
const toldAtOnce = 25;

/** Control's clients: who is there, what each is told, and when nobody needs control any more. */
export class ControlServer {
  readonly #options: ServerOptions;
  readonly #control: Control;
  readonly #sessions = new Set<ClientSession>();
  readonly #turns = new Turns();
  #server: net.Server | undefined;
  #idle: NodeJS.Timeout | undefined;
  #look: NodeJS.Timeout | undefined;
  #gather: NodeJS.Timeout | undefined;
  #nodesChanged = false;
  readonly #changedRuns = new Set<string>();
  #closing = false;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#control = new Control(options, {
      nodesChanged: () => {
        this.#nodesChanged = true;
        this.#soon();
      },
      runChanged: (run) => {
        this.#changedRuns.add(run);
        this.#soon();
      },
      committed: (run, committed) => {
        const sessions = [...this.#sessions];
        const watched = (metric: string): boolean => sessions.some((s) => s.watches(run, metric));
        for (const { data, binary } of this.#control.series.deltas(run, committed, watched))
          for (const session of sessions) if (session.watches(run, data.metric)) session.points(data, binary);
        if (!committed.overview) return;
        this.#changedRuns.add(run);
        this.#soon();
      },
    });
  }

  async listen(): Promise<void> {
    await this.#openSocket();
    this.#look = setInterval(() => {
      if (socketIsThere(this.#options.address)) return;
      this.#options.log('the socket was removed; making it again');
      this.#server?.close();
      this.#openSocket().catch((error: unknown) =>
        this.#options.log(`listen: ${toBiphaseError(error).message}`),
      );
    }, socketLookMs);
    this.#look.unref();
    this.#control.start();
    this.#waitForClients();
  }

  /** Ends control: clients are told by their connections' end. Runs go on. */
  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    clearTimeout(this.#idle);
    clearInterval(this.#look);
    this.#server?.close();
    this.#control.close();
    clearTimeout(this.#gather);
    for (const session of this.#sessions) session.end();
    this.#options.ended();
  }

  async #openSocket(): Promise<void> {
    const server = net.createServer((socket) => this.#accept(socket));
    await listenPrivately(server, this.#options.address);
    server.on('error', (error) => this.#options.log(`socket: ${error.message}`));
    this.#server = server;
  }

  #accept(socket: net.Socket): void {
    clearTimeout(this.#idle);
    const session = new ClientSession(socket, {
      control: this.#control,
      turns: this.#turns,
      version: this.#options.version,
      shutdown: () => this.close(),
      runRemoved: (run) => {
        for (const other of this.#sessions) other.runs([], [run]);
      },
      closed: () => {
        this.#sessions.delete(session);
        if (this.#sessions.size === 0) this.#waitForClients();
      },
      log: this.#options.log,
    });
    this.#sessions.add(session);
  }

  #waitForClients(): void {
    clearTimeout(this.#idle);
    if (this.#closing) return;
    this.#idle = setTimeout(() => {
      // A window that is reloaded finds its copy going on.
      if (this.#control.transfers.busy) return this.#waitForClients();
      this.#options.log('no client for a minute: ending');
      this.close();
    }, scaledMs(idleMs));
  }

  /** Trees need no news by the millisecond: changes of a few are told together. */
  #soon(): void {
    this.#gather ??= setTimeout(() => {
      this.#gather = undefined;
      const changed = [...this.#changedRuns];
      this.#changedRuns.clear();
      for (let at = 0; at < changed.length; at += toldAtOnce)
        void this.#turns.do(() => this.#tellRuns(changed.slice(at, at + toldAtOnce)));
      const nodes = this.#nodesChanged ? this.#control.nodeSummaries() : undefined;
      this.#nodesChanged = false;
      if (nodes) for (const session of this.#sessions) session.nodes(nodes);
    }, gatherMs);
  }

  #tellRuns(changed: readonly string[]): void {
    if (this.#closing) return;
    const runs = changed.map((run) => this.#control.runSummary(run)).filter((run) => run !== undefined);
    if (runs.length > 0) for (const session of this.#sessions) session.runs(runs, []);
  }
}
