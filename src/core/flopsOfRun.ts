import type { ResolvedPhase, ResolvedRunFile } from '../protocol/runFile.ts';
import { trainingFlops } from './parameterCounts.ts';
import { maskRatioAt, phaseStart, totalSteps } from './phases.ts';
import { shortestPart } from './shortestPart.ts';

/**
 * Training FLOPs of a run after `step` updates (at least 0) that saw `tokens` tokens: tokens × the mean FLOPs a token of
 * the updates so far, all updates being of one size. FLOPs are counted as `trainingFlops` does: matrices, attention and
 * the head at loss positions, forward and backward; recomputation and the optimizer are not counted. A branch that
 * continues its trunk's schedule counts from the trunk's step 0, as its tokens do.
 *
 * A token's share is that of a block of the length L that the run file names. With `sizes: fixed` the block is one
 * sample. With `sizes: random` it is two, L/2 long in the mean; attention is quadratic, so the two are taken one standard
 * deviation of the cut apart, which gives its mean exactly. With `documentAttention` samples still count as one piece.
 * Loss positions are all but the last of each sample for clm, and the chosen share for mlm.
 */
export function flopsAt(file: ResolvedRunFile, step: number, tokens: number): number {
  return tokens * flopsPerToken(file, step);
}

/** Mean training FLOPs a token over the first `step` updates; default: over the whole run. */
export function flopsPerToken(file: ResolvedRunFile, step = totalSteps(file.phases)): number {
  if (step <= 0) return 0;
  let sum = 0;
  for (const [index, phase] of file.phases.entries()) {
    const start = phaseStart(file.phases, index);
    // Beyond the planned end it goes on as its last phase.
    const end = index === file.phases.length - 1 ? step : Math.min(step, phase.until);
    if (end > start) sum += (end - start) * phaseRate(file, phase, meanRatio(file.phases, start, end));
  }
  return sum / step;
}

/** Mean share of chosen tokens over updates [start, end) of one phase: it is linear in them. */
function meanRatio(phases: readonly ResolvedPhase[], start: number, end: number): number {
  return (maskRatioAt(phases, start) + maskRatioAt(phases, end - 1)) / 2;
}

function phaseRate(file: ResolvedRunFile, phase: ResolvedPhase, ratio: number): number {
  const mlm = blockFlops(file, false, (tokens) => tokens * ratio);
  if (phase.objective === 'mlm') return mlm;
  const clm = blockFlops(file, true, (tokens, samples) => tokens - samples);
  return phase.objective === 'clm' ? clm : phase.share.clm * clm + phase.share.mlm * mlm;
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
