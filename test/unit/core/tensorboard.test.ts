import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { crc32c, maskedCrc32c } from '../../../src/core/tensorboard/crc32c.ts';
import { EventDecoder, EventEncoder, versionEvent } from '../../../src/core/tensorboard/eventMessages.ts';
import { damageSentence, frameRecord, RecordReader } from '../../../src/core/tensorboard/tfRecords.ts';

test('CRC-32C gives the answers of RFC 3720, B.4, and the check value of its catalogue entry', () => {
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c);
  assert.equal(crc32c(new TextEncoder().encode('123456789')), 0xe3069283);
});

test('a mask is the rotated CRC plus the constant of the format', () => {
  // 0x8a9136aa rotated right by 15 is 0x6d551522; plus 0xa282ead8 modulo 2³².
  assert.equal(maskedCrc32c(new Uint8Array(32)), 0x0fd7fffa);
});

const bytes = fc.uint8Array({ maxLength: 300 });

function inPieces(whole: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0, i = 0; at < whole.length; i++) {
    const size = sizes.length === 0 ? whole.length : sizes[i % sizes.length]!;
    pieces.push(whole.slice(at, at + size));
    at += size;
  }
  return pieces;
}

test('records come back whole, however the bytes are cut into pieces', () => {
  fc.assert(
    fc.property(
      fc.array(bytes, { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 200 }), { maxLength: 5 }),
      (records, sizes) => {
        const reader = new RecordReader();
        const read = inPieces(Buffer.concat(records.map(frameRecord)), sizes).flatMap((piece) =>
          reader.push(piece).map((record) => Uint8Array.from(record)),
        );
        assert.deepEqual(read, records);
        assert.equal(reader.end(), undefined);
      },
    ),
  );
});

test('a record that comes in two pieces outlives the buffer of the first', () => {
  const record = Uint8Array.of(1, 2, 3, 4, 5);
  const framed = frameRecord(record);
  const first = Buffer.concat([framed, framed.subarray(0, 14)]);
  const reader = new RecordReader();
  assert.equal(reader.push(first).length, 1);
  first.fill(0);
  assert.deepEqual(
    reader.push(framed.subarray(14)).map((one) => [...one]),
    [[...record]],
  );
});

test('a cut anywhere costs the last record alone, and its offset is told', () => {
  fc.assert(
    fc.property(
      fc.array(bytes, { minLength: 1, maxLength: 8 }),
      fc.nat(),
      fc.array(fc.integer({ min: 1, max: 99 }), { maxLength: 3 }),
      (records, cut, sizes) => {
        const frames = records.map(frameRecord);
        const whole = Buffer.concat(frames);
        const length = cut % whole.length;
        const reader = new RecordReader();
        const read = inPieces(Uint8Array.from(whole.subarray(0, length)), sizes).flatMap((piece) =>
          reader.push(piece).map((record) => Uint8Array.from(record)),
        );
        let offset = 0;
        let kept = 0;
        while (offset + frames[kept]!.length <= length) offset += frames[kept++]!.length;
        assert.deepEqual(read, records.slice(0, kept));
        assert.deepEqual(reader.end(), offset === length ? undefined : { offset, kind: 'cut' });
      },
    ),
  );
});

test('a byte that changed is noticed at its record, and all before it is kept', () => {
  fc.assert(
    fc.property(
      fc.array(bytes, { minLength: 1, maxLength: 8 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (records, place, change) => {
        const frames = records.map(frameRecord);
        const whole = Uint8Array.from(Buffer.concat(frames));
        const at = place % whole.length;
        whole[at]! ^= change;
        let offset = 0;
        let kept = 0;
        while (offset + frames[kept]!.length <= at) offset += frames[kept++]!.length;
        const reader = new RecordReader();
        const read = reader.push(whole).map((record) => Uint8Array.from(record));
        assert.deepEqual(read, records.slice(0, kept));
        assert.equal(reader.end()?.offset, offset);
        assert.notEqual(reader.end()?.kind, 'cut');
        assert.match(damageSentence('x', reader.damage!), new RegExp(`byte ${offset}:.*checksum`));
      },
    ),
  );
});

test('a length that says gigabytes is refused, not gathered', () => {
  const frame = frameRecord(new Uint8Array(0));
  const view = new DataView(frame.buffer);
  view.setBigUint64(0, 1n << 40n, true);
  view.setUint32(8, maskedCrc32c(frame.subarray(0, 8)), true);
  const reader = new RecordReader();
  assert.deepEqual(reader.push(frame), []);
  assert.deepEqual(reader.end(), { offset: 0, kind: 'tooLong' });
});

test('events come back as they were written, as 32-bit floats', () => {
  const scalar = fc.tuple(fc.string({ unit: 'grapheme' }), fc.double());
  fc.assert(
    fc.property(
      fc.double({ noNaN: true }),
      fc.nat({ max: 0xffffffff }),
      fc.array(scalar, { maxLength: 10 }),
      (wallTime, step, scalars) => {
        const decoded = new EventDecoder().decode(new EventEncoder().encode({ wallTime, step, scalars }));
        assert.deepEqual(decoded, {
          wallTime,
          step,
          scalars: scalars.map(([tag, value]) => [tag, Math.fround(value)]),
        });
      },
    ),
  );
});

test('the first record names the version of the format', () => {
  const first = versionEvent(1.5);
  assert.ok(Buffer.from(first).includes('brain.Event:2'));
  assert.deepEqual(new EventDecoder().decode(first), { wallTime: 1.5, step: 0, scalars: [] });
});

test('bytes that are no message are refused as damaged, and never read past their end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (message) => {
      try {
        new EventDecoder().decode(message);
      } catch (error) {
        assert.equal((error as { kind?: string }).kind, 'damaged');
      }
    }),
    { numRuns: 2000 },
  );
});
