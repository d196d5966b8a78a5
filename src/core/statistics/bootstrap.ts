import { philox, philoxKey } from '../philox.ts';
import { confidence } from './meanInterval.ts';
import { mean } from './moments.ts';

/** Resamples of every interval that is shown: its ends are then steady to about a hundredth of its width. */
const resamples = 10_000;

/**
 * Two-sided 95 % percentile interval of the mean (Efron, 1979): means of samples drawn with replacement, sorted; ends by
 * linear interpolation between them. The same values in the same order and the same seed give the same interval. Null of
 * fewer than two values. It is too narrow for very few values: say so beside it.
 */
export function bootstrapInterval(
  values: readonly number[],
  seed: number,
): { low: number; high: number } | null {
  const n = values.length;
  if (n < 2) return null;
  const key = philoxKey(seed, 'bootstrap');
  const means = new Float64Array(resamples);
  const drawn = new Array<number>(n);
  let words: readonly number[] = [];
  let used = 0;
  for (let i = 0; i < resamples; i++) {
    for (let j = 0; j < n; j++, used++) {
      if (used % 4 === 0) words = philox(key, [used / 4, 0, 0, 0]);
      // A multiply-and-shift choice: its bias is below n / 2³².
      drawn[j] = values[Math.floor((words[used % 4]! / 0x100000000) * n)]!;
    }
    means[i] = mean(drawn);
  }
  means.sort();
  const tail = (1 - confidence) / 2;
  return { low: quantileOf(means, tail), high: quantileOf(means, 1 - tail) };
}

/** Of sorted values, linear between neighbours: NumPy's default. */
function quantileOf(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)]!;
  return below + (sorted[Math.ceil(at)]! - below) * (at - Math.floor(at));
}
