/**
 * Waits and retry gaps are multiplied by this, so that fault tests run the real programs with shorter timeouts.
 * Never applied to anything that is measured.
 */
export function clockFactor(environment: NodeJS.ProcessEnv = process.env): number {
  const factor = Number(environment.BIPHASE_CLOCK ?? 1);
  return Number.isFinite(factor) && factor > 0 ? factor : 1;
}

/** Milliseconds of a wait of `ms` under the clock factor. */
export function scaledMs(ms: number): number {
  return Math.max(1, Math.round(ms * clockFactor()));
}
