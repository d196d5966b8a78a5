import { maskedCrc32c } from './crc32c.ts';

const headerBytes = 12;
const footerBytes = 4;
/** An event file with a larger record holds no curves that anybody looks at; it is not gathered in memory. */
const largestRecord = 256 << 20;

/** A record as a TFRecord file holds it: length (u64), masked CRC-32C of the length, data, masked CRC-32C of the data. */
export function frameRecord(data: Uint8Array): Uint8Array {
  const framed = new Uint8Array(headerBytes + data.length + footerBytes);
  const view = new DataView(framed.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc32c(framed.subarray(0, 8)), true);
  framed.set(data, headerBytes);
  view.setUint32(headerBytes + data.length, maskedCrc32c(data), true);
  return framed;
}

/** Where a file stops being readable, and why. */
export interface RecordDamage {
  /** Byte at which the record begins. */
  offset: number;
  /** `cut`: the file ends within it, as that of a writer at work or of one that was ended. */
  kind: 'cut' | 'lengthCrc' | 'dataCrc' | 'tooLong';
}

/** Takes a TFRecord file apart as its bytes come. After damage nothing more is read: lengths cannot be trusted. */
export class RecordReader {
  damage: RecordDamage | undefined;
  #chunks: Uint8Array[] = [];
  #held = 0;
  #needed = headerBytes;
  #offset = 0;

  /** The whole records so far that were not answered before, valid until the next call. */
  push(chunk: Uint8Array): Uint8Array[] {
    const records: Uint8Array[] = [];
    if (this.damage || chunk.length === 0) return records;
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    if (this.#held < this.#needed) return records;
    const bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    let at = 0;
    for (;;) {
      const record = this.#next(bytes.subarray(at));
      if (!record) break;
      records.push(record);
      const size = headerBytes + record.length + footerBytes;
      at += size;
      this.#offset += size;
    }
    // What is kept must outlive the caller's buffer.
    this.#chunks = this.damage || at === bytes.length ? [] : [new Uint8Array(bytes.subarray(at))];
    this.#held = bytes.length - at;
    return records;
  }

  /** The file ends here. */
  end(): RecordDamage | undefined {
    if (!this.damage && this.#held > 0) this.damage = { offset: this.#offset, kind: 'cut' };
    return this.damage;
  }

  #next(bytes: Uint8Array): Uint8Array | undefined {
    this.#needed = headerBytes;
    if (bytes.length < headerBytes) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (view.getUint32(8, true) !== maskedCrc32c(bytes.subarray(0, 8))) return this.#stop('lengthCrc');
    const length = Number(view.getBigUint64(0, true));
    if (length > largestRecord) return this.#stop('tooLong');
    this.#needed = headerBytes + length + footerBytes;
    if (bytes.length < this.#needed) return undefined;
    const data = bytes.subarray(headerBytes, headerBytes + length);
    if (view.getUint32(headerBytes + length, true) !== maskedCrc32c(data)) return this.#stop('dataCrc');
    return data;
  }

  #stop(kind: RecordDamage['kind']): undefined {
    this.damage = { offset: this.#offset, kind };
  }
}

/** What a person is told of it. */
export function damageSentence(name: string, { offset, kind }: RecordDamage): string {
  const where = `${name}, byte ${offset}:`;
  if (kind === 'cut') return `${where} the last record is cut off; what is before it was read.`;
  if (kind === 'tooLong') return `${where} a record is too long; what is before it was read.`;
  return `${where} the checksum of a record's ${kind === 'dataCrc' ? 'data' : 'length'} is wrong; what is before it was read.`;
}
