import fs from 'node:fs/promises';

/** A file that is read in ranges: on this machine or behind a network. */
export interface ByteRanges {
  /** For messages. */
  label: string;
  /** Bytes there are. */
  size(signal: AbortSignal): Promise<number>;
  /** Bytes start … end − 1, all of them. @throws where there are fewer */
  read(start: number, end: number, signal: AbortSignal): Promise<ArrayBuffer>;
  /** Ranges worth asking for at the same time. */
  ahead: number;
}

export function localRanges(file: string): ByteRanges {
  return {
    label: file,
    ahead: 2,
    size: async () => (await fs.stat(file)).size,
    read: async (start, end) => {
      const handle = await fs.open(file, 'r');
      try {
        const bytes = new Uint8Array(end - start);
        let filled = 0;
        while (filled < bytes.length) {
          const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, start + filled);
          if (bytesRead === 0) throw new Error('it ends in the middle');
          filled += bytesRead;
        }
        return bytes.buffer;
      } finally {
        await handle.close();
      }
    },
  };
}

/** Reads ranges in their order, `ahead` of them at the same time at most. */
export async function* readAhead<T extends { start: number; end: number }>(
  source: ByteRanges,
  ranges: readonly T[],
  signal: AbortSignal,
): AsyncGenerator<{ range: T; bytes: Uint8Array }> {
  const inFlight: { range: T; bytes: Promise<ArrayBuffer> }[] = [];
  let next = 0;
  try {
    while (next < ranges.length || inFlight.length > 0) {
      while (next < ranges.length && inFlight.length < source.ahead) {
        const range = ranges[next++];
        const bytes = source.read(range.start, range.end, signal);
        // Its failure is thrown when its turn comes, not before.
        bytes.catch(() => {});
        inFlight.push({ range, bytes });
      }
      const first = inFlight.shift();
      if (first) yield { range: first.range, bytes: new Uint8Array(await first.bytes) };
    }
  } finally {
    await Promise.allSettled(inFlight.map(({ bytes }) => bytes));
  }
}
