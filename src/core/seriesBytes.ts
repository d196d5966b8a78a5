import { BiphaseError } from './errors.ts';

/** Points of one series as columns of equal length; y may be NaN or ±Infinity. */
export interface SeriesColumns {
  x: Float64Array;
  y: Float64Array;
  step: Uint32Array;
  segment: Uint16Array;
}

/** Float64 x, Float64 y, Uint32 step, Uint16 segment. */
export const bytesPerPoint = 8 + 8 + 4 + 2;

/** Packs columns in the order and layout that `seriesHeaderSchema` names (little-endian, as every machine we run on). */
export function encodeSeries(columns: SeriesColumns): ArrayBuffer {
  const n = columns.x.length;
  if (columns.y.length !== n || columns.step.length !== n || columns.segment.length !== n)
    throw new BiphaseError('internal', 'The columns of a series have different lengths.');
  const bytes = new ArrayBuffer(n * bytesPerPoint);
  new Float64Array(bytes, 0, n).set(columns.x);
  new Float64Array(bytes, n * 8, n).set(columns.y);
  new Uint32Array(bytes, n * 16, n).set(columns.step);
  new Uint16Array(bytes, n * 20, n).set(columns.segment);
  return bytes;
}

/**
 * The columns of `points` points as views on `bytes` (nothing is copied).
 * Throws `damaged` where the length does not fit.
 */
export function decodeSeries(bytes: ArrayBuffer, points: number): SeriesColumns {
  if (!Number.isInteger(points) || points < 0 || bytes.byteLength !== points * bytesPerPoint)
    throw new BiphaseError('damaged', `A series of ${points} points came with ${bytes.byteLength} bytes.`);
  return {
    x: new Float64Array(bytes, 0, points),
    y: new Float64Array(bytes, points * 8, points),
    step: new Uint32Array(bytes, points * 16, points),
    segment: new Uint16Array(bytes, points * 20, points),
  };
}
