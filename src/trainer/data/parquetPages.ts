import zlib from 'node:zlib';
import type { Compressors, PageHeader } from 'hyparquet';
import { parquetHeader, readPage } from 'hyparquet/src/column.js';
import { compressors as portable } from 'hyparquet-compressors';
import { checkRuns, checkSnappy } from './parquetChecks.ts';

/** A page that claims more when decoded is taken for damaged. */
const largestPage = 1 << 30;
/** Values of a page, at most. */
const mostValues = 1 << 26;
/** A page's header is parsed once this much is there, or its column ends. */
const headerBytes = 1 << 16;

/** Node's own where it has one: they are native. */
const compressors: Compressors = {
  ...portable,
  GZIP: (input, length) => zlib.gunzipSync(input, { maxOutputLength: Math.max(1, length) }),
  BROTLI: (input, length) => zlib.brotliDecompressSync(input, { maxOutputLength: Math.max(1, length) }),
  ZSTD: (input, length) => zlib.zstdDecompressSync(input, { maxOutputLength: Math.max(1, length) }),
};

/** What a column's pages are decoded by; its schema path is [root, column]. */
export type ColumnDecoder = Omit<Parameters<typeof readPage>[2], 'compressors' | 'utf8'>;
export type PageValues = NonNullable<ReturnType<typeof readPage>['data']>;

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

function decompressed(bytes: Uint8Array, size: number, codec: ColumnDecoder['codec']): Uint8Array {
  if (codec === 'UNCOMPRESSED') return bytes;
  const decompress = compressors[codec];
  if (!decompress) throw new Error(`its compression ${codec} is not known`);
  if (codec === 'SNAPPY') checkSnappy(bytes, size);
  const out = decompress(bytes, size);
  if (out.length !== size) throw new Error('a page has another size than it claims');
  return out;
}

/** Decodes one row group's column of strings as its bytes arrive: each page as soon as it is whole. */
export class PageReader {
  readonly #decoder: ColumnDecoder;
  readonly #groupRows: number;
  /** Whether its values may be null, so that its pages say which are. */
  readonly #optional: boolean;
  #held: Uint8Array = new Uint8Array(0);
  #dictionary: PageValues | undefined;
  /** Rows decoded so far. */
  rows = 0;

  constructor(decoder: ColumnDecoder, groupRows: number) {
    this.#decoder = decoder;
    this.#groupRows = groupRows;
    this.#optional = decoder.element.repetition_type !== 'REQUIRED';
  }

  /** Values of the pages that `bytes` complete, with the row in the group of each page's first. */
  *push(bytes: Uint8Array, last: boolean): Generator<{ row: number; values: PageValues }> {
    this.#held = this.#held.length === 0 ? bytes : joined(this.#held, bytes);
    let offset = 0;
    while (this.#held.length - offset >= (last ? 1 : headerBytes)) {
      const view = new DataView(this.#held.buffer, this.#held.byteOffset, this.#held.byteLength);
      const reader = { view, offset };
      const header = parquetHeader(reader);
      const size = header.compressed_page_size;
      if (
        !(size >= 0) ||
        !(header.uncompressed_page_size >= 0 && header.uncompressed_page_size <= largestPage)
      )
        throw new Error('a page claims a size that cannot be');
      if (size > view.byteLength - reader.offset) {
        if (last) throw new Error('a page is longer than its column');
        break;
      }
      offset = reader.offset + size;
      const values = this.#page(header, this.#held.subarray(reader.offset, offset));
      if (!values) continue;
      yield { row: this.rows, values };
      this.rows += values.length;
    }
    this.#held = this.#held.subarray(offset);
  }

  /** Decompresses and checks a page, then has the library decode it; undefined for a dictionary. */
  #page(header: PageHeader, stored: Uint8Array): PageValues | undefined {
    const { codec } = this.#decoder;
    const size = header.uncompressed_page_size;
    let page: Uint8Array;
    if (header.data_page_header_v2) {
      const v2 = header.data_page_header_v2;
      // A column that is no list has no repetition levels.
      const levels = v2.definition_levels_byte_length;
      if (!(v2.repetition_levels_byte_length === 0 && levels >= 0 && levels <= Math.min(stored.length, size)))
        throw new Error('a page has impossible levels');
      const rest = stored.subarray(levels);
      page = joined(
        stored.subarray(0, levels),
        v2.is_compressed ? decompressed(rest, size - levels, codec) : rest,
      );
      this.#check(v2.num_values, v2.encoding, page.subarray(0, levels), page.subarray(levels));
    } else {
      page = decompressed(stored, size, codec);
      const v1 = header.data_page_header;
      if (v1) {
        const length = this.#optional
          ? new DataView(page.buffer, page.byteOffset, page.byteLength).getUint32(0, true)
          : 0;
        const start = this.#optional ? 4 : 0;
        if (start + length > page.length) throw new Error('a page has impossible levels');
        this.#check(
          v1.num_values,
          v1.encoding,
          page.subarray(start, start + length),
          page.subarray(start + length),
        );
      } else if (header.dictionary_page_header && header.dictionary_page_header.num_values > page.length)
        throw new Error('a dictionary claims more values than it has bytes');
    }
    const plain: PageHeader = {
      ...header,
      compressed_page_size: page.length,
      uncompressed_page_size: page.length,
      ...(header.data_page_header_v2
        ? { data_page_header_v2: { ...header.data_page_header_v2, is_compressed: false } }
        : {}),
    };
    const reader = { view: new DataView(page.buffer, page.byteOffset, page.byteLength), offset: 0 };
    const decoder = { ...this.#decoder, codec: 'UNCOMPRESSED' as const, utf8: true };
    const { data } = readPage(reader, plain, decoder, this.#dictionary, undefined, 0);
    if (header.type !== 'DICTIONARY_PAGE') return data;
    const text = new TextDecoder();
    this.#dictionary = Array.from(data ?? [], (value) =>
      value instanceof Uint8Array ? text.decode(value) : value,
    );
    return undefined;
  }

  #check(values: number, encoding: string, levels: Uint8Array, data: Uint8Array): void {
    if (!(values >= 0 && values <= Math.min(mostValues, this.#groupRows - this.rows)))
      throw new Error('a page claims more rows than its row group has');
    if (this.#optional) checkRuns(levels, 1, values, false);
    if (encoding.endsWith('_DICTIONARY') && data.length > 0 && data[0] > 0)
      checkRuns(data.subarray(1), data[0], values, true);
  }
}
