import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normals, philox, philoxKey } from '../../../src/core/philox.ts';

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

test('normal numbers are finite at the ends and have mean 0 and variance 1', () => {
  for (const word of [0, 2 ** 32 - 1])
    for (const value of normals([word, word, word, word])) assert.ok(Number.isFinite(value));
  const key = philoxKey(3, 'normal');
  const values = Array.from({ length: 5000 }, (_, i) => normals(philox(key, [i, 0, 0, 0]))).flat();
  const mean = values.reduce((a, b) => a + b) / values.length;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
  assert.ok(Math.abs(mean) < 0.03 && Math.abs(variance - 1) < 0.05, `${mean}, ${variance}`);
});
