import { type PhiloxKey, philox } from '../../core/philox.ts';

const rounds = 6;

/**
 * The place of `index` in a random order of 0 … size − 1: a bijection that is computed for one index alone, so that any
 * rank can start anywhere. A Feistel network over the next power of four, walked until it lands inside. Every epoch and
 * every stretch has an order of its own.
 */
export function permuted(index: number, size: number, key: PhiloxKey, epoch: number, stretch = 0): number {
  if (size <= 1) return 0;
  let halfBits = 1;
  while (4 ** halfBits < size) halfBits++;
  const half = 2 ** halfBits;
  let value = index;
  do {
    let left = Math.floor(value / half);
    let right = value % half;
    for (let round = 0; round < rounds; round++) {
      const word = philox(key, [right, round, epoch >>> 0, stretch])[0];
      [left, right] = [right, (left ^ (word % half)) >>> 0];
    }
    value = left * half + right;
  } while (value >= size);
  return value;
}
