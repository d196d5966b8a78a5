import { BiphaseError } from './errors.ts';

/** Points of one series as columns of equal length; y may be NaN or ±Infinity. */
export interface SeriesColumns {
  x: Float64Array;
  y: Float64Array;
  /** Only of a smoothed series; NaN where there is no average. */
  smooth?: Float64Array;
  step: Uint32Array;
  segment: Uint16Array;
}

/** Float64 x, Float64 y, Uint32 step, Uint16 segment; a smoothed series has one Float64 more. */
export const bytesPerPoint = 8 + 8 + 4 + 2;
const bytesPerSmooth = 8;

/** Packs columns in the order and layout that `seriesHeaderSchema` names (little-endian, as every machine we run on). */
export function encodeSeries({ x, y, smooth, step, segment }: SeriesColumns): ArrayBuffer {
  const n = x.length;
  if ([y, smooth ?? y, step, segment].some((column) => column.length !== n))
    throw new BiphaseError('internal', 'The columns of a series have different lengths.');
  const bytes = new ArrayBuffer(n * (bytesPerPoint + (smooth ? bytesPerSmooth : 0)));
  const columns = columnsOn(bytes, n, smooth !== undefined);
  columns.x.set(x);
  columns.y.set(y);
  if (smooth) columns.smooth?.set(smooth);
  columns.step.set(step);
  columns.segment.set(segment);
  return bytes;
}

/**
 * The columns of `points` points as views on `bytes` (nothing is copied).
 * Throws `damaged` where the length does not fit.
 */
export function decodeSeries(bytes: ArrayBuffer, points: number, smoothed = false): SeriesColumns {
  const each = bytesPerPoint + (smoothed ? bytesPerSmooth : 0);
  if (!Number.isInteger(points) || points < 0 || bytes.byteLength !== points * each)
    throw new BiphaseError('damaged', `A series of ${points} points came with ${bytes.byteLength} bytes.`);
  return columnsOn(bytes, points, smoothed);
}

function columnsOn(bytes: ArrayBuffer, n: number, smoothed: boolean): SeriesColumns {
  const floats = n * (smoothed ? 24 : 16);
  return {
    x: new Float64Array(bytes, 0, n),
    y: new Float64Array(bytes, n * 8, n),
    ...(smoothed ? { smooth: new Float64Array(bytes, n * 16, n) } : {}),
    step: new Uint32Array(bytes, floats, n),
    segment: new Uint16Array(bytes, floats + n * 4, n),
  };
}
