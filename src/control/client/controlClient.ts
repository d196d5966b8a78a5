import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import * as z from 'zod';
import { scaledMs } from '../../core/clock.ts';
import { BiphaseError, errorKinds, toBiphaseError } from '../../core/errors.ts';
import { makeFolder } from '../../core/makeFolder.ts';
import { RpcPeer, type WithBytes } from '../../core/rpcPeer.ts';
import type { EventOf, ParamsOf, ResultOf } from '../../protocol/contract.ts';
import {
  type ClientEvents,
  type ControlEvents,
  type ControlMethods,
  controlEvents,
  controlMethods,
  controlProtocolVersion,
} from '../../protocol/controlApi.ts';
import { compareVersions } from './compareVersions.ts';
import { MetricNames } from './metricNames.ts';
import { controlSocket } from './stateFolder.ts';

export interface ControlOptions {
  /** From `stateFolder()`. */
  stateFolder: string;
  /** The built `dist/control.mjs`; the bundle for nodes lies beside it. */
  controlFile: string;
  /** Node ≥ 24, or VS Code's Electron, which is started with ELECTRON_RUN_AS_NODE=1. */
  execPath: string;
  client: 'window' | 'cli';
  /** Whether questions may come here: never to a window whose workspace is not trusted. Looked at with each hello. */
  trusted: () => boolean;
  /** Of this client; an older control is asked to end and replaced. */
  version: string;
  /** For the process that is started; default: this process's. */
  environment?: NodeJS.ProcessEnv;
}

type Handler<K extends keyof ClientEvents> = (
  data: EventOf<ClientEvents, K>,
  binary: Uint8Array | undefined,
) => void;

/** One open connection to control. When it is lost every waiting call fails with `unreachable`. */
export interface ControlClient {
  readonly pid: number;
  /** false from the moment the connection is gone. */
  readonly open: boolean;
  call<K extends keyof ControlMethods & string>(
    method: K,
    params: ParamsOf<ControlMethods, K>,
  ): Promise<ResultOf<ControlMethods, K>>;
  callWithBytes<K extends keyof ControlMethods & string>(
    method: K,
    params: ParamsOf<ControlMethods, K>,
  ): Promise<WithBytes<ResultOf<ControlMethods, K>>>;
  /** Adds a handler of an event; the answer removes it. */
  on<K extends keyof ClientEvents & string>(event: K, handler: Handler<K>): () => void;
  /** Settles when the connection is gone: with the reason, or undefined after `dispose`. */
  readonly closed: Promise<BiphaseError | undefined>;
  dispose(): void;
}

const startTimeoutMs = 15_000;
const helloTimeoutMs = 10_000;
const earlyEventsKept = 64;

/**
 * Joins the control process of the state folder; starts it, detached, where none answers. Several callers at once end
 * up at the same process. Throws `unreachable` when it does not come up, `refused` when a newer one runs.
 */
export async function connectControl(options: ControlOptions): Promise<ControlClient> {
  const deadline = performance.now() + startTimeoutMs;
  const address = controlSocket(options.stateFolder);
  let started: Starting | undefined;
  let wait = 5;
  for (;;) {
    const socket = await openSocket(address);
    if (socket) {
      const client = await greet(socket, options);
      started?.release();
      if (client) return client;
      started = undefined;
    } else if (started?.failure) {
      throw started.failure;
    } else if (!started || (started.ended && wait >= 100)) started = startControl(options);
    if (performance.now() > deadline)
      throw new BiphaseError('unreachable', 'The control process of Biphase does not answer.', {
        next: `Look into ${path.join(options.stateFolder, 'control.log')}${started?.problem ? `: ${started.problem}` : ''}.`,
      });
    await new Promise((resolve) => setTimeout(resolve, scaledMs(wait)));
    wait = Math.min(wait * 1.5, 200);
  }
}

function openSocket(address: string): Promise<net.Socket | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect(address);
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', () => resolve(undefined));
  });
}

interface Starting {
  ended: boolean;
  problem: string | undefined;
  /** Why it cannot start, in its own words. */
  failure: BiphaseError | undefined;
  /** Lets go of it. */
  release(): void;
}

const failureSchema = z.object({
  kind: z.enum(errorKinds),
  message: z.string(),
  next: z.string().optional(),
});

function startControl(options: ControlOptions): Starting {
  // What Node itself says when the process cannot start belongs into the log.
  const log = openLog(options.stateFolder);
  const child = spawn(options.execPath, [options.controlFile, '--state', options.stateFolder], {
    detached: true,
    stdio: ['ignore', 'ignore', log, 'ipc'],
    windowsHide: true,
    cwd: options.stateFolder,
    env: { ...(options.environment ?? process.env), ELECTRON_RUN_AS_NODE: '1' },
  });
  fs.closeSync(log);
  const state: Starting = {
    ended: false,
    problem: undefined,
    failure: undefined,
    release: () => {
      if (child.connected) child.disconnect();
    },
  };
  child.on('message', (message) => {
    const told = failureSchema.safeParse(message);
    if (told.success)
      state.failure = new BiphaseError(told.data.kind, told.data.message, { next: told.data.next });
  });
  child.once('error', (error) => {
    state.ended = true;
    state.problem = error.message;
  });
  child.once('exit', () => {
    state.ended = true;
  });
  child.unref();
  child.channel?.unref();
  return state;
}

function openLog(stateFolder: string): number {
  try {
    makeFolder(stateFolder);
    // What is no file, such as a pipe, is not waited for.
    const { O_APPEND, O_CREAT, O_NONBLOCK, O_WRONLY } = fs.constants;
    return fs.openSync(
      path.join(stateFolder, 'control.log'),
      O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK,
      0o600,
    );
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new BiphaseError('usage', `The state folder ${stateFolder} cannot be used (${code}).`, {
      next: 'Set BIPHASE_STATE, or the setting biphase.stateFolder, to a folder that you can write.',
      cause,
    });
  }
}

/** Says hello; undefined when this control is on its way out and the caller should try again. */
async function greet(socket: net.Socket, options: ControlOptions): Promise<ControlClient | undefined> {
  const client = new SocketClient(socket);
  try {
    const hello = await withTimeout(
      client.call('hello', {
        protocol: controlProtocolVersion,
        version: options.version,
        client: options.client,
        trusted: options.trusted(),
      }),
      helloTimeoutMs,
    );
    const age = compareVersions(hello.version, options.version);
    if (age < 0) {
      await client.call('shutdown', {}).catch(() => undefined);
      await client.closed;
      return undefined;
    }
    if (hello.protocol !== controlProtocolVersion) {
      client.dispose();
      throw new BiphaseError('refused', `Biphase ${hello.version} is already running for another window.`, {
        next: 'Reload this window to use the newer version.',
      });
    }
    client.pid = hello.pid;
    return client;
  } catch (error) {
    client.dispose();
    const known = toBiphaseError(error);
    if (known.kind === 'unreachable') return undefined;
    throw known;
  }
}

function withTimeout<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new BiphaseError('unreachable', 'Control did not answer.')),
      scaledMs(ms),
    );
  });
  return Promise.race([promise, timeout]).finally(() => clearTimeout(timer));
}

class SocketClient implements ControlClient {
  pid = 0;
  open = true;
  readonly closed: Promise<BiphaseError | undefined>;
  readonly #socket: net.Socket;
  readonly #peer: RpcPeer<Record<never, never>, ControlMethods, Record<never, never>, ControlEvents>;
  readonly #handlers = new Map<string, Set<(data: never, binary: Uint8Array | undefined) => void>>();
  /** What came before anybody listened: control may ask a question in the same breath as it answers hello. */
  #early: { event: string; data: unknown; binary: Uint8Array | undefined }[] = [];
  #disposed = false;
  readonly #names = new MetricNames();

  constructor(socket: net.Socket) {
    this.#socket = socket;
    this.#peer = new RpcPeer(
      { served: {}, called: controlMethods, sent: {}, received: controlEvents },
      {},
      (bytes) => void socket.write(bytes),
    );
    for (const event of Object.keys(controlEvents) as (keyof ControlEvents & string)[])
      this.#peer.on(event, (told, binary) => {
        const data = event === 'runs' ? this.#names.complete(told as EventOf<ControlEvents, 'runs'>) : told;
        const handlers = this.#handlers.get(event);
        if (handlers) for (const handler of [...handlers]) handler(data as never, binary);
        else if (this.#early.length < earlyEventsKept) this.#early.push({ event, data, binary });
      });
    socket.on('data', (chunk) => {
      try {
        this.#peer.receive(chunk);
      } catch {
        socket.destroy();
      }
    });
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.open = false;
        const reason = new BiphaseError('unreachable', 'The connection to control was lost.');
        this.#peer.close(reason);
        resolve(this.#disposed ? undefined : reason);
      });
    });
  }

  async call<K extends keyof ControlMethods & string>(
    method: K,
    params: ParamsOf<ControlMethods, K>,
  ): Promise<ResultOf<ControlMethods, K>> {
    return (await this.callWithBytes(method, params)).value;
  }

  async callWithBytes<K extends keyof ControlMethods & string>(
    method: K,
    params: ParamsOf<ControlMethods, K>,
  ): Promise<WithBytes<ResultOf<ControlMethods, K>>> {
    const answer = await this.#peer.callWithBytes(method, params);
    if (method === 'runs') this.#names.remember((answer.value as ResultOf<ControlMethods, 'runs'>).runs);
    return answer;
  }

  on<K extends keyof ClientEvents & string>(event: K, handler: Handler<K>): () => void {
    const handlers = this.#handlers.get(event) ?? new Set();
    this.#handlers.set(event, handlers);
    handlers.add(handler);
    const early = this.#early.filter((one) => one.event === event);
    this.#early = this.#early.filter((one) => one.event !== event);
    for (const { data, binary } of early) handler(data as never, binary);
    return () => void handlers.delete(handler);
  }

  dispose(): void {
    this.#disposed = true;
    this.open = false;
    this.#socket.destroy();
    this.#peer.close(new BiphaseError('cancelled', 'The connection to control was closed.'));
  }
}
