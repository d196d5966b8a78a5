/** A range of x, in its unit; on a logarithmic axis both ends are above 0. */
export type XRange = readonly [number, number];

/** A range is never narrower than this share of the whole. */
const narrowest = 1e-6;

function straight(logarithmic: boolean): { to: (x: number) => number; from: (u: number) => number } {
  return logarithmic ? { to: Math.log10, from: (u) => 10 ** u } : { to: (x) => x, from: (u) => u };
}

/** Where x lies in a range, 0 to 1 from its left to its right edge, beyond them outside. */
export function shareOf(range: XRange, x: number, logarithmic: boolean): number {
  const { to } = straight(logarithmic);
  return (to(x) - to(range[0])) / (to(range[1]) - to(range[0]));
}

/** The x at such a share. */
export function atShare(range: XRange, share: number, logarithmic: boolean): number {
  const { to, from } = straight(logarithmic);
  return from(to(range[0]) + share * (to(range[1]) - to(range[0])));
}

/** The range that is `factor` times as wide and has `centre` at the same place in the picture. */
export function zoomed(range: XRange, factor: number, centre: number, logarithmic: boolean): XRange {
  const { to, from } = straight(logarithmic);
  const [low, middle, high] = [to(range[0]), to(centre), to(range[1])];
  return [from(middle - (middle - low) * factor), from(middle + (high - middle) * factor)];
}

/** The range moved to the right by a share of its own width (below 0: to the left). */
export function panned(range: XRange, share: number, logarithmic: boolean): XRange {
  return [atShare(range, share, logarithmic), atShare(range, 1 + share, logarithmic)];
}

/** The range inside the whole, of its own width where that fits. */
export function inside(range: XRange, whole: XRange, logarithmic: boolean): XRange {
  const low = shareOf(whole, range[0], logarithmic);
  const width = Math.max(narrowest, shareOf(whole, range[1], logarithmic) - low);
  if (!(width < 1)) return whole;
  const from = Math.min(Math.max(0, low), 1 - width);
  return [atShare(whole, from, logarithmic), atShare(whole, from + width, logarithmic)];
}

/** How the picture of range `before` is scaled and moved (in widths of the plot) to lie as range `after` shows it. */
export function pictureMove(
  before: XRange,
  after: XRange,
  logarithmic: boolean,
): { scale: number; offset: number } {
  const left = shareOf(after, before[0], logarithmic);
  return { scale: shareOf(after, before[1], logarithmic) - left, offset: left };
}
