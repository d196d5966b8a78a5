import type { ExecChannel } from './transport.ts';

type Bytes = Iterable<Buffer> | AsyncIterable<Buffer>;

/**
 * Writes bytes to a command, each piece as a whole before the next is asked for, and gives up when the command has ended.
 * `onBytes` gets how many were taken so far. Throws what the source throws.
 */
export async function sendBytes(
  { stdin, exit }: ExecChannel,
  bytes: Bytes,
  onBytes: (taken: number) => void,
): Promise<void> {
  const over = exit.then(() => undefined);
  const pieces = iteratorOf(bytes);
  let taken = 0;
  try {
    for (;;) {
      // A source that hangs is not waited for when the command is gone.
      const piece = await Promise.race([pieces.next(), over]);
      if (!piece || piece.done) return;
      const written = new Promise<boolean>((resolve) => stdin.write(piece.value, (error) => resolve(!error)));
      if (!(await Promise.race([written, over]))) return;
      taken += piece.value.length;
      onBytes(taken);
    }
  } finally {
    pieces.return(undefined).catch(() => undefined);
  }
}

async function* iteratorOf(bytes: Bytes): AsyncGenerator<Buffer, undefined> {
  yield* bytes;
}
