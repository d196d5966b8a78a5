import type { Replacement, ResolvedPhase } from '../../protocol/runFile.ts';
import type { Sample } from '../data/packing.ts';
import type { PackedBatch } from '../model/pretrainingModel.ts';
import type { Masker } from './masking.ts';

export type Objective = 'clm' | 'mlm';

export interface MicroBatch {
  objective: Objective;
  batch: PackedBatch;
}

/** How samples become batches, the same for training and validation. */
export interface BatchRules {
  /** Samples of one pass at most. */
  microBatch: number;
  /** Documents of one sample do not see each other. */
  documentAttention: boolean;
  eos: number;
  masker: Masker;
}

/**
 * What each of `count` samples of an update is for. Mixed spreads the clm ones evenly over the samples' numbers, from
 * `first` on, so that a share too small for one batch is kept over several.
 */
export function objectivesOf(phase: ResolvedPhase, count: number, first: number): Objective[] {
  if (phase.objective !== 'mixed') return new Array<Objective>(count).fill(phase.objective);
  const { clm } = phase.share;
  // Samples for clm among all before one; the sum of shares such as 0.1 must not fall just under a whole number.
  const before = (number: number): number => Math.floor(number * clm + 1e-6);
  return Array.from({ length: count }, (_, i) => (before(first + i + 1) > before(first + i) ? 'clm' : 'mlm'));
}

/** Where samples begin, as cumulative lengths; with document attention also after each eos. */
function boundaries(samples: readonly Sample[], rules: BatchRules): Int32Array {
  const ends = [0];
  let at = 0;
  for (const { ids } of samples) {
    if (rules.documentAttention) {
      for (let i = 0; i < ids.length - 1; i++) if (ids[i] === rules.eos) ends.push(at + i + 1);
    }
    at += ids.length;
    ends.push(at);
  }
  return Int32Array.from(ends);
}

function joined(samples: readonly Sample[]): Int32Array {
  const ids = new Int32Array(samples.reduce((sum, s) => sum + s.ids.length, 0));
  let at = 0;
  for (const sample of samples) {
    ids.set(sample.ids, at);
    at += sample.ids.length;
  }
  return ids;
}

/** Next token, shifted inside each sample: its last token predicts nothing. */
export function clmBatch(samples: readonly Sample[], rules: BatchRules): PackedBatch {
  const inputIds = joined(samples);
  const cumulativeLengths = boundaries(samples, rules);
  const rows: number[] = [];
  for (let s = 0; s + 1 < cumulativeLengths.length; s++)
    for (let row = cumulativeLengths[s]; row + 1 < cumulativeLengths[s + 1]; row++) rows.push(row);
  const lossRows = Int32Array.from(rows);
  return {
    inputIds,
    cumulativeLengths,
    causal: true,
    lossRows,
    targets: lossRows.map((row) => inputIds[row + 1]),
  };
}

/** The chosen tokens, seen from both sides. */
export function mlmBatch(
  samples: readonly Sample[],
  ratio: number,
  replacement: Replacement,
  rules: BatchRules,
): PackedBatch {
  const masked = samples.map((sample) => rules.masker.mask(sample, ratio, replacement));
  const rows: number[] = [];
  const targets: number[] = [];
  let at = 0;
  masked.forEach((m) => {
    for (const position of m.positions) rows.push(at + position);
    targets.push(...m.targets);
    at += m.ids.length;
  });
  return {
    inputIds: joined(samples.map((sample, index) => ({ ...sample, ids: masked[index].ids }))),
    // Boundaries come from the text as it was: eos is never masked, but a mask must not look like one.
    cumulativeLengths: boundaries(samples, rules),
    causal: false,
    lossRows: Int32Array.from(rows),
    targets: Int32Array.from(targets),
  };
}

/**
 * Cuts an update's samples into passes of one objective each, in the order of the samples.
 * @param first number of the first sample
 */
export function microBatches(
  samples: readonly Sample[],
  phase: ResolvedPhase,
  maskRatio: number,
  rules: BatchRules,
  first: number,
): MicroBatch[] {
  const objectives = objectivesOf(phase, samples.length, first);
  const out: MicroBatch[] = [];
  for (const objective of ['clm', 'mlm'] as const) {
    const mine = samples.filter((_, index) => objectives[index] === objective);
    for (let start = 0; start < mine.length; start += rules.microBatch) {
      const part = mine.slice(start, start + rules.microBatch);
      const replacement = phase.objective === 'clm' ? { mask: 1, random: 0, keep: 0 } : phase.replacement;
      const batch =
        objective === 'clm' ? clmBatch(part, rules) : mlmBatch(part, maskRatio, replacement, rules);
      out.push({ objective, batch });
    }
  }
  return out;
}
