import { setTimeout as sleep } from 'node:timers/promises';

const lookEveryMs = 100;

/**
 * Iterates what `make` makes, calling `tick` while the next item is waited for. Where the loop is left, or `tick`
 * throws, the making is told by its signal.
 */
export async function* watched<T>(
  make: (signal: AbortSignal) => AsyncIterable<T>,
  tick: () => Promise<void>,
): AsyncGenerator<T> {
  const abort = new AbortController();
  const items = make(abort.signal)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await whileTicking(items.next(), tick);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    abort.abort();
    await items.return?.().catch(() => {});
  }
}

/** Waits for a promise, calling `tick` ten times a second. @throws what either throws */
export async function whileTicking<T>(promise: Promise<T>, tick: () => Promise<void>): Promise<T> {
  // Its failure is thrown below, or nobody waits for it any more.
  promise.catch(() => {});
  const waited = new AbortController();
  try {
    for (;;) {
      const pause = sleep(lookEveryMs, 'pause' as const, { signal: waited.signal }).catch(
        () => 'pause' as const,
      );
      const first = await Promise.race([promise.then((value) => ({ value })), pause]);
      if (first !== 'pause') return first.value;
      await tick();
    }
  } finally {
    waited.abort();
  }
}
