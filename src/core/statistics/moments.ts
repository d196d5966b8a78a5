/** Largest magnitude, or 1 where all values are 0: dividing by it keeps sums of values near 1e308 finite. */
function scaleOf(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
}

/** Arithmetic mean; NaN of nothing. Values near the largest number do not overflow. */
export function mean(values: readonly number[]): number {
  const scale = scaleOf(values);
  return (values.reduce((sum, value) => sum + value / scale, 0) / values.length) * scale;
}

/** Sample standard deviation (n − 1 in the denominator); NaN of fewer than two values. Two passes. */
export function sampleDeviation(values: readonly number[]): number {
  if (values.length < 2) return Number.NaN;
  const scale = scaleOf(values);
  const middle = mean(values) / scale;
  const squares = values.reduce((sum, value) => sum + (value / scale - middle) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1)) * scale;
}

/** The value in the middle, or halfway between the two there; NaN of nothing. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = Float64Array.from(values).sort();
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : sorted[half - 1]! / 2 + sorted[half]! / 2;
}
