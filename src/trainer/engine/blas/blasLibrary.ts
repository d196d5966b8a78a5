import { createRequire } from 'node:module';
import type * as koffi from 'koffi';

/** One BLAS and how it is called: found by the calling thread, and opened again by each of its workers. */
export interface BlasLibrary {
  /** File or name, as it was opened. */
  file: string;
  /** What it calls itself: name, version, configuration. */
  version: string;
  /** Name of its `cblas_sgemm`. */
  symbol: string;
  /** Its whole numbers have 64 bits. */
  wideIntegers: boolean;
  /** Name of the function that sets the number of its own threads for the thread that calls it; absent: none. */
  setThreads?: string;
  /** File of the native part of `koffi`. */
  binding: string;
}

/**
 * C (+)= A·B in rows: sizes m, n, depth; whether A and B are stored the other way round; addresses in the process and
 * elements between rows.
 */
export type Multiply = (
  m: number,
  n: number,
  depth: number,
  a: { transposed: boolean; pointer: number; stride: number },
  b: { transposed: boolean; pointer: number; stride: number },
  c: { accumulate: boolean; pointer: number; stride: number },
) => void;

export type Koffi = Pick<typeof koffi, 'load' | 'address'>;

export function loadKoffi(binding: string): Koffi {
  return createRequire(import.meta.url)(binding) as Koffi;
}

/** CBLAS's numbers for its enumerations. */
const ROW_MAJOR = 101;
const AS_IT_IS = 111;
const TRANSPOSED = 112;

/** Opens a library in this thread, with one thread of its own. */
export function openBlas(blas: BlasLibrary): Multiply {
  const library = loadKoffi(blas.binding).load(blas.file);
  if (blas.setThreads !== undefined) library.func(`void ${blas.setThreads}(int)`)(1);
  const int = blas.wideIntegers ? 'int64_t' : 'int';
  const sgemm = library.func(
    `void ${blas.symbol}(int, int, int, ${int}, ${int}, ${int}, float, uintptr_t, ${int}, uintptr_t, ${int}, float, uintptr_t, ${int})`,
  );
  return (m, n, depth, a, b, c) => {
    sgemm(
      ROW_MAJOR,
      a.transposed ? TRANSPOSED : AS_IT_IS,
      b.transposed ? TRANSPOSED : AS_IT_IS,
      m,
      n,
      depth,
      1,
      a.pointer,
      a.stride,
      b.pointer,
      b.stride,
      c.accumulate ? 1 : 0,
      c.pointer,
      c.stride,
    );
  };
}
