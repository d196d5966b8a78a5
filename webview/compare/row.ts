import type { Reason } from '../../src/core/specAspects.ts';

/** What stands where a row and a column meet. */
export interface Cell {
  text: string;
  /** A second, quieter line. */
  more?: string;
  /** What columns are sorted by, and what CSV has; null: the text. */
  value: number | null;
  /** With several seeds: half width of the 95 % interval of the mean and their number. */
  interval?: { half: number | null; n: number };
  /** What is copied where the text is only a sign. */
  copied?: string;
  tone?: 'best' | 'better' | 'worse' | 'bad' | 'other' | 'same';
  /** All that can be said; made only when it is asked for. */
  full?: () => string;
}

/** One row; its cells are made when they are asked for. */
export interface Row {
  /** The same while columns come and go. */
  key: string;
  section: string;
  /** Why runs differ here; empty for what they came to. */
  reason: Reason | '';
  label: string;
  /** Said by tooltip. */
  about?: string;
  /** Lines that a cell has room for: the second and third are those of `more`. */
  lines: 1 | 2 | 3;
  differs: boolean;
  /** How many different values there are. */
  distinct: number;
  /** Words that the filter finds beside label, section and reason. */
  words: readonly string[];
  cell: (column: number) => Cell;
}

/** Remembers what was made for each column. */
export function remembered(make: (column: number) => Cell): (column: number) => Cell {
  const made = new Map<number, Cell>();
  return (column) => {
    const known = made.get(column);
    if (known) return known;
    const fresh = make(column);
    made.set(column, fresh);
    return fresh;
  };
}
