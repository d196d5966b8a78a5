import { setTimeout as sleep } from 'node:timers/promises';
import { scaledMs } from '../../core/clock.ts';
import { BiphaseError, toBiphaseError } from '../../core/errors.ts';

/** Lost connections in a row that brought nothing. */
const mostLosses = 3;
const afterLossMs = 1000;

/**
 * Tries again after a lost connection, as long as attempts move something: they call `reached` with how far they are, in
 * bytes.
 */
export async function persevere<T>(
  work: (reached: (bytes: number) => void) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  let furthest = 0;
  for (let losses = 0; ; losses++) {
    try {
      signal.throwIfAborted();
      return await work((bytes) => {
        if (bytes <= furthest) return;
        furthest = bytes;
        losses = 0;
      });
    } catch (thrown) {
      const error = toBiphaseError(thrown);
      if (signal.aborted || error.kind !== 'unreachable') throw error;
      if (losses >= mostLosses)
        throw new BiphaseError('unreachable', error.message, {
          next: 'Start it again when the node is there: what was copied is kept.',
          cause: error,
        });
      await sleep(scaledMs(afterLossMs), undefined, { signal });
    }
  }
}
