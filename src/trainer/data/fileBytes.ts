import fs from 'node:fs';
import zlib from 'node:zlib';
import { BiphaseError, toBiphaseError } from '../../core/errors.ts';
import { decodeZstd } from './zstdFrames.ts';

/** A file's bytes, decoded where its name ends in .gz or .zst. */
export async function* fileBytes(file: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const raw = fs.createReadStream(file, { signal, highWaterMark: 1 << 18 });
  const lower = file.toLowerCase();
  if (lower.endsWith('.zst')) yield* decodeZstd(raw);
  else if (lower.endsWith('.gz')) {
    const unzipped = zlib.createGunzip({ chunkSize: 1 << 18 });
    raw.on('error', (error) => unzipped.destroy(error));
    for await (const chunk of raw.pipe(unzipped)) yield chunk as Buffer;
  } else for await (const chunk of raw) yield chunk as Buffer;
}

/** What decoders say, in words that stand in a sentence. */
function reason(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === 'Z_BUF_ERROR') return 'it ends in the middle';
  if (code === 'ENOENT') return 'it is not there any more';
  return message.replace(/\.$/, '');
}

/** @throws always: a BiphaseError as it is, anything else as one sentence on where reading ended */
export function readingFailed(where: string, cause: unknown, signal: AbortSignal): never {
  if (cause instanceof BiphaseError) throw cause;
  if (signal.aborted) throw toBiphaseError(cause);
  throw new BiphaseError('damaged', `${where} could not be read: ${reason(cause)}.`, {
    next: 'Replace or remove the file.',
    cause,
  });
}
