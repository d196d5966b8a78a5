/** Something with an x. */
interface WithX {
  x: number;
}

/**
 * The range of x that shows all of these curves, the same for every panel; null where there are no points. It ends at a
 * round number up to a fiftieth beyond the last point, so that not every new point moves the whole picture. On a
 * logarithmic axis it begins at the first point above 0.
 */
export function extentOf(curves: Iterable<readonly WithX[]>, logarithmic = false): [number, number] | null {
  let from = Number.POSITIVE_INFINITY;
  let to = Number.NEGATIVE_INFINITY;
  for (const points of curves) {
    const last = points.at(-1);
    if (!last) continue;
    const first = logarithmic ? points.find((point) => point.x > 0) : points[0];
    if (!first) continue;
    from = Math.min(from, first.x);
    to = Math.max(to, last.x);
  }
  if (from > to) return null;
  if (logarithmic) return from === to ? [from / 2, to * 2] : [from, to];
  if (to <= 0) return [0, 1];
  // A run that starts at its beginning starts at the left edge; one that was continued far from it does not.
  if (from === to || from <= to / 20) from = 0;
  const step = roundStep((to - from) / 50);
  return [Math.floor(from / step) * step, Math.ceil(to / step - 1e-9) * step];
}

/** The largest 1, 2 or 5 times a power of ten that is not above `wanted`. */
function roundStep(wanted: number): number {
  const power = 10 ** Math.floor(Math.log10(wanted));
  return power * (wanted >= 5 * power ? 5 : wanted >= 2 * power ? 2 : 1);
}
