import { scaledMs } from '../../core/clock.ts';
import { BiphaseError, toBiphaseError } from '../../core/errors.ts';
import type { WithBytes } from '../../core/rpcPeer.ts';
import type { EventOf, ParamsOf, ResultOf } from '../../protocol/contract.ts';
import type { ClientEvents, ControlMethods } from '../../protocol/controlApi.ts';
import { type ControlClient, type ControlOptions, connectControl } from './controlClient.ts';

export type ConnectionState =
  | { state: 'connecting' }
  /** `again`: control is another process than before; snapshots held so far are stale. */
  | { state: 'connected'; again: boolean }
  | { state: 'failed'; error: BiphaseError };

type Series = ParamsOf<ControlMethods, 'subscribe'>['series'];
type Handler<K extends keyof ClientEvents> = (
  data: EventOf<ClientEvents, K>,
  binary: Uint8Array | undefined,
) => void;

/** Asking these twice does no harm, so a call that was cut off is made once more. */
const repeatable: ReadonlySet<keyof ControlMethods> = new Set<keyof ControlMethods>([
  'nodes',
  'sshHosts',
  'listFolder',
  'runs',
  'checkLaunch',
  'launch',
  'stop',
  'copyCheckpoint',
  'cancelTransfer',
  'readRunFile',
  'runFile',
  'runEvents',
  'series',
]);

/**
 * A connection to control that comes back: when control was killed it is started again, subscription and focus are
 * sent again, and `onState` tells with `again: true` that snapshots must be asked for anew.
 */
export class ControlConnection {
  readonly #options: ControlOptions;
  readonly #handlers = new Map<string, Set<(data: never, binary: Uint8Array | undefined) => void>>();
  readonly #stateHandlers = new Set<(state: ConnectionState) => void>();
  #client: ControlClient | undefined;
  #connecting: Promise<ControlClient> | undefined;
  #connectedBefore = false;
  #series: Series = [];
  #focused = false;
  #disposed = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: ControlOptions) {
    this.#options = options;
  }

  /** Connects now instead of at the first call. */
  async connect(): Promise<void> {
    await this.#ready();
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
    const client = await this.#ready();
    try {
      return await client.callWithBytes(method, params);
    } catch (error) {
      const lost = !client.open && !this.#disposed;
      if (!lost || toBiphaseError(error).kind !== 'unreachable' || !repeatable.has(method)) throw error;
      return (await this.#ready()).callWithBytes(method, params);
    }
  }

  /** Adds a handler of an event, over all reconnections; the answer removes it. */
  on<K extends keyof ClientEvents & string>(event: K, handler: Handler<K>): () => void {
    const handlers = this.#handlers.get(event) ?? new Set();
    if (!this.#handlers.has(event)) {
      this.#handlers.set(event, handlers);
      if (this.#client) this.#forward(this.#client, event);
    }
    handlers.add(handler);
    return () => void handlers.delete(handler);
  }

  onState(handler: (state: ConnectionState) => void): () => void {
    this.#stateHandlers.add(handler);
    return () => void this.#stateHandlers.delete(handler);
  }

  /** Sets the series whose points are wanted; kept over reconnections. */
  async subscribe(series: Series): Promise<void> {
    this.#series = series;
    await (await this.#ready()).call('subscribe', { series });
  }

  /** Tells whether this window has the focus: prompts go to the window that had it last. */
  async focus(focused: boolean): Promise<void> {
    this.#focused = focused;
    if (focused) await (await this.#ready()).call('focus', {});
  }

  /** The window is trusted from now on; control hears of it again with each hello. */
  async trust(): Promise<void> {
    await (await this.#ready()).call('trust', {});
  }

  dispose(): void {
    this.#disposed = true;
    clearTimeout(this.#retry);
    this.#client?.dispose();
    this.#client = undefined;
  }

  #ready(): Promise<ControlClient> {
    if (this.#disposed) return Promise.reject(new BiphaseError('cancelled', 'The window is closing.'));
    if (this.#client?.open) return Promise.resolve(this.#client);
    this.#connecting ??= this.#open().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #open(): Promise<ControlClient> {
    clearTimeout(this.#retry);
    this.#tell({ state: 'connecting' });
    try {
      const client = await connectControl(this.#options);
      if (this.#disposed) {
        client.dispose();
        throw new BiphaseError('cancelled', 'The window is closing.');
      }
      for (const event of this.#handlers.keys()) this.#forward(client, event as keyof ClientEvents & string);
      void client.closed.then((reason) => this.#lost(client, reason));
      if (this.#focused) await client.call('focus', {});
      if (this.#series.length > 0) await client.call('subscribe', { series: this.#series });
      this.#client = client;
      const again = this.#connectedBefore;
      this.#connectedBefore = true;
      this.#tell({ state: 'connected', again });
      return client;
    } catch (thrown) {
      const error = toBiphaseError(thrown);
      this.#tell({ state: 'failed', error });
      throw error;
    }
  }

  #forward(client: ControlClient, event: keyof ClientEvents & string): void {
    client.on(event, (data, binary) => {
      for (const handler of [...(this.#handlers.get(event) ?? [])]) handler(data as never, binary);
    });
  }

  #lost(client: ControlClient, reason: BiphaseError | undefined): void {
    if (this.#client === client) this.#client = undefined;
    if (this.#disposed || !reason) return;
    this.#reconnect(0);
  }

  #reconnect(attempt: number): void {
    // A random share keeps several windows from starting control in the same millisecond.
    const wait = attempt === 0 ? Math.random() * 50 : Math.min(500 * 2 ** attempt, 10_000);
    this.#retry = setTimeout(() => {
      if (!this.#disposed && !this.#client) this.#ready().catch(() => this.#reconnect(attempt + 1));
    }, scaledMs(wait));
    this.#retry.unref();
  }

  #tell(state: ConnectionState): void {
    for (const handler of [...this.#stateHandlers]) handler(state);
  }
}
