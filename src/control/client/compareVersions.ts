/** Negative when a is older than b, 0 when they are the same, positive when newer. Missing parts count as 0. */
export function compareVersions(a: string, b: string): number {
  const partsOf = (text: string): number[] =>
    text.split(/[.+-]/).map((part) => Number.parseInt(part, 10) || 0);
  const left = partsOf(a);
  const right = partsOf(b);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
