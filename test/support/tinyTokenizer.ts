import { createHash } from 'node:crypto';
import type { LoadedTokenizer } from '../../src/trainer/data/tokenizer.ts';

/** One id a UTF-8 byte after eos and mask, so that every expected shard can be worked out by hand. */
export function byteTokenizer(
  options: { size?: number; encoding?: () => Promise<void> } = {},
): LoadedTokenizer {
  const size = options.size ?? 258;
  return {
    json: '{"bytes":true}',
    hash: createHash('sha256').update(`bytes ${size}`).digest('hex'),
    size,
    eos: 0,
    mask: 1,
    special: new Set([0, 1]),
    encode: async (texts) => {
      await options.encoding?.();
      return texts.map((text) => [...Buffer.from(text)].map((byte) => byte + 2));
    },
  };
}
