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
  /** Of the newest point; -1: there is none. */
  #step = -1;
  #mean = 0;
  #weight = 0;
  /** Last step of the newest point's phase. */
  #phaseEnd = Number.POSITIVE_INFINITY;
  /** Points are mostly even: the powers of the last spacing. */
  #spacing = 0;
  #kept = 1;
  #own = 0;

  /**
   * @param halfLife in steps, above 0
   * @param phaseEnds last step of each phase but the last, ascending
   * @param carry goes on from there
   */
  constructor(halfLife: number, phaseEnds: readonly number[], carry: SmoothingCarry | null = null) {
    this.#halfLife = halfLife;
    this.#phaseEnds = phaseEnds;
    if (carry) this.#begin(carry.step, carry.mean, carry.weight);
  }

  /** State after the newest point; null: the next one begins anew. */
  get carry(): SmoothingCarry | null {
    return this.#step < 0 ? null : { mean: this.#mean, step: this.#step, weight: this.#weight };
  }

  /** The average at the next point, whose step is above the one before; NaN where y is not finite. */
  next(step: number, y: number): number {
    if (!Number.isFinite(y)) {
      this.#step = -1;
      return Number.NaN;
    }
    const spacing = step - this.#step;
    if (this.#step < 0 || step > this.#phaseEnd || spacing > longestGap * this.#halfLife) {
      this.#begin(step, y, 0);
      return y;
    }
    if (spacing !== this.#spacing) {
      const halfLives = spacing / this.#halfLife;
      this.#spacing = spacing;
      this.#kept = 2 ** -halfLives;
      // Exact where the spacing is a tiny part of the half-life.
      this.#own = -Math.expm1(-Math.LN2 * halfLives);
    }
    this.#weight = (this.#weight === 0 ? this.#own : this.#weight) * this.#kept + this.#own;
    this.#mean = between(this.#mean, y, this.#own / this.#weight);
    this.#step = step;
    return this.#mean;
  }

  #begin(step: number, mean: number, weight: number): void {
    this.#step = step;
    this.#mean = mean;
    this.#weight = weight;
    this.#phaseEnd = this.#phaseEnds.find((end) => end >= step) ?? Number.POSITIVE_INFINITY;
  }
}

/** a + (b − a)·share without the difference, which may be too large for a number; rounding never leaves [a, b]. */
function between(a: number, b: number, share: number): number {
  const value = a * (1 - share) + b * share;
  return Math.min(Math.max(value, Math.min(a, b)), Math.max(a, b));
}
