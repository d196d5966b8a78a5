import { BiphaseError } from '../../core/errors.ts';
import type { MetricColumns, RunColumns } from './runColumns.ts';

/** Points or records in one block. */
export const blockLength = 4096;
const recordBytes = 8 * 3 + 4 + 2;
const pointBytes = 8 + 4;

/** Records [from, to): Float64 tokens, time, elapsed, Uint32 step, Uint16 segment. */
export function encodeRecords(columns: RunColumns, from: number, to: number): Uint8Array {
  const n = to - from;
  const bytes = new ArrayBuffer(n * recordBytes);
  new Float64Array(bytes, 0, n).set(columns.tokens.view(from, to));
  new Float64Array(bytes, n * 8, n).set(columns.time.view(from, to));
  new Float64Array(bytes, n * 16, n).set(columns.elapsed.view(from, to));
  new Uint32Array(bytes, n * 24, n).set(columns.step.view(from, to));
  new Uint16Array(bytes, n * 28, n).set(columns.segment.view(from, to));
  return new Uint8Array(bytes);
}

export function decodeRecords(blob: Uint8Array, n: number): Parameters<RunColumns['addRecords']>[0] {
  const bytes = aligned(blob, n * recordBytes);
  return {
    tokens: new Float64Array(bytes, 0, n),
    time: new Float64Array(bytes, n * 8, n),
    elapsed: new Float64Array(bytes, n * 16, n),
    step: new Uint32Array(bytes, n * 24, n),
    segment: new Uint16Array(bytes, n * 28, n),
  };
}

/** Points [from, to) of a metric: Float64 value, Uint32 record. A blob, since SQLite turns a NaN number into null. */
export function encodePoints(columns: MetricColumns, from: number, to: number): Uint8Array {
  const n = to - from;
  const bytes = new ArrayBuffer(n * pointBytes);
  new Float64Array(bytes, 0, n).set(columns.value.view(from, to));
  new Uint32Array(bytes, n * 8, n).set(columns.record.view(from, to));
  return new Uint8Array(bytes);
}

export function decodePoints(blob: Uint8Array, n: number): { value: Float64Array; record: Uint32Array } {
  const bytes = aligned(blob, n * pointBytes);
  return { value: new Float64Array(bytes, 0, n), record: new Uint32Array(bytes, n * 8, n) };
}

/** The bytes from the start of a buffer on; SQLite gives each blob one of its own. */
function aligned(blob: Uint8Array, length: number): ArrayBuffer {
  if (blob.length !== length) throw new BiphaseError('damaged', 'A block in cache.db has the wrong length.');
  return blob.byteOffset === 0 && blob.byteLength === blob.buffer.byteLength
    ? (blob.buffer as ArrayBuffer)
    : blob.slice().buffer;
}
