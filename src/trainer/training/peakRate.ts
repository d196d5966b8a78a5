import { measurePanelRates } from '../engine/wasm/panelRates.ts';
import type { ComputePlan } from './computePlan.ts';

/** How long is measured: the best of many short runs. */
const measureMs = 100;

let oneThread: Promise<number> | undefined;

/**
 * Floating-point operations a second that the run's threads can reach together, measured once a process; null for the
 * reference engine, which is there to be read.
 */
export async function peakOf({
  engine,
  threads,
}: Pick<ComputePlan, 'engine' | 'threads'>): Promise<number | null> {
  if (engine === 'reference') return null;
  oneThread ??= measurePanelRates(measureMs).then(({ narrow, wide }) => Math.max(narrow, wide));
  return (await oneThread) * threads;
}
