import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { BiphaseError } from '../../core/errors.ts';
import {
  decodeFloats,
  encodeFloats,
  encodeSafetensorsHeader,
  type FloatDtype,
  type RangeReader,
  readSafetensorsHeader,
  type SafetensorsEntry,
  type SafetensorsHeader,
} from '../../core/safetensors.ts';

/** Elements of a tensor that are in memory at a time while it is read or written. */
const PIECE_ELEMENTS = 1 << 20;

/** A piece of a tensor, in elements of its row-major order. */
export interface ElementRange {
  start: number;
  count: number;
}

/** The pieces in which a tensor of so many elements is read and written. */
export function* piecesOf(elements: number): Generator<ElementRange> {
  for (let start = 0; start < elements; start += PIECE_ELEMENTS)
    yield { start, count: Math.min(PIECE_ELEMENTS, elements - start) };
}

/** A tensor and how to get a piece of its values. */
export interface TensorSource {
  name: string;
  shape: readonly number[];
  values(range: ElementRange): Promise<Float32Array>;
}

/** Writes tensors and returns when the bytes are on disk. */
export async function writeSafetensorsFile(
  file: string,
  tensors: readonly TensorSource[],
  dtype: FloatDtype = 'F32',
): Promise<void> {
  const handle = await open(file, 'w');
  try {
    await handle.writeFile(encodeSafetensorsHeader(tensors, { format: 'pt' }, dtype));
    for (const tensor of tensors)
      for (const range of piecesOf(tensor.shape.reduce((a, b) => a * b, 1)))
        await handle.writeFile(encodeFloats(dtype, await tensor.values(range)));
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** An open safetensors file with a checked header. */
export class SafetensorsFile {
  readonly header: SafetensorsHeader;
  private readonly handle: FileHandle;

  private constructor(handle: FileHandle, header: SafetensorsHeader) {
    this.handle = handle;
    this.header = header;
  }

  /** @throws BiphaseError `damaged` */
  static async open(file: string): Promise<SafetensorsFile> {
    // A pipe is not waited for: it has 0 bytes.
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { size } = await handle.stat();
      return new SafetensorsFile(handle, await readSafetensorsHeader(rangeReader(handle), size));
    } catch (error) {
      await handle.close();
      if (!(error instanceof BiphaseError)) throw error;
      throw new BiphaseError(error.kind, `${file} cannot be used. ${error.message}`, {
        next: 'Copy or download it again.',
        cause: error,
      });
    }
  }

  /**
   * One tensor as fp32, or a piece of it.
   * @throws BiphaseError `damaged` when the file has become shorter or the tensor is not floating point
   */
  async read(
    entry: SafetensorsEntry,
    range: ElementRange = { start: 0, count: elementsOf(entry) },
  ): Promise<Float32Array> {
    const width = entry.bytes / Math.max(1, elementsOf(entry));
    const wanted = range.count * width;
    const bytes = await rangeReader(this.handle)(entry.offset + range.start * width, wanted);
    if (bytes.length < wanted)
      throw new BiphaseError('damaged', `The safetensors file ends within ${entry.name}.`);
    return decodeFloats(entry.dtype, bytes);
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

/** Number of elements of a tensor in a file. */
export function elementsOf(entry: SafetensorsEntry): number {
  return entry.shape.reduce((a, b) => a * b, 1);
}

function rangeReader(handle: FileHandle): RangeReader {
  return async (offset, length) => {
    const buffer = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await handle.read(buffer, filled, length - filled, offset + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return buffer.subarray(0, filled);
  };
}
