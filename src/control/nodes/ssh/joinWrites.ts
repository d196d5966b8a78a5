import type { Duplex } from 'node:stream';

/**
 * Has a socket send in one piece what is written to it in one turn. ssh2 writes every packet in three pieces (its length,
 * its content, its tag), and without Nagle's algorithm each is a system call and a segment of its own.
 */
export function joinWrites<T extends Duplex>(socket: T): T {
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  let joining = false;
  socket.write = (...args: unknown[]): boolean => {
    if (!joining) {
      joining = true;
      socket.cork();
      process.nextTick(() => {
        joining = false;
        socket.uncork();
      });
    }
    return write(...args);
  };
  return socket;
}
