/** One line of metrics.jsonl as numbers: non-finite values are NaN or ±Infinity themselves. */
export interface MetricRecord {
  segment: number;
  step: number;
  tokens: number;
  time: number;
  elapsed: number;
  metrics: [name: string, value: number][];
}

export interface ParsedLines<T> {
  lines: T[];
  /** Whole lines that could not be read; blank lines do not count. */
  unreadable: number;
  /** Bytes after the last newline: the start of a line that is still being written. */
  pending: Uint8Array;
}

const newline = 0x0a;
/** A line longer than this is none of ours: what follows it is awaited, and it counts as unreadable. */
const longestLine = 1 << 22;
/** No UTF-8: stands for the bytes of a line that is too long. */
const tooLong = Uint8Array.of(0xff);
const nonFinite = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);

/** Splits `pending` + `chunk` into whole lines and reads each with `parse`, which answers undefined for an unreadable one. */
export function parseLines<T>(
  pending: Uint8Array,
  chunk: Uint8Array,
  parse: (line: string) => T | undefined,
): ParsedLines<T> {
  const end = chunk.lastIndexOf(newline);
  if (end < 0) {
    const more = pending.length + chunk.length > longestLine ? tooLong : joined(pending, chunk);
    return { lines: [], unreadable: 0, pending: more };
  }
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(joined(pending, chunk.subarray(0, end)));
  const lines: T[] = [];
  let unreadable = 0;
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    // A replacement character stands for bytes that were no UTF-8: such a line is damaged even where it parses.
    const parsed = line.includes('\ufffd') ? undefined : parse(line);
    if (parsed === undefined) unreadable++;
    else lines.push(parsed);
  }
  return { lines, unreadable, pending: copied(chunk.subarray(end + 1)) };
}

/** Reads one metric line; undefined where it breaks `metricLineSchema`. By hand, since a file may hold millions. */
export function parseMetricLine(line: string): MetricRecord | undefined {
  const value = parseObject(line);
  if (!value) return undefined;
  const { segment, step, tokens, time, elapsed, metrics } = value;
  if (!isCount(segment, 0xffff) || !isCount(step, 0xffffffff)) return undefined;
  if (!isFiniteNumber(tokens) || tokens < 0 || !isFiniteNumber(time) || !isFiniteNumber(elapsed))
    return undefined;
  if (typeof metrics !== 'object' || metrics === null || Array.isArray(metrics)) return undefined;
  const values: [string, number][] = [];
  for (const [name, raw] of Object.entries(metrics as Record<string, unknown>)) {
    const number = typeof raw === 'number' ? raw : nonFinite.get(raw as string);
    if (number === undefined) return undefined;
    // What is no text cannot be saved, nor sent, under its name.
    values.push([name.toWellFormed(), number]);
  }
  return { segment, step, tokens, time, elapsed, metrics: values };
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function isCount(value: unknown, largest: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= largest;
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

/** In memory of its own: a Buffer's `slice` would hold on to all that it was cut from. */
function copied(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return copied(b);
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
