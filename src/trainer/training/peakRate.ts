import { measurePeak } from '../engine/wasm/measurePeak.ts';
import type { ComputePlan } from './computePlan.ts';

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
  oneThread ??= measurePeak();
  return (await oneThread) * threads;
}
