import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeFrame, FrameDecoder, maxFrameBytes } from '../../../src/protocol/frames.ts';

test('frames cut anywhere come out whole and in order', () => {
  const frame = fc.record({
    json: fc.jsonValue(),
    binary: fc.option(fc.uint8Array({ minLength: 1, maxLength: 300 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 30 }), (frames, cuts) => {
      const stream = Buffer.concat(frames.map((f) => encodeFrame(f.json, f.binary)));
      const at = [...new Set([0, ...cuts.map((c) => c % (stream.length + 1)), stream.length])].sort(
        (a, b) => a - b,
      );
      const decoder = new FrameDecoder();
      const out = at.slice(1).flatMap((end, i) => decoder.push(stream.subarray(at[i]!, end)));
      assert.equal(out.length, frames.length);
      for (const [i, f] of frames.entries()) {
        assert.deepEqual(out[i]!.json, JSON.parse(JSON.stringify(f.json)));
        assert.deepEqual(out[i]!.binary && Buffer.from(out[i]!.binary), f.binary && Buffer.from(f.binary));
      }
    }),
  );
});

test('a frame longer than the limit is refused from its header alone', () => {
  const header = new Uint8Array(8);
  new DataView(header.buffer).setUint32(4, maxFrameBytes, true);
  assert.throws(() => new FrameDecoder().push(header), RangeError);
});

test('bytes of a frame are its own: writing to the chunk later does not change them', () => {
  const chunk = encodeFrame({ a: 1 }, new Uint8Array([1, 2, 3]));
  const [frame] = new FrameDecoder().push(chunk);
  chunk.fill(0);
  assert.deepEqual([...frame!.binary!], [1, 2, 3]);
});
