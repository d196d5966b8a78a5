import { scaledMs } from '../../core/clock.ts';
import { BiphaseError } from '../../core/errors.ts';
import { RpcPeer, type WithBytes } from '../../core/rpcPeer.ts';
import {
  type AgentEvents,
  type AgentHello,
  type AgentMethods,
  agentEvents,
  agentMethods,
  agentProtocolVersion,
} from '../../protocol/agentApi.ts';
import type { EventOf, ParamsOf, ResultOf } from '../../protocol/contract.ts';
import { readLines } from './lines.ts';
import type { ExecChannel } from './transport.ts';

/** What the agent tells by itself. */
export type AgentListener = {
  [K in keyof AgentEvents]: (data: EventOf<AgentEvents, K>, binary: Uint8Array | undefined) => void;
};

const helloTimeoutMs = 30_000;

/** A conversation with a node's agent over one channel. */
export class AgentLink {
  readonly hello: AgentHello;
  /** Settles when the agent is gone, with the reason. */
  readonly closed: Promise<BiphaseError>;
  readonly #peer: AgentPeer;
  readonly #channel: ExecChannel;
  #open = true;

  private constructor(
    hello: AgentHello,
    peer: AgentPeer,
    channel: ExecChannel,
    closed: Promise<BiphaseError>,
  ) {
    this.hello = hello;
    this.closed = closed;
    this.#peer = peer;
    this.#channel = channel;
    void closed.then(() => {
      this.#open = false;
    });
  }

  get open(): boolean {
    return this.#open;
  }

  /** Greets the agent. `log` gets the lines of its stderr. */
  static async open(
    channel: ExecChannel,
    listener: AgentListener,
    log: (line: string) => void,
  ): Promise<AgentLink> {
    const peer: AgentPeer = new RpcPeer(
      { served: {}, called: agentMethods, sent: {}, received: agentEvents },
      {},
      (bytes) => void channel.stdin.write(bytes),
    );
    peer.on('run', listener.run);
    peer.on('queue', listener.queue);
    peer.on('gone', listener.gone);
    peer.on('bytes', listener.bytes);
    let lastLine = '';
    readLines(channel.stderr, (line) => {
      lastLine = line;
      log(line);
    });
    const closed = new Promise<BiphaseError>((resolve) => {
      channel.stdout.on('data', (chunk: Uint8Array) => {
        try {
          peer.receive(chunk);
        } catch (cause) {
          resolve(
            new BiphaseError('damaged', 'The node answers with something else than the agent does.', {
              next: 'Look whether a login script of the node prints text for commands.',
              cause,
            }),
          );
          channel.close();
        }
      });
      void channel.exit.then((exit) => {
        if (!exit.known) return resolve(exit.reason);
        const how = exit.signal ?? `code ${exit.code}`;
        resolve(
          new BiphaseError('unreachable', `The agent ended with ${how}${lastLine ? `: ${lastLine}` : '.'}`),
        );
      });
    });
    void closed.then((reason) => peer.close(reason));
    const hello = await greet(peer, channel);
    return new AgentLink(hello, peer, channel, closed);
  }

  call<K extends keyof AgentMethods & string>(
    method: K,
    params: ParamsOf<AgentMethods, K>,
  ): Promise<ResultOf<AgentMethods, K>> {
    return this.#peer.call(method, params);
  }

  callWithBytes<K extends keyof AgentMethods & string>(
    method: K,
    params: ParamsOf<AgentMethods, K>,
  ): Promise<WithBytes<ResultOf<AgentMethods, K>>> {
    return this.#peer.callWithBytes(method, params);
  }

  close(): void {
    this.#channel.close();
  }
}

type AgentPeer = RpcPeer<Record<never, never>, AgentMethods, Record<never, never>, AgentEvents>;

async function greet(peer: AgentPeer, channel: ExecChannel): Promise<AgentHello> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new BiphaseError('unreachable', 'The agent on the node does not answer.')),
      scaledMs(helloTimeoutMs),
    );
  });
  try {
    const hello = await Promise.race([peer.call('hello', { protocol: agentProtocolVersion }), timeout]);
    if (hello.protocol !== agentProtocolVersion)
      throw new BiphaseError(
        'internal',
        `The agent speaks protocol ${hello.protocol}, not ${agentProtocolVersion}.`,
      );
    return hello;
  } catch (error) {
    channel.close();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
