import { confidence } from './meanInterval.ts';
import { mean, sampleDeviation } from './moments.ts';
import { criticalT, twoSidedP } from './studentT.ts';

/** A difference of two means, its standard error with its degrees of freedom, and the two-sided p of no difference. */
export interface Difference {
  difference: number;
  error: number;
  degrees: number;
  p: number;
}

/** Two-sided 95 % interval of a difference. */
export function differenceInterval({ difference, error, degrees }: Difference): {
  low: number;
  high: number;
} {
  const half = criticalT(confidence, degrees) * error;
  return { low: difference - half, high: difference + half };
}

/**
 * Null where the standard error is no more than the rounding of numbers of this `size`, or no number: values without
 * spread say nothing about chance.
 */
function tested(difference: number, error: number, degrees: number, size: number): Difference | null {
  if (!(error > 16 * Number.EPSILON * size) || !Number.isFinite(difference / error)) return null;
  return { difference, error, degrees, p: twoSidedP(difference / error, degrees) };
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
  return tested(mean(b) - mean(a), error, degrees, largest(a, b));
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
  return tested(mean(differences), error, differences.length - 1, largest(a, b));
}

function largest(...lists: readonly (readonly number[])[]): number {
  return lists.flat().reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}
