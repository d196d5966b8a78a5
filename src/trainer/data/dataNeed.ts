import { totalSteps } from '../../core/phases.ts';
import type { ResolvedRunFile } from '../../protocol/runFile.ts';
import { type Packing, samplesPerBlock } from './packing.ts';
import { type WindowLayout, windowEndOfBlock, windowLayout } from './tokenWindows.ts';

/** Samples that a run's order must hold: those before its first, which `from` has used, and its own. */
export function neededSamples(
  file: Pick<ResolvedRunFile, 'phases' | 'batch'>,
  start: { step: number; samples: number },
): number {
  return start.samples + (totalSteps(file.phases) - start.step) * file.batch.samples;
}

/** Training tokens that must be there to read the first `samples` samples: whole windows, at most `limit`. */
export function neededTokens(
  packing: Packing,
  samples: number,
  limit: number | null,
  layout: WindowLayout = windowLayout,
): number {
  const blocks = Math.max(1, Math.ceil(samples / samplesPerBlock(packing)));
  return Math.min(windowEndOfBlock(blocks - 1, packing.length, layout), limit ?? Number.POSITIVE_INFINITY);
}
