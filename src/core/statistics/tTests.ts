import { confidence } from './meanInterval.ts';
import { mean, sampleDeviation } from './moments.ts';
import { criticalT, twoSidedP } from './studentT.ts';

/** A difference of two means with its two-sided 95 % interval and p. */
export interface Difference {
  difference: number;
  low: number;
  high: number;
  p: number;
  degrees: number;
}

/** Null where the standard error is 0 or no number: values without spread say nothing about chance. */
function tested(difference: number, error: number, degrees: number): Difference | null {
  if (!(error > 0) || !Number.isFinite(difference / error)) return null;
  const half = criticalT(confidence, degrees) * error;
  const p = twoSidedP(difference / error, degrees);
  return { difference, low: difference - half, high: difference + half, p, degrees };
}

/**
 * Welch's test of mean(b) − mean(a) (Welch, 1947): unequal variances, degrees of freedom by Satterthwaite. Null where
 * one side has fewer than two values or neither has spread.
 */
export function welchTest(a: readonly number[], b: readonly number[]): Difference | null {
  if (a.length < 2 || b.length < 2) return null;
  const errors = [a, b].map((values) => sampleDeviation(values) / Math.sqrt(values.length));
  const error = Math.hypot(...errors);
  if (!(error > 0)) return null;
  // Shares of the error's square: nothing overflows on the way.
  const [ofA, ofB] = errors.map((each) => (each / error) ** 2);
  const degrees = 1 / (ofA! ** 2 / (a.length - 1) + ofB! ** 2 / (b.length - 1));
  return tested(mean(b) - mean(a), error, degrees);
}

/**
 * Paired t-test of the mean of b[i] − a[i]: for the same seeds in both. Null where there are fewer than two pairs or
 * the differences have no spread. Throws RangeError where the lengths differ.
 */
export function pairedTest(a: readonly number[], b: readonly number[]): Difference | null {
  if (a.length !== b.length) throw new RangeError('Pairs need two lists of one length.');
  if (a.length < 2) return null;
  const differences = b.map((value, i) => value - a[i]!);
  const error = sampleDeviation(differences) / Math.sqrt(differences.length);
  return tested(mean(differences), error, differences.length - 1);
}
