import { type PhiloxKey, philox, philoxKey } from '../../core/philox.ts';
import type { Replacement } from '../../protocol/runFile.ts';
import type { Sample } from '../data/packing.ts';

/** What masking needs of the tokenizer. */
export interface MaskTokens {
  mask: number;
  /** Ids never chosen and never put in a token's place. */
  special: ReadonlySet<number>;
  /** Ids there are. */
  size: number;
}

/** A sample with chosen tokens replaced, and where they were. */
export interface MaskedSample {
  /** [length] what the model reads */
  ids: Int32Array;
  /** [chosen] positions in the sample, ascending */
  positions: number[];
  /** [chosen] the ids that stood there */
  targets: number[];
}

/**
 * Chooses tokens by u(sample, position, epoch) < ratio, so what 20 % chooses lies inside what 40 % chooses. Every
 * number is a function of the seed and the token's place: nothing has to be saved, and batch and rank do not matter.
 */
export class Masker {
  readonly #choice: PhiloxKey;
  readonly #fate: PhiloxKey;
  readonly #tokens: MaskTokens;
  readonly #ordinary: Int32Array;

  constructor(seed: number, tokens: MaskTokens) {
    this.#choice = philoxKey(seed, 'mask');
    this.#fate = philoxKey(seed, 'mask replacement');
    this.#tokens = tokens;
    this.#ordinary = Int32Array.from(
      Array.from({ length: tokens.size }, (_, id) => id).filter((id) => !tokens.special.has(id)),
    );
  }

  mask(sample: Sample, ratio: number, replacement: Replacement): MaskedSample {
    const ids = sample.ids.slice();
    const positions: number[] = [];
    const targets: number[] = [];
    const place = sample.epoch * 2 + sample.part;
    const threshold = ratio * 0x100000000;
    for (let start = 0; start < ids.length; start += 4) {
      const words = philox(this.#choice, [start, sample.block, place, 0]);
      for (let lane = 0; lane < 4 && start + lane < ids.length; lane++) {
        const position = start + lane;
        const id = ids[position];
        if (words[lane] >= threshold || this.#tokens.special.has(id)) continue;
        positions.push(position);
        targets.push(id);
        ids[position] = this.#replace(id, sample.block, place, position, replacement);
      }
    }
    return { ids, positions, targets };
  }

  #replace(id: number, block: number, place: number, position: number, share: Replacement): number {
    if (share.mask === 1) return this.#tokens.mask;
    const [fate, other] = philox(this.#fate, [position, block, place, 0]);
    const u = fate / 0x100000000;
    if (u < share.mask) return this.#tokens.mask;
    if (u < share.mask + share.random)
      return this.#ordinary[Math.floor((other / 0x100000000) * this.#ordinary.length)];
    return id;
  }
}
