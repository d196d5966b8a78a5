/** The shortest part of a block: 12 tokens as in the paper, at most an eighth of a short block, never under 2. */
export function shortestPart(length: number): number {
  return Math.min(12, Math.max(2, Math.floor(length / 8)));
}
