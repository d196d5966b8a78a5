import { maskRatioName } from '../../core/runNames.ts';
import type { ResolvedRunFile } from '../../protocol/runFile.ts';
import { SamplePacker, type TokenSource } from '../data/packing.ts';
import type { PretrainingModel } from '../model/pretrainingModel.ts';
import { type BatchRules, clmBatch, mlmBatch, type Objective } from '../objectives/microBatches.ts';

/** Every run is validated so, whatever it masks itself, so that runs compare. */
export const validationMaskRatio = 0.4;

/** One held-out loss. */
export interface ValidationMeasure {
  /** As in the metric's name: `clm`, `mlm`, or for a ratio of the run's own `mlm20`. */
  name: string;
  objective: Objective;
  /** Of mlm. */
  maskRatio: number;
}

/** CLM and MLM at 40 % for every run, and the ratios at which its own phases begin and end where they differ. */
function measuresOf(file: ResolvedRunFile): ValidationMeasure[] {
  const own = file.phases.flatMap((phase) => (phase.objective === 'clm' ? [] : phase.maskRatio));
  const others = [...new Set(own)].filter((ratio) => ratio !== validationMaskRatio);
  return [
    { name: 'clm', objective: 'clm', maskRatio: 0 },
    { name: 'mlm', objective: 'mlm', maskRatio: validationMaskRatio },
    ...others.map((maskRatio) => ({
      name: maskRatioName(maskRatio),
      objective: 'mlm' as const,
      maskRatio,
    })),
  ];
}

/** Held-out loss on the same samples with the same masks at every step of every run of one corpus. */
export class Validator {
  readonly measures: readonly ValidationMeasure[];
  readonly #packer: SamplePacker;
  readonly #samples: number;
  readonly #rules: BatchRules;

  /** `rules.masker` has a seed that does not depend on the run's. */
  constructor(file: ResolvedRunFile, source: TokenSource, rules: BatchRules) {
    const { packing, validation } = file.data;
    this.#rules = rules;
    this.measures = measuresOf(file);
    // A held-out part shorter than a block is one short block.
    const short = source.length < packing.length;
    const used = short ? { length: Math.max(2, source.length), sizes: 'fixed' as const } : packing;
    this.#packer = new SamplePacker(source, used, 0, { shuffle: false });
    const blocks = Math.min(this.#packer.blocks, Math.max(1, Math.floor(validation.tokens / used.length)));
    this.#samples = used.sizes === 'random' ? 2 * blocks : blocks;
  }

  /** Mean cross-entropy in nats over the loss positions; NaN where there are none. */
  async loss(
    model: PretrainingModel,
    { objective, maskRatio }: ValidationMeasure,
    tick: () => Promise<void>,
  ): Promise<number> {
    const { microBatch } = this.#rules;
    let sum = 0;
    let positions = 0;
    for (let start = 0; start < this.#samples; start += microBatch) {
      await tick();
      const count = Math.min(microBatch, this.#samples - start);
      const samples = Array.from({ length: count }, (_, i) => this.#packer.sample(start + i));
      const batch =
        objective === 'clm'
          ? clmBatch(samples, this.#rules)
          : mlmBatch(samples, maskRatio, { mask: 1, random: 0, keep: 0 }, this.#rules);
      if (batch.lossRows.length === 0) continue;
      const part = await model.evaluate(batch);
      sum += part.lossSum;
      positions += part.lossPositions;
    }
    return sum / positions;
  }
}
