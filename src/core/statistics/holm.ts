/**
 * Holm's step-down adjustment of p-values for a family of tests (Holm, 1979), in the order they came: each sorted p times
 * the number of tests not yet passed, never below the one before, at most 1. Controls the family-wise error rate under
 * any dependence.
 */
export function holm(ps: readonly number[]): number[] {
  const order = ps.map((_, i) => i).sort((a, b) => ps[a]! - ps[b]!);
  const adjusted = new Array<number>(ps.length);
  let most = 0;
  for (const [rank, index] of order.entries()) {
    most = Math.max(most, Math.min(1, ps[index]! * (ps.length - rank)));
    adjusted[index] = most;
  }
  return adjusted;
}
