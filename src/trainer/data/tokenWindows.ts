/**
 * The stretches of a corpus's tokens within which blocks are shuffled: the first of `first` tokens, then each up to
 * twice as far as all before, none larger than `largest`. Where they begin does not depend on how many tokens there
 * are, so a run that needs the beginning of a corpus needs no more of it tokenized, and reads the same samples in the
 * same order as one that needs more.
 */
export interface WindowLayout {
  /** Tokens, a multiple of a shard's. */
  first: number;
  largest: number;
}

/** 33.5 million tokens (64 or 128 MiB), at most 1.07 billion. */
export const windowLayout: WindowLayout = { first: 2 ** 25, largest: 2 ** 30 };

/** Where the window that begins at `start` ends: at 1, 2, 4, 8 … times the first, then after `largest` each. */
export function windowEnd(start: number, { first, largest }: WindowLayout): number {
  return start + (start === 0 ? first : Math.min(start, largest));
}

/** Where the window ends that holds the block of a number, for blocks of `length` tokens. */
export function windowEndOfBlock(block: number, length: number, layout: WindowLayout): number {
  let before = 0;
  for (let start = 0; ; ) {
    const end = windowEnd(start, layout);
    before += Math.floor((end - start) / length);
    if (block < before) return end;
    start = end;
  }
}
