import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { philoxKey } from '../../../src/core/philox.ts';
import { shortestPart } from '../../../src/core/shortestPart.ts';
import { SamplePacker } from '../../../src/trainer/data/packing.ts';
import { permuted } from '../../../src/trainer/data/permutation.ts';
import { Masker } from '../../../src/trainer/objectives/masking.ts';
import { clmBatch } from '../../../src/trainer/objectives/microBatches.ts';

const counting = (length: number) => ({
  length,
  read: (start: number, target: Int32Array) => {
    for (let i = 0; i < target.length; i++) target[i] = start + i;
  },
});

test('the order is a permutation', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(5), fc.nat(9), (size, seed, epoch) => {
      const key = philoxKey(seed, 'order');
      const places = new Set(Array.from({ length: size }, (_, i) => permuted(i, size, key, epoch)));
      assert.equal(places.size, size);
    }),
  );
});

test('an epoch holds every token of its blocks once, whatever the cuts', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 8, max: 64 }),
      fc.nat(9),
      (blocks, length, seed) => {
        const packer = new SamplePacker(counting(blocks * length + 3), { length, sizes: 'random' }, seed, {
          shuffle: true,
        });
        const seen = new Set<number>();
        for (let s = 0; s < packer.samplesPerEpoch; s++) {
          const { ids } = packer.sample(s);
          assert.ok(ids.length >= shortestPart(length));
          for (const id of ids) seen.add(id);
        }
        assert.equal(seen.size, blocks * length);
      },
    ),
  );
});

test('the masks of 20 % lie inside those of 40 %, and special tokens are never chosen', () => {
  const masker = new Masker(1, { mask: 2, special: new Set([0, 1, 2]), size: 100 });
  const replacement = { mask: 1, random: 0, keep: 0 };
  fc.assert(
    fc.property(
      fc.array(fc.nat(99), { minLength: 2, maxLength: 200 }),
      fc.nat(1000),
      fc.nat(3),
      (list, block, epoch) => {
        const sample = { ids: Int32Array.from(list), block, part: 0, epoch };
        const few = masker.mask(sample, 0.2, replacement);
        const many = new Set(masker.mask(sample, 0.4, replacement).positions);
        assert.ok(few.positions.every((position) => many.has(position)));
        assert.ok(few.targets.every((id) => id > 2));
        few.positions.forEach((position, i) => {
          assert.equal(few.ids[position], 2);
          assert.equal(few.targets[i], list[position]);
        });
      },
    ),
  );
});

test('causal targets are the next tokens inside each sample', () => {
  const rules = {
    microBatch: 4,
    documentAttention: false,
    eos: 1,
    masker: new Masker(0, { mask: 2, special: new Set([1, 2]), size: 9 }),
  };
  const sample = (ids: number[], part: number) => ({ ids: Int32Array.from(ids), block: 0, part, epoch: 0 });
  const samples = [sample([5, 6, 1, 7], 0), sample([8, 3], 1)];
  const batch = clmBatch(samples, rules);
  assert.deepEqual([...batch.lossRows], [0, 1, 2, 4]);
  assert.deepEqual([...batch.targets], [6, 1, 7, 3]);
  const apart = clmBatch(samples, { ...rules, documentAttention: true });
  assert.deepEqual([...apart.cumulativeLengths], [0, 3, 4, 6]);
  assert.deepEqual([...apart.targets], [6, 1, 3]);
});
