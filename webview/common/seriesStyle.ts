/** How one run is drawn: told apart by colour, dash and marker, so that colour alone never carries it. */
export interface SeriesStyle {
  /** Index into the theme's series colours. */
  colour: number;
  /** Canvas line dash in CSS pixels; empty is solid. */
  dash: readonly number[];
  marker: Marker;
}

/** Every marker has an inside: hollow and filled ones mean different metrics, and a cross a value that is no number. */
export type Marker = 'circle' | 'rect' | 'triangle' | 'rectRot' | 'triangleDown' | 'triangleRight';

export const seriesColourCount = 7;

const dashes: readonly (readonly number[])[] = [[], [7, 3], [2, 2.5], [9, 3, 2, 3], [14, 4]];
const markers: readonly Marker[] = ['circle', 'rect', 'triangle', 'rectRot', 'triangleDown', 'triangleRight'];

/**
 * Style of the n-th run. The first seven differ in colour; the dash runs with its own period of five, so colour and
 * dash repeat together only after 35 runs, and with the marker (period six) after 210.
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

  /** Takes over slots as `saved` gave them, of runs that have none yet and where the slot is free. */
  restore(saved: Readonly<Record<string, number>>): void {
    const taken = new Set(this.slots.values());
    for (const [run, slot] of Object.entries(saved)) {
      if (this.slots.has(run) || taken.has(slot)) continue;
      this.slots.set(run, slot);
      taken.add(slot);
    }
  }

  /** Keeps these runs, in this order for newcomers; the others' slots become free. Returns whether a slot changed. */
  keep(runs: readonly string[]): boolean {
    let changed = false;
    const wanted = new Set(runs);
    for (const run of [...this.slots.keys()])
      if (!wanted.has(run)) changed = this.slots.delete(run) || changed;
    const taken = new Set(this.slots.values());
    let next = 0;
    for (const run of runs) {
      if (this.slots.has(run)) continue;
      while (taken.has(next)) next++;
      this.slots.set(run, next);
      taken.add(next);
      changed = true;
    }
    return changed;
  }

  /** The runs' slots, to be remembered. */
  get saved(): Record<string, number> {
    return Object.fromEntries(this.slots);
  }

  styleOf(run: string): SeriesStyle {
    return seriesStyle(this.slots.get(run) ?? 0);
  }
}
