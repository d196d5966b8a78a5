import { setTimeout as sleep } from 'node:timers/promises';

/** Looks until something is there, for what raises no event; answers with it. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  patienceMs = 120_000,
): Promise<Exclude<T, false | null | undefined>> {
  const late = AbortSignal.timeout(patienceMs);
  for (;;) {
    const found = await look();
    if (found !== false && found !== null && found !== undefined)
      return found as Exclude<T, false | null | undefined>;
    if (late.aborted) throw new Error(`${what} did not happen`);
    await sleep(50);
  }
}
