/** OpenSSH's patterns: `*` any characters, `?` exactly one, everything else itself. */
export function matchesPattern(pattern: string, text: string): boolean {
  // Two pointers instead of a regular expression: linear in practice, no catastrophic patterns.
  let p = 0;
  let t = 0;
  let star = -1;
  let mark = 0;
  while (t < text.length) {
    if (p < pattern.length && pattern[p] === '*') {
      star = p++;
      mark = t;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++mark;
    } else return false;
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}

/** A list matches when one pattern does and no `!pattern` does. */
export function matchesPatternList(patterns: readonly string[], text: string): boolean {
  let hit = false;
  for (const pattern of patterns) {
    if (pattern.startsWith('!')) {
      if (matchesPattern(pattern.slice(1), text)) return false;
    } else if (matchesPattern(pattern, text)) hit = true;
  }
  return hit;
}
