import type { SmoothingCarry } from '../protocol/controlApi.ts';

/** After a gap of so many half-lives the average starts anew: a sixteenth of what was before it would be left. */
const longestGap = 4;

/**
 * Exponential moving average of points in order of their steps, with half-life h in steps:
 *
 *   s_j = Σ w_i y_i / Σ w_i over i ≤ j,   w_i = 2^(−(t_j − t_i)/h) · (1 − 2^(−(t_i − t_(i−1))/h))
 *
 * The second factor is the kernel's integral over the steps since the point before: each point stands for those, so
 * points that lie close together count no more than one in their place would (Eckner, "Algorithms for Unevenly Spaced
 * Time Series", 2014: the moving average of the next-point interpolation). The division takes out the bias of a short
 * past (Kingma and Ba, "Adam", 2015, section 3); for evenly spaced points both together are the well-known debiased
 * average. The first point has the spacing of the second.
 *
 * It starts anew with the first point of a phase, after a value that is not finite, and after a long gap, so that no
 * point stands for steps far away.
 */
export class Smoother {
  readonly #halfLife: number;
  readonly #phaseEnds: readonly number[];
  #carry: SmoothingCarry | null;

  /**
   * @param halfLife in steps, above 0
   * @param phaseEnds last step of each phase but the last, ascending
   * @param carry goes on from there
   */
  constructor(halfLife: number, phaseEnds: readonly number[], carry: SmoothingCarry | null = null) {
    this.#halfLife = halfLife;
    this.#phaseEnds = phaseEnds;
    this.#carry = carry;
  }

  /** State after the newest point; null: the next one begins anew. */
  get carry(): SmoothingCarry | null {
    return this.#carry;
  }

  /** The average at the next point, whose step is above the one before; NaN where y is not finite. */
  next(step: number, y: number): number {
    if (!Number.isFinite(y)) {
      this.#carry = null;
      return Number.NaN;
    }
    const before = this.#carry;
    if (before === null || this.#startsAnew(before.step, step)) {
      this.#carry = { mean: y, step, weight: 0 };
      return y;
    }
    const halfLives = (step - before.step) / this.#halfLife;
    const kept = 2 ** -halfLives;
    // Exact where the spacing is a tiny part of the half-life.
    const own = -Math.expm1(-Math.LN2 * halfLives);
    const weight = (before.weight === 0 ? own : before.weight) * kept + own;
    const mean = between(before.mean, y, own / weight);
    this.#carry = { mean, step, weight };
    return mean;
  }

  #startsAnew(before: number, step: number): boolean {
    if (step - before > longestGap * this.#halfLife) return true;
    // Few phases: a search would cost more.
    return this.#phaseEnds.some((end) => before <= end && end < step);
  }
}

/** a + (b − a)·share without the difference, which may be too large for a number; rounding never leaves [a, b]. */
function between(a: number, b: number, share: number): number {
  const value = a * (1 - share) + b * share;
  return Math.min(Math.max(value, Math.min(a, b)), Math.max(a, b));
}
