/** Items [from, to) that are drawn, and the room that the others take before and behind them. CSS pixels. */
export interface VisibleWindow {
  from: number;
  to: number;
  before: number;
  behind: number;
}

/** Of items of one size. `at`: where the view begins; `extra`: items drawn beyond it on both sides. */
export function windowOfEqual(
  count: number,
  size: number,
  at: number,
  length: number,
  extra: number,
): VisibleWindow {
  const from = Math.max(0, Math.min(count, Math.floor(at / size) - extra));
  const to = Math.min(count, Math.max(from, Math.ceil((at + length) / size) + extra));
  return { from, to, before: from * size, behind: (count - to) * size };
}

/** Of items whose ends are given, ascending. */
export function windowOf(ends: readonly number[], at: number, length: number, extra: number): VisibleWindow {
  const firstEndingAfter = (place: number): number => {
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ends[middle]! <= place) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const from = Math.max(0, firstEndingAfter(at) - extra);
  const to = Math.min(ends.length, firstEndingAfter(at + length) + 1 + extra);
  const before = from === 0 ? 0 : ends[from - 1]!;
  return { from, to, before, behind: (ends.at(-1) ?? 0) - (to === 0 ? 0 : ends[to - 1]!) };
}
