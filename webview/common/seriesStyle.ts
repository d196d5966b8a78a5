/** How one run is drawn: told apart by colour, dash and marker, so that colour alone never carries it. */
export interface SeriesStyle {
  /** Index into the theme's series colours. */
  colour: number;
  /** Canvas line dash in CSS pixels; empty is solid. */
  dash: readonly number[];
  marker: Marker;
}

export type Marker = 'circle' | 'rect' | 'triangle' | 'rectRot' | 'star' | 'cross' | 'crossRot';

export const seriesColourCount = 7;

const dashes: readonly (readonly number[])[] = [[], [7, 3], [2, 2.5], [9, 3, 2, 3], [14, 4]];
const markers: readonly Marker[] = [
  'circle',
  'rect',
  'triangle',
  'rectRot',
  'cross',
  'crossRot',
  'star',
  'circle',
];

/**
 * Style of the n-th run. The first seven differ in colour; the dash runs with its own period of five, so colour and
 * dash repeat together only after 35 runs, and with the marker (period eight) after 280.
 */
export function seriesStyle(slot: number): SeriesStyle {
  return {
    colour: slot % seriesColourCount,
    dash: dashes[slot % dashes.length]!,
    marker: markers[slot % markers.length]!,
  };
}

/** Gives every run a slot and keeps it while the run is shown; the lowest free slot is used next. */
export class StyleSlots {
  private readonly slots = new Map<string, number>();

  /** Keeps these runs, in this order for newcomers; the others' slots become free. */
  keep(runs: readonly string[]): void {
    const wanted = new Set(runs);
    for (const run of [...this.slots.keys()]) if (!wanted.has(run)) this.slots.delete(run);
    const taken = new Set(this.slots.values());
    let next = 0;
    for (const run of runs) {
      if (this.slots.has(run)) continue;
      while (taken.has(next)) next++;
      this.slots.set(run, next);
      taken.add(next);
    }
  }

  styleOf(run: string): SeriesStyle {
    return seriesStyle(this.slots.get(run) ?? 0);
  }
}
