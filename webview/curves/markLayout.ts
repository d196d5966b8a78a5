/** A mark of one run. Lengths here are CSS pixels. */
export interface MarkAt {
  run: string;
  /** The run's name. */
  name: string;
  label: string;
  /** Place on the axis, in its unit. */
  x: number;
  /** The same place in the picture. */
  at: number;
}

/** Marks drawn as one line. */
export interface MarkGroup {
  label: string;
  /** Different runs, in the order of their marks. */
  runs: readonly string[];
  /** Place on the axis, in its unit. */
  x: number;
  /** What stands at the line, centred on `middle`; null: no room for it. */
  words: { text: string; middle: number; row: number } | null;
}

/** Where words may stand, and how wide they are. */
export interface MarkRoom {
  left: number;
  right: number;
  rows: number;
  widthOf: (text: string) => number;
}

/** Marks so near to each other are one line. */
const samePlace = 4;
/** Between the words of neighbours. */
const gap = 10;
const nameLength = 28;

/**
 * Joins marks that fall on the same place, and gives words to as many as have room; the runs that share a mark are
 * counted, a single one is named where several runs have marks. Those of most runs are placed first. Words never overlap.
 */
export function layMarks(marks: readonly MarkAt[], room: MarkRoom): MarkGroup[] {
  const several = new Set(marks.map((mark) => mark.run)).size > 1;
  const groups = joined(marks);
  const names = new Map(marks.map((mark) => [mark.run, mark.name]));
  const rows: [number, number][][] = Array.from({ length: room.rows }, () => []);
  for (const group of [...groups].sort((a, b) => b.runs.size - a.runs.size || a.at - b.at)) {
    if (room.rows === 0) break;
    const [first] = group.runs;
    const whose = group.runs.size > 1 ? `${group.runs.size} runs` : shortened(names.get(first!)!);
    const text = several ? `${group.label} · ${whose}` : group.label;
    const half = room.widthOf(text) / 2;
    if (half * 2 > room.right - room.left) continue;
    const middle = Math.min(room.right - half, Math.max(room.left + half, group.at));
    const row = rows.findIndex((taken) =>
      taken.every(([from, to]) => middle + half + gap <= from || middle - half - gap >= to),
    );
    if (row === -1) continue;
    rows[row]!.push([middle - half, middle + half]);
    group.words = { text, middle, row };
  }
  return groups.map(({ label, runs, x, words }) => ({ label, runs: [...runs], x, words }));
}

interface Joined {
  label: string;
  runs: Set<string>;
  x: number;
  at: number;
  words: MarkGroup['words'];
}

function joined(marks: readonly MarkAt[]): Joined[] {
  const groups: Joined[] = [];
  const last = new Map<string, Joined>();
  for (const { run, label, x, at } of [...marks].sort((a, b) => a.at - b.at)) {
    const before = last.get(label);
    if (before && at - before.at <= samePlace) {
      before.runs.add(run);
      continue;
    }
    const group: Joined = { label, runs: new Set([run]), x, at, words: null };
    groups.push(group);
    last.set(label, group);
  }
  return groups;
}

/** The name, its middle left out where it is long: names often differ at both ends. */
function shortened(name: string): string {
  const letters = [...name];
  if (letters.length <= nameLength) return name;
  const side = Math.floor((nameLength - 1) / 2);
  return `${letters.slice(0, side).join('')}…${letters.slice(-side).join('')}`;
}
