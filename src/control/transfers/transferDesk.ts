import { BiphaseError } from '../../core/errors.ts';
import type { TransferProgress } from '../../protocol/controlApi.ts';

/** Nobody reads more than a few numbers a second. */
const tellEveryMs = 200;

/** How a copy tells what it does. */
export type Tell = (progress: Omit<TransferProgress, 'transfer'>) => void;
type Listener = (progress: TransferProgress) => void;

interface Running {
  stop: AbortController;
  listeners: Set<Listener>;
  result: Promise<unknown>;
}

/** Copies that are under way: each has a name by which it is cancelled. */
export class TransferDesk {
  readonly #running = new Map<string, Running>();
  /** The last of those that write to one place; the next one waits for it. */
  readonly #places = new Map<string, Promise<unknown>>();

  get busy(): boolean {
    return this.#running.size > 0;
  }

  /** Asked again under the same name it joins the one that is under way. @throws BiphaseError `cancelled` once somebody wanted it */
  run<T>(
    transfer: string,
    listener: Listener,
    work: (options: { signal: AbortSignal; tell: Tell }) => Promise<T>,
  ): Promise<T> {
    const there = this.#running.get(transfer);
    if (there) {
      there.listeners.add(listener);
      return there.result as Promise<T>;
    }
    const stop = new AbortController();
    const listeners = new Set([listener]);
    const tell = sparingly((progress) => {
      for (const each of listeners) each({ transfer, ...progress });
    });
    const result = this.#finish(transfer, stop.signal, work({ signal: stop.signal, tell }));
    this.#running.set(transfer, { stop, listeners, result });
    return result;
  }

  /** False where nothing of that name is under way. */
  cancel(transfer: string): boolean {
    this.#running.get(transfer)?.stop.abort();
    return this.#running.has(transfer);
  }

  close(): void {
    for (const { stop } of this.#running.values()) stop.abort();
  }

  /** One at a time writes to a place; who comes later finds what was brought. */
  async alone<T>(place: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const before = this.#places.get(place) ?? Promise.resolve();
    const mine = before
      .catch(() => undefined)
      .then(() => {
        signal.throwIfAborted();
        return work();
      });
    this.#places.set(place, mine);
    try {
      return await mine;
    } finally {
      if (this.#places.get(place) === mine) this.#places.delete(place);
    }
  }

  async #finish<T>(transfer: string, signal: AbortSignal, work: Promise<T>): Promise<T> {
    try {
      // What it waits for may not hear of the cancel; what it does ends on its own, and the place is its until then.
      return await Promise.race([work, untilAborted(signal)]);
    } catch (error) {
      if (signal.aborted) throw new BiphaseError('cancelled', 'The copy was cancelled.', { cause: error });
      throw error;
    } finally {
      this.#running.delete(transfer);
    }
  }
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
  );
}

/** Leaves out what comes soon after the last, but for the end of it and the beginning of something else. */
function sparingly(tell: Tell): Tell {
  let toldAt = Number.NEGATIVE_INFINITY;
  let said = '';
  return (progress) => {
    const now = performance.now();
    if (progress.doing === said && progress.done < progress.total && now - toldAt < tellEveryMs) return;
    toldAt = now;
    said = progress.doing;
    tell(progress);
  };
}
