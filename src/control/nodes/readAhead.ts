import type { FileHandle } from 'node:fs/promises';

/** A piece costs a few system calls and turns of the event loop; progress is told once a piece. */
const pieceBytes = 512 * 1024;

/**
 * Bytes of an open file from one offset to another; each piece is read while the one before is used. A piece is good until
 * the next one is asked for: then its memory is used again.
 */
export async function* readAhead(handle: FileHandle, from: number, to: number): AsyncGenerator<Buffer> {
  const buffers = [Buffer.allocUnsafe(pieceBytes), Buffer.allocUnsafe(pieceBytes)] as const;
  let at = from;
  const read = async (buffer: Buffer): Promise<Buffer> => {
    const { bytesRead } = await handle.read(buffer, 0, Math.min(pieceBytes, to - at), at);
    at += bytesRead;
    return buffer.subarray(0, bytesRead);
  };
  let coming = read(buffers[0]);
  try {
    for (let turn = 1; ; turn++) {
      const piece = await coming;
      if (piece.length === 0) return;
      coming = read(buffers[turn % 2]!);
      yield piece;
    }
  } finally {
    // The file may be closed only after that.
    await coming.catch(() => undefined);
  }
}

/** Bytes at hand from an offset on, in pieces. */
export function* piecesOf(bytes: Buffer, from = 0): Generator<Buffer> {
  for (let at = from; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}
