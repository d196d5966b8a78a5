/*
 * The decoding library believes the lengths it reads, and a damaged one can keep it busy for ever. These walk the
 * lengths of a page without decoding it.
 */

/** A little-endian base-128 number of 32 bits and where it ends. @throws Error where it does not end */
function varint(bytes: Uint8Array, at: number): { value: number; end: number } {
  let value = 0;
  for (let i = 0; i < 5 && at + i < bytes.length; i++) {
    value += (bytes[at + i] & 0x7f) * 2 ** (7 * i);
    if (bytes[at + i] < 0x80) return { value, end: at + i + 1 };
  }
  throw new Error('a length in a page does not end');
}

/**
 * Runs of Parquet's hybrid of run lengths and bit packing (Encodings.md, "RLE").
 * @param width bits of a value
 * @param values how many there are; where some are null, the bytes may end before
 * @param nullable whether they may
 * @throws Error where a run is longer than there are values
 */
export function checkRuns(bytes: Uint8Array, width: number, values: number, nullable: boolean): void {
  let at = 0;
  for (let seen = 0; seen < values; ) {
    if (nullable && at >= bytes.length) return;
    const header = varint(bytes, at);
    const packed = header.value % 2 === 1;
    const count = packed ? 8 * Math.floor(header.value / 2) : header.value / 2;
    // Bit packing comes in eights.
    if (count === 0 || count > values - seen + (packed ? 7 : 0))
      throw new Error('a run in a page has an impossible length');
    at = header.end + (packed ? (count / 8) * width : Math.ceil(width / 8));
    seen += count;
  }
}

/**
 * Elements of a Snappy block (google/snappy, format_description.txt).
 * @param size bytes that it decodes to
 * @throws Error where an element reaches over the input's or the output's end
 */
export function checkSnappy(bytes: Uint8Array, size: number): void {
  const preamble = varint(bytes, 0);
  let at = preamble.end;
  let out = preamble.value === size ? 0 : Number.NaN;
  while (at < bytes.length && out <= size) {
    const tag = bytes[at++];
    const kind = tag & 3;
    if (kind === 0) {
      let length = (tag >> 2) + 1;
      if (length > 60) {
        const extra = length - 60;
        length = 1;
        for (let i = 0; i < extra; i++) length += (bytes[at + i] ?? Number.NaN) * 2 ** (8 * i);
        at += extra;
      }
      at += length;
      out += length;
    } else {
      const offsetBytes = [0, 1, 2, 4][kind];
      let offset = kind === 1 ? (tag >> 5) * 256 : 0;
      for (let i = 0; i < offsetBytes; i++) offset += (bytes[at + i] ?? Number.NaN) * 2 ** (8 * i);
      if (!(offset > 0 && offset <= out)) throw new Error('a page refers to bytes before its beginning');
      at += offsetBytes;
      out += kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    }
  }
  if (at !== bytes.length || out !== size)
    throw new Error('a page does not decompress to the size it claims');
}
