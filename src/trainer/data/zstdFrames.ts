import { Readable } from 'node:stream';
import zlib from 'node:zlib';

/** A stretch of one frame (RFC 8878, section 3.1). */
interface FramePiece {
  bytes: Buffer;
  /** Whether the frame ends with it. */
  last: boolean;
  /** Frames of this kind hold nothing that is decoded. */
  skippable: boolean;
}

const frameMagic = 0xfd2fb528;
const skippableMagic = 0x184d2a50;

/** Bytes of a frame's header, from its first byte after the magic number. */
function frameHeaderSize(descriptor: number): { size: number; checksum: boolean } {
  const singleSegment = (descriptor >> 5) & 1;
  const dictionary = [0, 1, 2, 4][descriptor & 3];
  const contentFlag = descriptor >> 6;
  const content = contentFlag === 0 ? singleSegment : 2 ** contentFlag;
  return {
    size: 4 + 1 + (1 - singleSegment) + dictionary + content,
    checksum: ((descriptor >> 2) & 1) === 1,
  };
}

/** Cuts a stream where its frames end. @throws Error where it is cut off or holds anything but frames */
async function* framePieces(raw: AsyncIterable<Buffer>): AsyncGenerator<FramePiece> {
  const source = raw[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);
  const more = async (): Promise<boolean> => {
    const { value, done } = await source.next();
    if (done) return false;
    held = held.length === 0 ? value : Buffer.concat([held, value]);
    return true;
  };
  const need = async (bytes: number): Promise<void> => {
    while (held.length < bytes) if (!(await more())) throw new Error('it ends in the middle of a frame');
  };
  const take = (bytes: number): Buffer => {
    const taken = held.subarray(0, bytes);
    held = held.subarray(bytes);
    return taken;
  };
  while (held.length > 0 || (await more())) {
    await need(5);
    const magic = held.readUInt32LE(0);
    if ((magic & 0xfffffff0) >>> 0 === skippableMagic) {
      await need(8);
      let left = 8 + held.readUInt32LE(4);
      while (left > 0) {
        await need(1);
        const bytes = take(Math.min(left, held.length));
        left -= bytes.length;
        yield { bytes, last: left === 0, skippable: true };
      }
      continue;
    }
    if (magic !== frameMagic) throw new Error('it holds bytes that are no zstd frame');
    const header = frameHeaderSize(held[4]);
    await need(header.size);
    yield { bytes: take(header.size), last: false, skippable: false };
    for (let lastBlock = false; !lastBlock; ) {
      await need(3);
      const block = held.readUIntLE(0, 3);
      lastBlock = (block & 1) === 1;
      const runLength = ((block >> 1) & 3) === 1;
      const size = 3 + (runLength ? 1 : block >> 3) + (lastBlock && header.checksum ? 4 : 0);
      await need(size);
      yield { bytes: take(size), last: lastBlock, skippable: false };
    }
  }
}

/**
 * Decodes zstd of any number of frames. Node's own stream ends with the first frame where the next begins in the same
 * chunk, so every frame gets a stream of its own.
 * @throws Error where the bytes are damaged or cut off
 */
export async function* decodeZstd(raw: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const pieces = framePieces(raw);
  let next = await pieces.next();
  async function* frame(): AsyncGenerator<Buffer> {
    while (!next.done) {
      const { bytes, last } = next.value;
      yield bytes;
      if (last) return;
      next = await pieces.next();
    }
  }
  while (!next.done) {
    if (next.value.skippable) {
      next = await pieces.next();
      continue;
    }
    const compressed = Readable.from(frame(), { objectMode: false });
    const decoder = zlib.createZstdDecompress();
    compressed.on('error', (error) => decoder.destroy(error));
    for await (const chunk of compressed.pipe(decoder)) yield chunk as Buffer;
    next = await pieces.next();
  }
}
