/**
 * A frame on a byte stream: u32 little-endian length of the JSON, u32 length of the binary part, JSON in UTF-8, bytes.
 * Used between control and agent, and between control and its clients.
 */
export interface Frame {
  json: unknown;
  binary: Uint8Array | undefined;
}

const headerBytes = 8;
/** Larger frames are refused before anything is allocated. */
export const maxFrameBytes = 64 * 1024 * 1024;

export function encodeFrame(json: unknown, binary?: Uint8Array): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(json));
  const out = new Uint8Array(headerBytes + text.length + (binary?.length ?? 0));
  const view = new DataView(out.buffer);
  view.setUint32(0, text.length, true);
  view.setUint32(4, binary?.length ?? 0, true);
  out.set(text, headerBytes);
  if (binary) out.set(binary, headerBytes + text.length);
  return out;
}

/** Puts frames together from chunks cut anywhere. Throws RangeError on a frame beyond `maxFrameBytes`. */
export class FrameDecoder {
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  /** Complete frames that this chunk ends. */
  push(chunk: Uint8Array): Frame[] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    const frames: Frame[] = [];
    for (;;) {
      if (this.#length < headerBytes) return frames;
      const head = this.#joined(headerBytes);
      const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
      const jsonLength = view.getUint32(0, true);
      const binaryLength = view.getUint32(4, true);
      const total = headerBytes + jsonLength + binaryLength;
      if (total > maxFrameBytes)
        throw new RangeError(`A frame of ${total} bytes is larger than ${maxFrameBytes}.`);
      if (this.#length < total) return frames;
      const bytes = this.#joined(total);
      const json: unknown = JSON.parse(
        new TextDecoder().decode(bytes.subarray(headerBytes, headerBytes + jsonLength)),
      );
      const binary = binaryLength === 0 ? undefined : bytes.slice(headerBytes + jsonLength, total);
      frames.push({ json, binary });
      this.#chunks[0] = bytes.subarray(total);
      this.#length -= total;
    }
  }

  /** The first chunk, made at least `bytes` long by joining; never copies more than needed. */
  #joined(bytes: number): Uint8Array {
    const first = this.#chunks[0]!;
    if (first.length >= bytes) return first;
    const all = new Uint8Array(this.#length);
    let at = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks.length = 0;
    this.#chunks.push(all);
    return all;
  }
}
