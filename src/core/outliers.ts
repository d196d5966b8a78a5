/** Values that a new one is compared with. */
export const outlierWindow = 128;
/** Standard deviations above the window's mean from which a value is an outlier. */
export const outlierDeviations = 6;

/**
 * Finds values that stand out above those before them: z-scores over a sliding window, as llm.c's detector has them.
 * Says nothing until the window is full; values that are not finite never enter it.
 */
export class OutlierDetector {
  readonly #window = new Float64Array(outlierWindow);
  #seen = 0;

  /** Standard deviations of the value above the mean of the window before it; null while that is not full. */
  zScore(value: number): number | null {
    if (!Number.isFinite(value)) return null;
    const score = this.#seen < outlierWindow ? null : this.#score(value);
    this.#window[this.#seen++ % outlierWindow] = value;
    return score;
  }

  /** Forgets everything: what comes next is of another kind, as after a switch of objectives. */
  reset(): void {
    this.#seen = 0;
  }

  #score(value: number): number | null {
    const mean = this.#window.reduce((sum, x) => sum + x, 0) / outlierWindow;
    const variance = this.#window.reduce((sum, x) => sum + (x - mean) ** 2, 0) / outlierWindow;
    return variance > 0 ? (value - mean) / Math.sqrt(variance) : null;
  }
}
