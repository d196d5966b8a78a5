import { type PhiloxKey, philox, philoxKey } from '../../core/philox.ts';
import { shortestPart } from '../../core/shortestPart.ts';
import { permuted } from './permutation.ts';
import { type WindowLayout, windowEnd, windowLayout } from './tokenWindows.ts';

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

/** Where a sample's tokens lie, and its identity, which the mask's random numbers are drawn by. */
export interface SamplePlace {
  /** First token. */
  start: number;
  /** Tokens. */
  size: number;
  block: number;
  /** 0 or 1: which part of the block. */
  part: number;
  epoch: number;
}

/** One training sample and its identity. */
export interface Sample {
  /** [length of the sample] */
  ids: Int32Array;
  block: number;
  part: number;
  epoch: number;
}

/** Samples that a block gives. */
export function samplesPerBlock(packing: Packing): number {
  return packing.sizes === 'random' ? 2 : 1;
}

/** A stretch of tokens whose blocks are shuffled among each other. */
interface Window {
  start: number;
  firstBlock: number;
  blocks: number;
}

function windowsOf(tokens: number, length: number, layout: WindowLayout): Window[] {
  const windows: Window[] = [];
  let firstBlock = 0;
  for (let start = 0; start < tokens; ) {
    const end = windowEnd(start, layout);
    // What is left at the end of a window is dropped.
    const blocks = Math.floor((Math.min(end, tokens) - start) / length);
    if (blocks > 0) windows.push({ start, firstBlock, blocks });
    firstBlock += blocks;
    start = end;
  }
  return windows;
}

/**
 * Blocks of `length` tokens in a random order within windows of the tokens, each block cut in two at a random place
 * (sizes: random). The two parts of a block follow each other, so the samples 2b and 2b + 1 together always hold
 * `length` tokens. Sample numbers go on without end: after each pass over the blocks comes another epoch with its own
 * order and cuts.
 */
export class SamplePacker {
  readonly #source: TokenSource;
  readonly #packing: Packing;
  readonly #order: PhiloxKey;
  readonly #cuts: PhiloxKey;
  readonly #shuffle: boolean;
  readonly #windows: Window[];
  /** Whole blocks. */
  readonly blocks: number;

  /** @param options.shuffle false: the blocks in their own order, for validation */
  constructor(
    source: TokenSource,
    packing: Packing,
    seed: number,
    options: { shuffle: boolean; layout?: WindowLayout },
  ) {
    this.#source = source;
    this.#packing = packing;
    this.#order = philoxKey(seed, 'order');
    this.#cuts = philoxKey(seed, 'cuts');
    this.#shuffle = options.shuffle;
    this.#windows = windowsOf(source.length, packing.length, options.layout ?? windowLayout);
    this.blocks = this.#windows.reduce((sum, { blocks }) => sum + blocks, 0);
  }

  get samplesPerEpoch(): number {
    return samplesPerBlock(this.#packing) * this.blocks;
  }

  /** Where the sample of a number from 0 lies, whatever was asked for before. */
  place(number: number): SamplePlace {
    const { length } = this.#packing;
    const parts = samplesPerBlock(this.#packing);
    const turn = Math.floor(number / parts);
    const part = number % parts;
    const epoch = Math.floor(turn / this.blocks);
    const { block, start } = this.#block(turn % this.blocks, epoch);
    if (parts === 1) return { start, size: length, block, part, epoch };
    const cut = this.#cut(block, epoch);
    return part === 0
      ? { start, size: cut, block, part, epoch }
      : { start: start + cut, size: length - cut, block, part, epoch };
  }

  /** The sample of a number, read now. */
  sample(number: number): Sample {
    const { start, size, block, part, epoch } = this.place(number);
    const ids = new Int32Array(size);
    this.#source.read(start, ids);
    return { ids, block, part, epoch };
  }

  #block(place: number, epoch: number): { block: number; start: number } {
    let low = 0;
    for (let high = this.#windows.length - 1; low < high; ) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#windows[middle].firstBlock <= place) low = middle;
      else high = middle - 1;
    }
    const { start, firstBlock, blocks } = this.#windows[low];
    const within = place - firstBlock;
    const chosen = this.#shuffle ? permuted(within, blocks, this.#order, epoch, low) : within;
    return { block: firstBlock + chosen, start: start + chosen * this.#packing.length };
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
