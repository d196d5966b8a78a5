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

/** Values of a tensor and how to get them: one tensor is in memory at a time. */
export interface TensorSource {
  name: string;
  shape: readonly number[];
  values(): Promise<Float32Array>;
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
    for (const tensor of tensors) await handle.writeFile(encodeFloats(dtype, await tensor.values()));
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
    const handle = await open(file, 'r');
    try {
      const { size } = await handle.stat();
      return new SafetensorsFile(handle, await readSafetensorsHeader(rangeReader(handle), size));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /**
   * One tensor as fp32, or some of its rows.
   * @throws BiphaseError `damaged` when the file has become shorter or the tensor is not floating point
   */
  async read(
    entry: SafetensorsEntry,
    rows: { start: number; rows: number } = { start: 0, rows: entry.shape[0] ?? 1 },
  ): Promise<Float32Array> {
    const rowBytes = entry.bytes / Math.max(1, entry.shape[0] ?? 1);
    const wanted = rows.rows * rowBytes;
    const bytes = await rangeReader(this.handle)(entry.offset + rows.start * rowBytes, wanted);
    if (bytes.length < wanted)
      throw new BiphaseError('damaged', `The safetensors file ends within ${entry.name}.`);
    return decodeFloats(entry.dtype, bytes);
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
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
