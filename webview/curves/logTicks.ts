/**
 * Ticks of a logarithmic axis between `min` and `max` (both above 0), ascending: the finest of 1-2-5 in each decade,
 * 1 in each decade or in every n-th one, whose labels keep a distance of `gap` on an axis of `length`. Where too little
 * of a decade is in view for that, round values at even distances.
 */
export function logTicks(min: number, max: number, length: number, gap: number): number[] {
  if (!(min > 0) || !(max > min) || !Number.isFinite(max)) return [];
  const span = Math.log10(max / min);
  const apart = (ticks: readonly number[]) =>
    ticks.every((tick, i) => i === 0 || (Math.log10(tick / ticks[i - 1]!) / span) * length >= gap);
  const first = Math.floor(Math.log10(min));
  const last = Math.ceil(Math.log10(max));
  const inside = (tick: number) => tick >= min * (1 - 1e-9) && tick <= max * (1 + 1e-9);
  const decades = (mantissas: readonly number[], every: number) => {
    const ticks: number[] = [];
    for (let exponent = Math.ceil(first / every) * every; exponent <= last; exponent += every)
      for (const mantissa of mantissas) ticks.push(Number(`${mantissa}e${exponent}`));
    return ticks.filter(inside);
  };
  const fine = decades([1, 2, 5], 1);
  if (fine.length >= 3 && apart(fine)) return fine;
  for (let every = 1; every <= last - first; every++) {
    const ticks = decades([1], every);
    if (ticks.length >= 2 && apart(ticks)) return ticks;
  }
  // Finest first, at most a hundred of them.
  const finest = Math.floor(Math.log10(max - min)) - 1;
  const even: number[][] = [];
  for (let exponent = finest; exponent <= finest + 2; exponent++)
    for (const mantissa of [1, 2, 5]) even.push(evenTicks(min, max, mantissa, exponent));
  const found = even.find((ticks) => ticks.length >= 2 && apart(ticks));
  if (found) return found;
  const thinned = [decades([1], 1), ...even.reverse()].map((ticks) => thin(ticks, apart));
  return thinned.find((ticks) => ticks.length >= 2) ?? thin(fine, apart);
}

/** The first tick and of the others those that keep their distance to the last one before them. */
function thin(ticks: readonly number[], apart: (pair: readonly number[]) => boolean): number[] {
  const kept: number[] = [];
  for (const tick of ticks) {
    const before = kept.at(-1);
    if (before === undefined || apart([before, tick])) kept.push(tick);
  }
  return kept;
}

/** How many times a step may be in a tick: more digits than that are rounding. */
const finestDigits = 1e13;

/** The multiples of a round step, mantissa × 10^exponent, that lie in the range. */
function evenTicks(min: number, max: number, mantissa: number, exponent: number): number[] {
  const ticks: number[] = [];
  const step = Number(`${mantissa}e${exponent}`);
  const first = Math.ceil(min / step - 1e-6);
  const last = Math.floor(max / step + 1e-6);
  // Of values that are the same but for rounding: numbers have no multiples of such a step between them.
  if (!(last < finestDigits)) return [];
  for (let n = first; n <= last; n++)
    // Without the digits that multiplying adds.
    ticks.push(Number((n * step).toPrecision(14)));
  return ticks.filter((tick) => tick > 0);
}
