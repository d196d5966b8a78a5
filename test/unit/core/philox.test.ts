import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillNormals, philox, philoxKey } from '../../../src/core/philox.ts';

const words = (text: string): number[] => text.split(' ').map((word) => Number.parseInt(word, 16));

// Known answers that the algorithm's authors publish for philox4x32 with 10 rounds: counter, key, block.
const known = [
  ['00000000 00000000 00000000 00000000', '00000000 00000000', '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
  ['ffffffff ffffffff ffffffff ffffffff', 'ffffffff ffffffff', '408f276d 41c83b0e a20bc7c6 6d5451fd'],
  ['243f6a88 85a308d3 13198a2e 03707344', 'a4093822 299f31d0', 'd16cfe09 94fdcceb 5001e420 24126ea1'],
] as const;

for (const [counter, key, block] of known)
  test(`the block of counter ${counter} is the published one`, () => {
    const [k0, k1] = words(key);
    const [c0, c1, c2, c3] = words(counter);
    assert.deepEqual(philox([k0!, k1!], [c0!, c1!, c2!, c3!]), words(block));
  });

test('streams of other names and seeds have other keys', () => {
  const keys = new Set<string>();
  const names = ['', 'a', 'ab', 'abcd', 'abcde', 'mask', 'order', 'a\0', '\0'];
  for (const seed of [0, 1, 2 ** 32, 2 ** 40 + 1])
    for (const name of names) keys.add(philoxKey(seed, name).join());
  assert.equal(keys.size, 4 * names.length);
  assert.deepEqual(philoxKey(5, 'mask'), philoxKey(5, 'mask'));
});

test('normal numbers are those of the blocks, whatever piece is made, with mean 0 and variance 1', () => {
  const key = philoxKey(3, 'normal');
  const values = new Float32Array(20_003);
  fillNormals(values, key, 0, 1);
  for (const i of [0, 1, 2, 3, 4096, 20_002]) {
    const block = philox(key, [i >> 2, 0, 0, 0]);
    const [a, b] = (i & 2) === 0 ? [block[0], block[1]] : [block[2], block[3]];
    const radius = Math.sqrt(-2 * Math.log((a + 1) / 2 ** 32));
    const angle = (2 * Math.PI * b) / 2 ** 32;
    assert.equal(values[i], Math.fround(radius * ((i & 1) === 0 ? Math.cos(angle) : Math.sin(angle))));
  }
  const piece = new Float32Array(17);
  fillNormals(piece, key, 1000, 1);
  assert.deepEqual(piece, values.subarray(4000, 4017));
  const mean = values.reduce((a, b) => a + b) / values.length;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
  assert.ok(Math.abs(mean) < 0.02 && Math.abs(variance - 1) < 0.03, `${mean}, ${variance}`);
});
