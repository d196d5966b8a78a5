import net from 'node:net';

/** A TCP link that can be cut, stalled, closed and slowed down. One listener, one target. */
export interface FaultProxy {
  readonly host: string;
  readonly port: number;
  /** Connections made so far. */
  readonly accepted: number;
  /** Bytes passed on so far, towards the target and back. */
  readonly sent: number;
  readonly received: number;
  /** Resets every connection. */
  reset(): void;
  /** Closes every connection in order. */
  finish(): void;
  /** Nothing moves any more and nothing closes, as with a pulled cable; also for new connections. */
  stall(): void;
  resume(): void;
  /** Connections made so far carry nothing any more and do not close, as after a sleep; new ones work. */
  forget(): void;
  /** New connections are reset at once. */
  refuse(): void;
  /** Resets everything after so many more bytes towards the target, or `back`. */
  cutAfter(bytes: number, direction?: 'back'): void;
  /** Settles with the next connection that somebody makes. */
  nextConnection(): Promise<void>;
  /** Bytes a second in each direction; 0 = as fast as it goes. */
  limit(bytesPerSecond: number): void;
  /** Stops listening: connections are refused until `open`. */
  shut(): Promise<void>;
  open(): Promise<void>;
  close(): Promise<void>;
}

interface Link {
  client: net.Socket;
  target: net.Socket;
}

export async function startFaultProxy(targetPort: number, targetHost = '127.0.0.1'): Promise<FaultProxy> {
  const links = new Set<Link>();
  const forgotten = new Set<Link>();
  let waiting: (() => void)[] = [];
  let stalled = false;
  let refusing = false;
  const cut: { up: number | null; back: number | null } = { up: null, back: null };
  const passed = { up: 0, back: 0 };
  let rate = 0;
  let accepted = 0;

  const resetAll = (): void => {
    for (const { client, target } of [...links, ...forgotten]) {
      client.resetAndDestroy();
      target.resetAndDestroy();
    }
  };

  const pump = (link: Link, from: net.Socket, to: net.Socket, direction: 'up' | 'back'): void => {
    // One chain a direction keeps the order, whatever the delays.
    let chain: Promise<void> = Promise.resolve();
    from.on('data', (chunk: Buffer) => {
      const left = cut[direction];
      if (left !== null) {
        if (left <= chunk.length) {
          const part = chunk.subarray(0, left);
          cut[direction] = null;
          passed[direction] += part.length;
          to.write(part, resetAll);
          return;
        }
        cut[direction] = left - chunk.length;
      }
      passed[direction] += chunk.length;
      if (rate > 0) {
        from.pause();
        const wait = (chunk.length / rate) * 1000;
        chain = chain
          .then(() => new Promise<void>((resolve) => setTimeout(resolve, wait)))
          .then(() => {
            to.write(chunk);
            if (!stalled) from.resume();
          });
        return;
      }
      if (!to.write(chunk)) {
        from.pause();
        to.once('drain', () => {
          if (!stalled && !forgotten.has(link)) from.resume();
        });
      }
    });
    from.on('end', () => void chain.then(() => to.end()));
    from.on('error', () => to.destroy());
    from.on('close', () => {
      to.destroy();
      links.delete(link);
      forgotten.delete(link);
    });
    if (stalled) from.pause();
  };

  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    accepted++;
    for (const settle of waiting) settle();
    waiting = [];
    client.on('error', () => {});
    if (refusing) {
      client.resetAndDestroy();
      return;
    }
    const target = net.connect({ host: targetHost, port: targetPort, allowHalfOpen: true });
    const link = { client, target };
    links.add(link);
    client.setNoDelay(true);
    target.setNoDelay(true);
    pump(link, client, target, 'up');
    pump(link, target, client, 'back');
  });
  const listen = (port: number): Promise<number> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => resolve((server.address() as net.AddressInfo).port));
    });
  const shut = (): Promise<void> =>
    new Promise((resolve) => {
      if (!server.listening) return resolve();
      server.close(() => resolve());
      resetAll();
    });
  const port = await listen(0);
  return {
    host: '127.0.0.1',
    port,
    get accepted() {
      return accepted;
    },
    get received() {
      return passed.back;
    },
    get sent() {
      return passed.up;
    },
    reset: resetAll,
    finish: () => {
      for (const { client, target } of links) {
        client.end();
        target.end();
      }
    },
    stall: () => {
      stalled = true;
      for (const { client, target } of links) {
        client.pause();
        target.pause();
      }
    },
    resume: () => {
      stalled = false;
      refusing = false;
      for (const { client, target } of links) {
        client.resume();
        target.resume();
      }
    },
    forget: () => {
      for (const link of links) {
        link.client.pause();
        link.target.pause();
        forgotten.add(link);
      }
      links.clear();
    },
    refuse: () => {
      refusing = true;
    },
    nextConnection: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
      }),
    cutAfter: (bytes, direction) => {
      cut[direction ?? 'up'] = bytes;
    },
    limit: (bytesPerSecond) => {
      rate = bytesPerSecond;
    },
    shut,
    open: async () => {
      await listen(port);
    },
    close: shut,
  };
}
