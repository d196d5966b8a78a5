import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BiphaseError } from '../../../src/core/errors.ts';
import {
  decodeFloats,
  encodeFloats,
  encodeSafetensorsHeader,
  type RangeReader,
  readSafetensorsHeader,
  type SafetensorsHeader,
} from '../../../src/core/safetensors.ts';

/** A file with this header, so many data bytes, and what its first 8 bytes claim if that is not the truth. */
function fileOf(header: string | Uint8Array, dataBytes: number, claimed?: bigint): Uint8Array {
  const json = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const file = new Uint8Array(8 + json.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, claimed ?? BigInt(json.length), true);
  file.set(json, 8);
  return file;
}

/** Reads like a disk, and fails the test where more is asked for than the file can have. */
function readerOf(file: Uint8Array, statedBytes: number): RangeReader {
  return async (offset, length) => {
    assert.ok(offset + length <= statedBytes, 'nothing is read past the stated end');
    return file.subarray(offset, offset + length);
  };
}

const open = (file: Uint8Array, statedBytes = file.length): Promise<SafetensorsHeader> =>
  readSafetensorsHeader(readerOf(file, statedBytes), statedBytes);

const isDamaged = (error: unknown): boolean => {
  assert.ok(error instanceof BiphaseError, `a ${String(error)} is not a BiphaseError`);
  assert.equal(error.kind, 'damaged');
  assert.ok(error.message.length < 1000, 'the message is one sentence');
  return true;
};

const tensor = (from: number, to: number, shape: unknown = [(to - from) / 4], dtype: unknown = 'F32') => ({
  dtype,
  shape,
  data_offsets: [from, to],
});
const entry = (from: number, to: number): string => JSON.stringify(tensor(from, to));
const one = (value: unknown): string => JSON.stringify({ a: value });
const deep = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

const hostile: Record<string, Uint8Array> = {
  'no bytes': new Uint8Array(0),
  'seven bytes': new Uint8Array(7),
  'an empty header': fileOf('', 0),
  'a header longer than the file': fileOf(one(tensor(0, 8)), 8, 4000n),
  'a header longer than the file by one byte': fileOf('{}', 0, 3n),
  'a header above 100 MB': fileOf('{}', 0, 100_000_001n),
  'a header of 2^64 - 1 bytes': fileOf('{}', 0, 2n ** 64n - 1n),
  'text that is not JSON': fileOf('{"a":', 0),
  'bytes that are not UTF-8': fileOf(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d), 0),
  'an array as header': fileOf('[]', 0),
  'null as header': fileOf('null', 0),
  'overlapping tensors': fileOf(JSON.stringify({ a: tensor(0, 8), b: tensor(4, 12) }), 12),
  'two tensors in one place': fileOf(JSON.stringify({ a: tensor(0, 8), b: tensor(0, 8) }), 8),
  'an empty tensor within another': fileOf(JSON.stringify({ a: tensor(0, 8), b: tensor(4, 4) }), 8),
  'a hole before the first': fileOf(one(tensor(4, 8)), 8),
  'a hole between two': fileOf(JSON.stringify({ a: tensor(0, 4), b: tensor(8, 12) }), 12),
  'trailing bytes': fileOf(one(tensor(0, 8)), 9),
  'bytes but no tensors': fileOf('{}', 4),
  'missing data': fileOf(one(tensor(0, 8)), 7),
  'reversed offsets': fileOf(one(tensor(8, 0, [2])), 8),
  'negative offsets': fileOf(one(tensor(-4, 4, [2])), 8),
  'fractional offsets': fileOf(one(tensor(0, 4.5, [1])), 5),
  'offsets beyond 2^53': fileOf(one(tensor(0, 2 ** 60, [2])), 8),
  'three offsets': fileOf(one({ ...tensor(0, 8), data_offsets: [0, 4, 8] }), 8),
  'no offsets': fileOf(one({ dtype: 'F32', shape: [2] }), 8),
  'a shape whose bytes overflow 32 bits to the right number': fileOf(one(tensor(0, 8, [2 ** 30 + 2])), 8),
  'a shape whose bytes overflow 64 bits': fileOf(one(tensor(0, 0, [2 ** 31, 2 ** 31, 4])), 0),
  'a shape beyond 2^53 with a zero': fileOf(one(tensor(0, 0, [2 ** 52, 2 ** 52, 0])), 0),
  'a shape of infinite size': fileOf('{"a":{"dtype":"F32","shape":[1e999],"data_offsets":[0,8]}}', 8),
  'a negative shape': fileOf(one(tensor(0, 8, [-1, -2])), 8),
  'a fractional shape': fileOf(one(tensor(0, 8, [0.5, 4])), 8),
  'a shape that is no list': fileOf(one(tensor(0, 8, 2)), 8),
  'a shape that contradicts the offsets': fileOf(one(tensor(0, 8, [3])), 8),
  'a type that contradicts the offsets': fileOf(one(tensor(0, 8, [2], 'BF16')), 8),
  'an unknown type': fileOf(one(tensor(0, 8, [2], 'F31')), 8),
  'a type that every object has': fileOf(one(tensor(0, 8, [2], 'constructor')), 8),
  'the type __proto__': fileOf(one(tensor(0, 8, [2], '__proto__')), 8),
  'a type nested very deep': fileOf(`{"a":{"dtype":${deep(200_000)},"shape":[2],"data_offsets":[0,8]}}`, 8),
  'a header nested very deep': fileOf(deep(1_000_000), 0),
  'a type of a million characters': fileOf(one(tensor(0, 8, [2], 'F'.repeat(1_000_000))), 8),
  'a name of 12 million characters': fileOf(JSON.stringify({ ['n'.repeat(12_000_000)]: 1 }), 0),
  'a tensor that is a number': fileOf('{"a":1}', 0),
  'a tensor that is null': fileOf('{"a":null}', 0),
  'a tensor that is a list': fileOf('{"a":[]}', 0),
  'the same tensor twice': fileOf(`{"a":${entry(0, 8)},"a":${entry(0, 8)}}`, 8),
  'the same tensor twice, once escaped': fileOf(`{"a":${entry(0, 8)},"\\u0061":${entry(0, 8)}}`, 8),
  'the same field twice': fileOf('{"a":{"dtype":"F32","shape":[3],"shape":[2],"data_offsets":[0,8]}}', 8),
  'metadata twice': fileOf('{"__metadata__":{"a":"b"},"__metadata__":{}}', 0),
  'metadata that is a list': fileOf('{"__metadata__":[]}', 0),
  'metadata that holds a number': fileOf('{"__metadata__":{"a":1}}', 0),
  'the name __proto__ twice': fileOf(`{"__proto__":${entry(0, 4)},"__proto__":${entry(4, 8)}}`, 8),
  'the name __proto__ for a number': fileOf('{"__proto__":1}', 0),
  'fields within __proto__': fileOf(`{"a":{"__proto__":${entry(0, 8)}}}`, 8),
};

for (const [what, file] of Object.entries(hostile))
  test(`${what}: refused as damaged`, () => assert.rejects(open(file), isDamaged));

test('a file that ends before its stated size is refused wherever it ends', async () => {
  const file = fileOf(one(tensor(0, 8)), 8);
  for (let end = 0; end < file.length - 8; end++) {
    await assert.rejects(open(file.subarray(0, end)), isDamaged);
    await assert.rejects(open(file.subarray(0, end), file.length), isDamaged);
  }
});

test('a tensor and metadata named __proto__ are names like any other', async () => {
  const { entries, metadata } = await open(
    fileOf(`{"__metadata__":{"__proto__":"x"},"__proto__":${entry(0, 4)},"constructor":${entry(4, 8)}}`, 8),
  );
  assert.deepEqual(
    entries.map(({ name }) => name),
    ['__proto__', 'constructor'],
  );
  assert.deepEqual(Object.entries(metadata), [['__proto__', 'x']]);
  assert.equal(Object.getPrototypeOf(metadata), Object.prototype);
  assert.equal(({} as Record<string, unknown>).dtype, undefined);
});

test('changed bytes give a checked header or one damaged error, never another', async () => {
  const header = JSON.stringify({
    __metadata__: { format: 'pt' },
    a: tensor(0, 8, [2, 1]),
    b: tensor(8, 12),
  });
  const change = fc.tuple(fc.nat(header.length + 7), fc.integer({ min: 0, max: 255 }));
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
      const file = fileOf(header, 12);
      for (const [at, byte] of changes) file[at] = byte;
      try {
        const { entries } = await open(file);
        const bytes = entries.reduce((sum, one) => sum + one.bytes, 0);
        assert.ok(entries.every(({ offset, bytes }) => offset + bytes <= file.length));
        assert.ok(bytes < file.length);
      } catch (error) {
        isDamaged(error);
      }
    }),
    { numRuns: 300 },
  );
});

test('F32 tensors come back bit for bit, in order', async () => {
  const bits = Uint32Array.of(0, 0x80000000, 1, 0x3f800000, 0x7f800000, 0xff800000, 0x7fc12345, 0xff7fffff);
  const described = [
    { name: 'z', shape: [2, 3] },
    { name: 'empty', shape: [0, 5] },
    { name: '7', shape: [] },
    { name: 'ä"\\', shape: [1] },
  ];
  const header = encodeSafetensorsHeader(described, { format: 'pt' });
  assert.equal(header.length % 8, 0);
  const file = new Uint8Array(header.length + 32);
  file.set(header);
  file.set(new Uint8Array(bits.buffer), header.length);
  const { entries, metadata } = await open(file);
  assert.deepEqual(metadata, { format: 'pt' });
  assert.deepEqual(
    new Map(entries.map(({ name, shape }) => [name, shape])),
    new Map(described.map(({ name, shape }) => [name, shape])),
  );
  const read = ['z', 'empty', '7', 'ä"\\'].flatMap((name) => {
    const { dtype, offset, bytes } = entries.find((candidate) => candidate.name === name)!;
    const values = decodeFloats(dtype, file.subarray(offset, offset + bytes));
    return [...new Uint32Array(values.buffer)];
  });
  assert.deepEqual(read, [...bits]);
});

/** The bytes of 16-bit words, at an odd address. */
function littleEndian(values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(1 + 2 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setUint16(1 + 2 * i, value, true);
  });
  return bytes.subarray(1);
}

test('BF16 is the upper half of an fp32', () => {
  const worked: [number, number][] = [
    [0x0000, 0],
    [0x8000, -0],
    [0x3f80, 1],
    [0xc000, -2],
    [0x3eab, (1 + 43 / 128) / 4],
    [0x7f7f, (2 - 2 ** -7) * 2 ** 127],
    [0x0080, 2 ** -126],
    [0x0001, 2 ** -133],
    [0x7f80, Number.POSITIVE_INFINITY],
    [0xff80, Number.NEGATIVE_INFINITY],
    [0x7fc0, Number.NaN],
  ];
  const bytes = littleEndian(worked.map(([bits]) => bits));
  assert.deepEqual(
    [...decodeFloats('BF16', bytes)],
    worked.map(([, value]) => value),
  );
});

test('F16 has 5 bits of exponent and 10 of fraction', () => {
  const worked: [number, number][] = [
    [0x0000, 0],
    [0x8000, -0],
    [0x3c00, 1],
    [0xc000, -2],
    [0x3555, (1 + 341 / 1024) / 4],
    [0x7bff, 65504],
    [0x0400, 2 ** -14],
    [0x03ff, 1023 * 2 ** -24],
    [0x8001, -(2 ** -24)],
    [0x7c00, Number.POSITIVE_INFINITY],
    [0xfc00, Number.NEGATIVE_INFINITY],
    [0x7e00, Number.NaN],
  ];
  const bytes = littleEndian(worked.map(([bits]) => bits));
  assert.deepEqual(
    [...decodeFloats('F16', bytes)],
    worked.map(([, value]) => value),
  );
});

test('numbers are written to the nearest of the type, ties to even, and beyond its range as infinite', () => {
  const rounded = (dtype: 'BF16' | 'F16', ...numbers: number[]): number[] => [
    ...decodeFloats(dtype, encodeFloats(dtype, Float32Array.from(numbers))),
  ];
  const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
  const unit = 2 ** -7;
  assert.deepEqual(
    rounded(
      'BF16',
      1 + 0.5 * unit,
      1 + 1.5 * unit,
      1 + 0.51 * unit,
      -1 - 0.49 * unit,
      -0,
      3.4e38,
      nan,
      -infinity,
    ),
    [1, 1 + 2 * unit, 1 + unit, -1, -0, infinity, nan, -infinity],
  );
  assert.deepEqual(
    rounded('F16', 1 + 2 ** -11, 1 + 3 * 2 ** -11, 65519, 65520, 2 ** -25, 1.5 * 2 ** -24, nan),
    [1, 1 + 2 ** -9, 65504, infinity, 0, 2 ** -23, nan],
  );
  // A NaN whose only bits lie in the half that is cut off stays one.
  const hidden = new Float32Array(Uint32Array.of(0x7f800001).buffer);
  assert.ok(Number.isNaN(decodeFloats('BF16', encodeFloats('BF16', hidden))[0]));
});

test('F64 is rounded to fp32, and whole numbers are no weights', () => {
  const bytes = new Uint8Array(Float64Array.of(0.1, -1e300).buffer);
  assert.deepEqual([...decodeFloats('F64', bytes)], [Math.fround(0.1), Number.NEGATIVE_INFINITY]);
  assert.throws(() => decodeFloats('I32', new Uint8Array(4)), isDamaged);
});
