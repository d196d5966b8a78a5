import { type FileHandle, open } from 'node:fs/promises';
import { BiphaseError } from '../../core/errors.ts';
import {
  decodeFloats,
  encodeSafetensorsHeader,
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

/** Writes F32 tensors and returns when the bytes are on disk. */
export async function writeSafetensorsFile(
  file: string,
  tensors: readonly TensorSource[],
  metadata: Record<string, string> = { format: 'pt' },
): Promise<void> {
  const handle = await open(file, 'w');
  try {
    await handle.writeFile(encodeSafetensorsHeader(tensors, metadata));
    for (const tensor of tensors) {
      const values = await tensor.values();
      await handle.writeFile(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    }
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
   * One tensor as fp32.
   * @throws BiphaseError `damaged` when the file has become shorter or the tensor is not floating point
   */
  async read(entry: SafetensorsEntry): Promise<Float32Array> {
    const bytes = await rangeReader(this.handle)(entry.offset, entry.bytes);
    if (bytes.length < entry.bytes)
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
