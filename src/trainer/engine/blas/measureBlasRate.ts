import { performance } from 'node:perf_hooks';
import { type BlasLibrary, loadKoffi, openBlas } from './blasLibrary.ts';

/** Sides of the measured product: small enough for the second-level cache, large enough to fill the library's blocks. */
const SIDE = 384;

/** Floating-point operations a second of one thread in the library's own product: the best of many within `milliseconds`. */
export function measureBlasRate(blas: BlasLibrary, milliseconds: number): number {
  const multiply = openBlas(blas);
  // Shared memory does not move while a pointer to it is in use.
  const numbers = new Float32Array(new SharedArrayBuffer(3 * SIDE * SIDE * 4)).fill(0.5);
  const start = Number(loadKoffi(blas.binding).address(numbers));
  const matrix = (index: number) => ({ pointer: start + index * SIDE * SIDE * 4, stride: SIDE });
  let best = Number.POSITIVE_INFINITY;
  const until = performance.now() + milliseconds;
  do {
    const began = performance.now();
    multiply(
      SIDE,
      SIDE,
      SIDE,
      { ...matrix(0), transposed: false },
      { ...matrix(1), transposed: true },
      { ...matrix(2), accumulate: false },
    );
    best = Math.min(best, performance.now() - began);
  } while (performance.now() < until);
  return (2 * SIDE ** 3) / (best / 1000);
}
