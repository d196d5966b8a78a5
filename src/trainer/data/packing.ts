import { type PhiloxKey, philox, philoxKey } from '../../core/philox.ts';
import { permuted } from './permutation.ts';

/** Tokens of the eos-terminated documents of one split, end to end. */
export interface TokenSource {
  /** Tokens there are. */
  length: number;
  /** Copies tokens [start, start + target.length) into the target. */
  read(start: number, target: Int32Array): void;
}

export interface Packing {
  length: number;
  sizes: 'random' | 'fixed';
}

/** One training sample and its identity, which the mask's random numbers are drawn by. */
export interface Sample {
  /** [length of the sample] */
  ids: Int32Array;
  block: number;
  /** 0 or 1: which part of the block. */
  part: number;
  epoch: number;
}

/** The shortest part of a block: 12 tokens as in the paper, at most an eighth of a short block, never under 2. */
export function shortestPart(length: number): number {
  return Math.min(12, Math.max(2, Math.floor(length / 8)));
}

/**
 * Blocks of `length` tokens in a random order, each cut in two at a random place (sizes: random). The two parts of a
 * block follow each other, so the samples 2b and 2b + 1 together always hold `length` tokens. Sample numbers go on
 * without end: after each pass over the blocks comes another epoch with its own order and cuts.
 */
export class SamplePacker {
  readonly #source: TokenSource;
  readonly #packing: Packing;
  readonly #order: PhiloxKey;
  readonly #cuts: PhiloxKey;
  readonly #shuffle: boolean;
  /** Whole blocks; what is left at the end of the tokens is dropped. */
  readonly blocks: number;

  /** @param options.shuffle false: the blocks in their own order, for validation */
  constructor(source: TokenSource, packing: Packing, seed: number, options: { shuffle: boolean }) {
    this.#source = source;
    this.#packing = packing;
    this.#order = philoxKey(seed, 'order');
    this.#cuts = philoxKey(seed, 'cuts');
    this.#shuffle = options.shuffle;
    this.blocks = Math.floor(source.length / packing.length);
  }

  get samplesPerEpoch(): number {
    return this.#packing.sizes === 'random' ? 2 * this.blocks : this.blocks;
  }

  /** The sample of a number from 0, whatever was asked for before. */
  sample(number: number): Sample {
    const { length, sizes } = this.#packing;
    const parts = sizes === 'random' ? 2 : 1;
    const turn = Math.floor(number / parts);
    const part = number % parts;
    const epoch = Math.floor(turn / this.blocks);
    const place = turn % this.blocks;
    const block = this.#shuffle ? permuted(place, this.blocks, this.#order, epoch) : place;
    let start = block * this.#packing.length;
    let size = length;
    if (parts === 2) {
      const cut = this.#cut(block, epoch);
      size = part === 0 ? cut : length - cut;
      if (part === 1) start += cut;
    }
    const ids = new Int32Array(size);
    this.#source.read(start, ids);
    return { ids, block, part, epoch };
  }

  /** Uniform in shortest … length − shortest, both included. */
  #cut(block: number, epoch: number): number {
    const { length } = this.#packing;
    const shortest = shortestPart(length);
    const word = philox(this.#cuts, [block, epoch, 0, 0])[0];
    return shortest + Math.floor((word / 0x100000000) * (length - 2 * shortest + 1));
  }
}

/**
 * Most tokens that `samples` samples in a row can hold: what memory is planned for.
 * @param aligned every group starts at an even sample number
 */
export function mostTokens(packing: Packing, samples: number, aligned: boolean): number {
  if (packing.sizes === 'fixed') return samples * packing.length;
  return (Math.ceil(samples / 2) + (aligned ? 0 : 1)) * packing.length;
}
