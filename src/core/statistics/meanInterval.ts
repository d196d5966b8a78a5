import { mean, sampleDeviation } from './moments.ts';
import { criticalT } from './studentT.ts';

/** Confidence of every interval that is shown. */
export const confidence = 0.95;

/** A mean of n values with the half width of its two-sided 95 % t-interval; `half` is null where n < 2. */
export interface MeanInterval {
  mean: number;
  half: number | null;
  n: number;
}

/** `mean ± t · s / √n`, t with n − 1 degrees of freedom; null of nothing. Values are finite. */
export function meanInterval(values: readonly number[]): MeanInterval | null {
  const n = values.length;
  if (n === 0) return null;
  const half = n < 2 ? null : (criticalT(confidence, n - 1) * sampleDeviation(values)) / Math.sqrt(n);
  return { mean: mean(values), half, n };
}
