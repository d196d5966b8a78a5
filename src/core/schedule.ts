import type { ResolvedRunFile } from '../protocol/runFile.ts';

/**
 * Learning rate of the update made at `step` (from 0) under warm-up, stable, decay:
 * peak·(s+1)/warmup, then peak, then peak·(1 − p) with p = (s − start + 1)/decay (linear) or peak·(1 − √p) (1-sqrt).
 * The last update of the run has rate 0 where there is a decay.
 */
export function learningRateAt(
  schedule: ResolvedRunFile['schedule'],
  step: number,
  totalSteps: number,
): number {
  const decayStart = totalSteps - schedule.decay;
  const warm = step < schedule.warmup ? (step + 1) / schedule.warmup : 1;
  if (step < decayStart) return schedule.peak * warm;
  const share = Math.min(1, (step - decayStart + 1) / schedule.decay);
  return schedule.peak * warm * (1 - (schedule.shape === 'linear' ? share : Math.sqrt(share)));
}

/** First step of the decay; equal to the total where there is none. */
export function decayStart(schedule: ResolvedRunFile['schedule'], totalSteps: number): number {
  return totalSteps - schedule.decay;
}
