import type { ResolvedPhase, ResolvedRunFile } from '../protocol/runFile.ts';
import { trainingFlops } from './parameterCounts.ts';
import { maskRatioAt, phaseStart, totalSteps } from './phases.ts';
import { shortestPart } from './shortestPart.ts';

/** FLOPs a token of one phase: `fixed` + `chosen` × the share of chosen tokens. `before`: sum over all earlier updates. */
interface PhaseRate {
  start: number;
  fixed: number;
  chosen: number;
  before: number;
}

/**
 * Training FLOPs of a run: tokens × the mean FLOPs a token of the updates so far, all updates being of one size. FLOPs
 * are counted as `trainingFlops` does: matrices, attention and the head at loss positions, forward and backward;
 * recomputation and the optimizer are not counted. A branch that continues its trunk's schedule counts from the trunk's
 * step 0, as its tokens do.
 *
 * A token's share is that of a block of the length L that the run file names. With `sizes: fixed` the block is one
 * sample. With `sizes: random` it is two, L/2 long in the mean; attention is quadratic, so the two are taken one standard
 * deviation of the cut apart, which gives its mean exactly. With `documentAttention` samples still count as one piece.
 * Loss positions are all but the last of each sample for clm, and the chosen share for mlm.
 */
export class FlopsOfRun {
  readonly #phases: readonly ResolvedPhase[];
  readonly #rates: PhaseRate[] = [];

  constructor(file: ResolvedRunFile) {
    this.#phases = file.phases;
    let before = 0;
    for (const [index, phase] of file.phases.entries()) {
      const rate = { start: phaseStart(file.phases, index), ...ratesOf(file, phase), before };
      this.#rates.push(rate);
      before = this.#sum(rate, phase.until);
    }
  }

  /** FLOPs after `step` updates (at least 0) that saw `tokens` tokens. */
  at(step: number, tokens: number): number {
    return tokens * this.perToken(step);
  }

  /** Mean over the first `step` updates; default: over the whole run. Beyond its end it goes on as its last phase. */
  perToken(step = totalSteps(this.#phases)): number {
    if (step <= 0) return 0;
    const rate = this.#rates.findLast(({ start }) => start < step);
    return rate ? this.#sum(rate, step) / step : 0;
  }

  /** Up to an update of the phase that the rate is of. */
  #sum({ start, fixed, chosen, before }: PhaseRate, step: number): number {
    // The share is linear in the update.
    const ratio = (maskRatioAt(this.#phases, start) + maskRatioAt(this.#phases, step - 1)) / 2;
    return before + (step - start) * (fixed + chosen * ratio);
  }
}

function ratesOf(file: ResolvedRunFile, phase: ResolvedPhase): { fixed: number; chosen: number } {
  const clm = blockFlops(file, true, (tokens, samples) => tokens - samples);
  if (phase.objective === 'clm') return { fixed: clm, chosen: 0 };
  const mlm = blockFlops(file, false, () => 0);
  const chosen = blockFlops(file, false, (tokens) => tokens) - mlm;
  if (phase.objective === 'mlm') return { fixed: mlm, chosen };
  return { fixed: phase.share.clm * clm + phase.share.mlm * mlm, chosen: phase.share.mlm * chosen };
}

/** FLOPs a token of a block. */
function blockFlops(
  { model, data }: ResolvedRunFile,
  causal: boolean,
  lossPositions: (tokens: number, samples: number) => number,
): number {
  const sampleLengths = meanSampleLengths(data.packing);
  const tokens = data.packing.length;
  const positions = lossPositions(tokens, sampleLengths.length);
  return trainingFlops(model, { tokens, lossPositions: positions, sampleLengths, causal }) / tokens;
}

/** Lengths, not whole numbers, whose sum and sum of squares are the means of a block's samples. */
export function meanSampleLengths({ length, sizes }: ResolvedRunFile['data']['packing']): number[] {
  if (sizes === 'fixed') return [length];
  const shortest = shortestPart(length);
  // Of a whole number that is uniform between the shortest part and the rest of the block.
  const deviation = Math.sqrt(((length - 2 * shortest + 1) ** 2 - 1) / 12);
  return [length / 2 - deviation, length / 2 + deviation];
}
