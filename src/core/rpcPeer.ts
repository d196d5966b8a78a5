import type { EventOf, Events, Methods, ParamsOf, ResultOf, WireError } from '../protocol/contract.ts';
import { envelopeSchema } from '../protocol/contract.ts';
import { encodeFrame, FrameDecoder } from '../protocol/frames.ts';
import { BiphaseError, type ErrorKind, toBiphaseError } from './errors.ts';

/** A value with the bytes that travel beside it. */
export interface WithBytes<T> {
  value: T;
  binary?: Uint8Array | undefined;
}

export type Handlers<M extends Methods> = {
  [K in keyof M]: (
    params: ParamsOf<M, K>,
    binary: Uint8Array | undefined,
  ) => Promise<ResultOf<M, K> | { withBytes: WithBytes<ResultOf<M, K>> }>;
};
type EventHandlers<E extends Events> = {
  [K in keyof E]?: (data: EventOf<E, K>, binary: Uint8Array | undefined) => void;
};

interface Waiting {
  resolve: (value: WithBytes<unknown>) => void;
  reject: (error: BiphaseError) => void;
  schema: { parse(value: unknown): unknown };
}

/** What one end of a border serves and expects; both ends import the same contract from src/protocol. */
export interface PeerContract<
  Served extends Methods,
  Called extends Methods,
  Sent extends Events,
  Received extends Events,
> {
  served: Served;
  called: Called;
  sent: Sent;
  received: Received;
}

/**
 * Requests, answers and events over any byte stream. Pure but for `send`: feed it bytes with `receive`.
 * Everything that comes in is checked; a peer that breaks the contract is told, and the stream goes on.
 */
export class RpcPeer<
  Served extends Methods,
  Called extends Methods,
  Sent extends Events,
  Received extends Events,
> {
  readonly #contract: PeerContract<Served, Called, Sent, Received>;
  readonly #handlers: Handlers<Served>;
  readonly #events: EventHandlers<Received> = {};
  readonly #send: (bytes: Uint8Array) => void;
  readonly #decoder = new FrameDecoder();
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #closed: BiphaseError | undefined;

  constructor(
    contract: PeerContract<Served, Called, Sent, Received>,
    handlers: Handlers<Served>,
    send: (bytes: Uint8Array) => void,
  ) {
    this.#contract = contract;
    this.#handlers = handlers;
    this.#send = send;
  }

  /** Sets the one handler of an event. */
  on<K extends keyof Received & string>(
    event: K,
    handler: (data: EventOf<Received, K>, binary: Uint8Array | undefined) => void,
  ): void {
    this.#events[event] = handler;
  }

  async call<K extends keyof Called & string>(
    method: K,
    params: ParamsOf<Called, K>,
    binary?: Uint8Array,
  ): Promise<ResultOf<Called, K>> {
    return (await this.callWithBytes(method, params, binary)).value;
  }

  callWithBytes<K extends keyof Called & string>(
    method: K,
    params: ParamsOf<Called, K>,
    binary?: Uint8Array,
  ): Promise<WithBytes<ResultOf<Called, K>>> {
    if (this.#closed) return Promise.reject(this.#closed);
    const id = this.#nextId++;
    const schema = this.#contract.called[method]!.result;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: WithBytes<unknown>) => void, reject, schema });
      this.#send(encodeFrame({ id, method, params }, binary));
    });
  }

  emit<K extends keyof Sent & string>(event: K, data: EventOf<Sent, K>, binary?: Uint8Array): void {
    if (!this.#closed) this.#send(encodeFrame({ event, data }, binary));
  }

  /** Bytes from the other end. Throws RangeError when they are no frames at all: then close the stream. */
  receive(chunk: Uint8Array): void {
    for (const frame of this.#decoder.push(chunk)) this.#dispatch(frame.json, frame.binary);
  }

  /** Fails every call that still waits: the outcome of each is unknown to the caller. */
  close(reason: BiphaseError = new BiphaseError('unreachable', 'The connection was closed.')): void {
    if (this.#closed) return;
    this.#closed = reason;
    for (const waiting of this.#waiting.values()) waiting.reject(reason);
    this.#waiting.clear();
  }

  #dispatch(json: unknown, binary: Uint8Array | undefined): void {
    const parsed = envelopeSchema.safeParse(json);
    if (!parsed.success) return;
    const envelope = parsed.data;
    if ('method' in envelope) void this.#serve(envelope.id, envelope.method, envelope.params, binary);
    else if ('event' in envelope) this.#receiveEvent(envelope.event, envelope.data, binary);
    else this.#settle(envelope, binary);
  }

  async #serve(id: number, method: string, params: unknown, binary: Uint8Array | undefined): Promise<void> {
    try {
      const contract = Object.hasOwn(this.#contract.served, method)
        ? this.#contract.served[method]
        : undefined;
      if (!contract) throw new BiphaseError('internal', `There is no method "${method}".`);
      const checked = contract.params.safeParse(params);
      if (!checked.success)
        throw new BiphaseError(
          'internal',
          `A call of ${method} broke the contract: ${firstFault(checked.error)}.`,
        );
      const handler = this.#handlers[method as keyof Served];
      const answer = await handler(checked.data as ParamsOf<Served, keyof Served>, binary);
      if (this.#closed) return;
      if (typeof answer === 'object' && answer !== null && 'withBytes' in answer) {
        const { value, binary: bytes } = answer.withBytes as WithBytes<unknown>;
        this.#send(encodeFrame({ id, result: value }, bytes));
      } else this.#send(encodeFrame({ id, result: answer }));
    } catch (thrown) {
      const error = toBiphaseError(thrown);
      const wire: WireError = {
        kind: error.kind,
        message: error.message,
        ...(error.next === undefined ? {} : { next: error.next }),
      };
      if (!this.#closed) this.#send(encodeFrame({ id, error: wire }));
    }
  }

  #receiveEvent(event: string, data: unknown, binary: Uint8Array | undefined): void {
    const schema = Object.hasOwn(this.#contract.received, event) ? this.#contract.received[event] : undefined;
    const checked = schema?.safeParse(data);
    if (checked?.success)
      this.#events[event as keyof Received]?.(checked.data as EventOf<Received, keyof Received>, binary);
  }

  #settle(
    envelope: { id: number; result?: unknown; error?: WireError },
    binary: Uint8Array | undefined,
  ): void {
    const waiting = this.#waiting.get(envelope.id);
    if (!waiting) return;
    this.#waiting.delete(envelope.id);
    if (envelope.error) {
      const { kind, message, next } = envelope.error;
      waiting.reject(new BiphaseError(kind as ErrorKind, message, next === undefined ? {} : { next }));
      return;
    }
    try {
      waiting.resolve({ value: waiting.schema.parse(envelope.result), binary });
    } catch (cause) {
      waiting.reject(new BiphaseError('internal', 'The answer broke the contract.', { cause }));
    }
  }
}

/** `run: not a run id` */
function firstFault({ issues }: { issues: readonly { path: PropertyKey[]; message: string }[] }): string {
  const [first] = issues;
  return first ? [...first.path.map(String), first.message].join(': ') : 'it is of another kind';
}
