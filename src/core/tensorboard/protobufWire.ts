import { BiphaseError } from '../errors.ts';

/**
 * The protobuf wire format, as far as event files need it. A library for all of protobuf would weigh more than all other code
 * that travels with the command line, and six messages are read and two are written.
 */
export const wireTypes = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** One field of a message: a number for `varint` (signed 64 bits) and the fixed types' bytes as they are. */
export type WireField =
  | { number: number; type: typeof wireTypes.varint; value: number }
  | { number: number; type: typeof wireTypes.fixed64 | typeof wireTypes.fixed32; bytes: Uint8Array }
  | { number: number; type: typeof wireTypes.bytes; bytes: Uint8Array };

/** @throws BiphaseError `damaged` where the bytes are no message */
export function* readFields(message: Uint8Array): Generator<WireField> {
  let at = 0;
  const varint = (): number => {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= message.length) throw damaged();
      const byte = message[at++]!;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high |= bits >>> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else high |= bits << 31;
      if (byte < 0x80) return high * 0x1_0000_0000 + (low >>> 0);
    }
    throw damaged();
  };
  const take = (length: number): Uint8Array => {
    if (length < 0 || length > message.length - at) throw damaged();
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const key = varint();
    const number = Math.floor(key / 8);
    if (number < 1) throw damaged();
    switch (key % 8) {
      case wireTypes.varint:
        yield { number, type: wireTypes.varint, value: varint() };
        break;
      case wireTypes.fixed64:
        yield { number, type: wireTypes.fixed64, bytes: take(8) };
        break;
      case wireTypes.bytes:
        yield { number, type: wireTypes.bytes, bytes: take(varint()) };
        break;
      case wireTypes.fixed32:
        yield { number, type: wireTypes.fixed32, bytes: take(4) };
        break;
      default:
        throw damaged();
    }
  }
}

/** Little-endian. */
export function float64At(bytes: Uint8Array, offset = 0): number {
  return new DataView(bytes.buffer, bytes.byteOffset + offset, 8).getFloat64(0, true);
}

/** Little-endian. */
export function float32At(bytes: Uint8Array, offset = 0): number {
  return new DataView(bytes.buffer, bytes.byteOffset + offset, 4).getFloat32(0, true);
}

/** A message that is being written. */
export class WireWriter {
  #bytes = new Uint8Array(64);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** `value`: a whole number of at most 53 bits, not negative. */
  varint(field: number, value: number): this {
    this.#key(field, wireTypes.varint);
    this.#number(value);
    return this;
  }

  double(field: number, value: number): this {
    this.#key(field, wireTypes.fixed64);
    this.#grow(8);
    this.#view.setFloat64(this.#length - 8, value, true);
    return this;
  }

  float(field: number, value: number): this {
    this.#key(field, wireTypes.fixed32);
    this.#grow(4);
    this.#view.setFloat32(this.#length - 4, value, true);
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    return this.open(field, value.length).raw(value);
  }

  /** A message of `length` bytes begins, which is written next. */
  open(field: number, length: number): this {
    this.#key(field, wireTypes.bytes);
    this.#number(length);
    return this;
  }

  /** Bytes of a message that was opened. */
  raw(bytes: Uint8Array): this {
    this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#length - bytes.length);
    return this;
  }

  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  done(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #key(field: number, type: number): void {
    this.#number(field * 8 + type);
  }

  #number(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.#byte(rest);
  }

  #byte(value: number): void {
    this.#grow(1);
    this.#bytes[this.#length - 1] = value;
  }

  #grow(more: number): void {
    const needed = this.#length + more;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#length = needed;
  }
}

function damaged(): BiphaseError {
  return new BiphaseError('damaged', 'A record is no protobuf message.');
}
