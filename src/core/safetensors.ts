import { BiphaseError } from './errors.ts';

/** Reads `length` bytes at `offset`; fewer bytes mean that the file ends there. */
export type RangeReader = (offset: number, length: number) => Promise<Uint8Array>;

export type SafetensorsDtype = keyof typeof DTYPE_BYTES;

const DTYPE_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;

const HEADER_LIMIT = 100_000_000;
const QUOTED_LENGTH = 100;

export interface SafetensorsEntry {
  name: string;
  dtype: SafetensorsDtype;
  shape: number[];
  /** Place of its bytes in the file. */
  offset: number;
  bytes: number;
}

export interface SafetensorsHeader {
  entries: SafetensorsEntry[];
  metadata: Record<string, string>;
}

/** A name from a file within a sentence; a file decides how long it is, so only its beginning is said. */
const quoted = (text: string): string =>
  JSON.stringify(text.length > QUOTED_LENGTH ? `${text.slice(0, QUOTED_LENGTH)}…` : text);

const damaged = (what: string): BiphaseError =>
  new BiphaseError('damaged', `Not a usable safetensors file: ${what}.`);

/**
 * Reads and checks a header. Every length is checked against the file's size before anything is allocated for it.
 * @throws BiphaseError `damaged`
 */
export async function readSafetensorsHeader(
  read: RangeReader,
  fileBytes: number,
): Promise<SafetensorsHeader> {
  if (fileBytes < 8) throw damaged(`it has ${fileBytes} bytes, fewer than its header's length needs`);
  const prefix = await read(0, 8);
  if (prefix.length < 8) throw damaged('it ends within its first 8 bytes');
  const length = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(HEADER_LIMIT)) throw damaged(`its header claims ${length} bytes, more than 100 MB`);
  const headerBytes = Number(length);
  if (8 + headerBytes > fileBytes)
    throw damaged(`its header claims ${headerBytes} bytes, but the file has ${fileBytes}`);
  const bytes = await read(8, headerBytes);
  if (bytes.length < headerBytes) throw damaged('it ends within its header');
  return parseSafetensorsHeader(bytes, fileBytes - 8 - headerBytes);
}

/** Checks a header's JSON against the number of data bytes that follow it. */
export function parseSafetensorsHeader(header: Uint8Array, dataBytes: number): SafetensorsHeader {
  let text: string;
  let parsed: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(header);
    parsed = JSON.parse(text);
  } catch {
    throw damaged('its header is not JSON');
  }
  if (!isRecord(parsed)) throw damaged('its header is not a JSON object');
  refuseDuplicateKeys(text);
  const start = 8 + header.length;
  const entries: SafetensorsEntry[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(parsed)) {
    if (name === '__metadata__') metadata = checkMetadata(value);
    else entries.push(checkEntry(name, value, start, dataBytes));
  }
  entries.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes);
  let expected = start;
  for (const { name, offset, bytes } of entries) {
    if (offset !== expected)
      throw damaged(`${quoted(name)} ${offset < expected ? 'overlaps another tensor' : 'follows a hole'}`);
    expected += bytes;
  }
  if (expected !== start + dataBytes)
    throw damaged(`its tensors have ${expected - start} bytes, but ${dataBytes} follow the header`);
  return { entries, metadata };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function checkMetadata(value: unknown): Record<string, string> {
  if (!isRecord(value)) throw damaged('its metadata is not an object');
  const metadata: Record<string, string> = {};
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw damaged(`its metadata ${quoted(key)} is not text`);
    Object.defineProperty(metadata, key, { value: text, enumerable: true });
  }
  return metadata;
}

function checkEntry(name: string, value: unknown, start: number, dataBytes: number): SafetensorsEntry {
  const label = quoted(name);
  const isSize = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0;
  if (!isRecord(value)) throw damaged(`${label} is not described by an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string') throw damaged(`${label} has no type`);
  if (!Object.hasOwn(DTYPE_BYTES, dtype)) throw damaged(`${label} has the unknown type ${quoted(dtype)}`);
  if (!Array.isArray(shape) || !shape.every(isSize)) throw damaged(`${label} has no valid shape`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize))
    throw damaged(`${label} has no valid offsets`);
  const [from, to] = offsets as [number, number];
  if (from > to || to > dataBytes) throw damaged(`${label} lies outside the file`);
  const known = dtype as SafetensorsDtype;
  let bytes: number = DTYPE_BYTES[known];
  for (const length of shape) {
    bytes *= length;
    if (!Number.isSafeInteger(bytes)) throw damaged(`${label} has a shape beyond any file`);
  }
  if (bytes !== to - from) throw damaged(`${label} has ${to - from} bytes, but its shape needs ${bytes}`);
  return { name, dtype: known, shape: [...shape], offset: start + from, bytes };
}

/** JSON.parse keeps the last of equal keys silently; a file that hides one tensor behind another is refused. */
function refuseDuplicateKeys(text: string): void {
  const objects: (Set<string> | undefined)[] = [];
  const token = /["{}[\]:,]/g;
  let key: string | undefined;
  for (let match = token.exec(text); match; match = token.exec(text)) {
    const symbol = match[0];
    if (symbol === '{') objects.push(new Set());
    else if (symbol === '[') objects.push(undefined);
    else if (symbol === '}' || symbol === ']') objects.pop();
    else if (symbol === ':') {
      const keys = objects.at(-1);
      if (keys && key !== undefined) {
        if (keys.has(key)) throw damaged(`the key ${quoted(key)} occurs twice`);
        keys.add(key);
      }
    } else if (symbol === '"') {
      token.lastIndex = stringEnd(text, match.index);
      key = JSON.parse(text.slice(match.index, token.lastIndex)) as string;
    }
  }
}

/** Where the string that begins at `start` ends in valid JSON; a regular expression has no stack for a long one. */
function stringEnd(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

/** Numbers of F32, F16, BF16 or F64 bytes as fp32; `bytes` belongs to one tensor. */
export function decodeFloats(dtype: SafetensorsDtype, bytes: Uint8Array): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = bytes.byteLength / DTYPE_BYTES[dtype];
  const values = new Float32Array(count);
  if (dtype === 'F32') {
    new Uint8Array(values.buffer).set(bytes);
  } else if (dtype === 'BF16') {
    const bits = new Uint32Array(values.buffer);
    for (let i = 0; i < count; i++) bits[i] = view.getUint16(2 * i, true) << 16;
  } else if (dtype === 'F16') {
    for (let i = 0; i < count; i++) values[i] = view.getFloat16(2 * i, true);
  } else if (dtype === 'F64') {
    for (let i = 0; i < count; i++) values[i] = view.getFloat64(8 * i, true);
  } else {
    throw damaged(`weights of type ${dtype} are not floating point`);
  }
  return values;
}

/** Types that weights can be written in. */
export type FloatDtype = 'F32' | 'BF16' | 'F16';

/** fp32 numbers as bytes of a type, rounded to the nearest (ties to even); beyond a type's range they are infinite. */
export function encodeFloats(dtype: FloatDtype, values: Float32Array): Uint8Array {
  if (dtype === 'F32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (dtype === 'F16') return new Uint8Array(new Float16Array(values).buffer);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const upper = bits[i] >>> 16;
    // Rounding would carry the bits of a NaN into those of an infinity.
    halves[i] = Number.isNaN(values[i]) ? upper | 0x40 : (bits[i] + 0x7fff + (upper & 1)) >>> 16;
  }
  return new Uint8Array(halves.buffer);
}

/** The first bytes of a file of tensors in the given order: length, header padded to 8 bytes. */
export function encodeSafetensorsHeader(
  tensors: readonly { name: string; shape: readonly number[] }[],
  metadata: Record<string, string> = {},
  dtype: FloatDtype = 'F32',
): Uint8Array {
  let offset = 0;
  const described = tensors.map(({ name, shape }) => {
    const bytes = DTYPE_BYTES[dtype] * shape.reduce((a, b) => a * b, 1);
    const entry = { dtype, shape, data_offsets: [offset, offset + bytes] };
    offset += bytes;
    return [name, entry] as const;
  });
  const text = JSON.stringify(Object.fromEntries([['__metadata__', metadata], ...described]));
  const json = new TextEncoder().encode(text);
  const padded = Math.ceil(json.length / 8) * 8;
  const header = new Uint8Array(8 + padded).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(json, 8);
  return header;
}
