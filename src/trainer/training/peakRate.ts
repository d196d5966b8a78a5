import { needBlas } from '../engine/blas/findBlas.ts';
import { measureBlasRate } from '../engine/blas/measureBlasRate.ts';
import type { EngineName } from '../engine/chooseEngine.ts';
import { measurePanelRates } from '../engine/wasm/panelRates.ts';

const MILLISECONDS = 300;
const measured = new Map<EngineName, Promise<number>>();

/**
 * Floating-point operations a second that an engine's threads can reach together in its innermost product, measured
 * once a process; null for the reference engine, which is there to be read.
 */
export async function peakOf({
  engine,
  threads,
}: {
  engine: EngineName;
  threads: number;
}): Promise<number | null> {
  return engine === 'reference' ? null : (await threadRate(engine)) * threads;
}

/** The same for one thread. */
export function threadRate(engine: 'wasm' | 'blas'): Promise<number> {
  const rate = measured.get(engine) ?? measure(engine);
  measured.set(engine, rate);
  return rate;
}

async function measure(engine: 'wasm' | 'blas'): Promise<number> {
  if (engine === 'blas') return measureBlasRate(needBlas(), MILLISECONDS);
  const { narrow, wide } = await measurePanelRates(MILLISECONDS);
  return Math.max(narrow, wide);
}
