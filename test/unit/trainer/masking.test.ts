import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Sample } from '../../../src/trainer/data/packing.ts';
import { Masker, type MaskTokens } from '../../../src/trainer/objectives/masking.ts';
import {
  type BatchRules,
  clmBatch,
  microBatches,
  mlmBatch,
} from '../../../src/trainer/objectives/microBatches.ts';

const tokens: MaskTokens = { mask: 2, special: new Set([0, 1, 2]), size: 100 };
const allMask = { mask: 1, random: 0, keep: 0 };

/** Samples of any lengths with ids 0 … 99, each at its own place in the corpus. */
const samples = (most: number): fc.Arbitrary<Sample[]> =>
  fc
    .array(fc.array(fc.nat(99), { minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: most })
    .map((lists) =>
      lists.map((list, i) => ({ ids: Int32Array.from(list), block: i >> 1, part: i % 2, epoch: 0 })),
    );

function rulesOf(seed: number, changes: Partial<BatchRules> = {}): BatchRules {
  return { microBatch: 4, documentAttention: false, eos: 1, masker: new Masker(seed, tokens), ...changes };
}

/** Whether a count can be that of n tries with probability p: six standard deviations. */
function plausible(count: number, n: number, p: number): boolean {
  return Math.abs(count - n * p) <= 6 * Math.sqrt(n * p * (1 - p)) + 1;
}

test('as many ordinary tokens are chosen as the ratio says, within binomial bounds, at every place alike', () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.double({ min: 0.05, max: 0.95, noNaN: true }),
      fc.nat(3),
      (seed, ratio, epoch) => {
        const masker = new Masker(seed, tokens);
        const length = 64;
        const atPlace = new Float64Array(length);
        const blocks = 64;
        for (let block = 0; block < blocks; block++) {
          const sample = { ids: new Int32Array(length).fill(50), block, part: 0, epoch };
          for (const position of masker.mask(sample, ratio, allMask).positions) atPlace[position]++;
        }
        const total = atPlace.reduce((a, b) => a + b, 0);
        assert.ok(plausible(total, blocks * length, ratio), `${total} of ${blocks * length} at ${ratio}`);
        for (const count of atPlace) assert.ok(plausible(count, blocks, ratio), `${count} of ${blocks}`);
      },
    ),
    { numRuns: 20 },
  );
});

test('choices of another seed, epoch, block or part are others', () => {
  const ids = new Int32Array(256).fill(50);
  const chosen = (seed: number, place: Partial<Sample>): string =>
    new Masker(seed, tokens)
      .mask({ ids, block: 0, part: 0, epoch: 0, ...place }, 0.5, allMask)
      .positions.join();
  const all = [
    chosen(1, {}),
    chosen(2, {}),
    chosen(1, { epoch: 1 }),
    chosen(1, { block: 1 }),
    chosen(1, { part: 1 }),
    chosen(1, { part: 1, epoch: 1 }),
  ];
  assert.equal(new Set(all).size, all.length);
});

test('what a ratio chooses lies inside what a higher one chooses, and specials are never chosen', () => {
  const ratio = fc.double({ min: 0.01, max: 1, noNaN: true });
  fc.assert(
    fc.property(samples(4), fc.nat(), ratio, ratio, (list, seed, a, b) => {
      const masker = new Masker(seed, tokens);
      for (const sample of list) {
        const few = masker.mask(sample, Math.min(a, b), allMask);
        const many = new Set(masker.mask(sample, Math.max(a, b), allMask).positions);
        assert.ok(few.positions.every((position) => many.has(position)));
        assert.ok(few.targets.every((id) => !tokens.special.has(id)));
        const ordinary = [...sample.ids].filter((id) => !tokens.special.has(id)).length;
        assert.equal(masker.mask(sample, 1, allMask).positions.length, ordinary);
      }
    }),
  );
});

test('a sample’s mask depends on no other sample: not on batch, micro-batch, rank or order', () => {
  const replacement = { mask: 0.6, random: 0.3, keep: 0.1 };
  const phase = {
    objective: 'mlm',
    until: 1,
    maskRatio: [0.4, 0.4],
    replacement,
    optimizer: 'keep',
  } as const;
  fc.assert(
    fc.property(samples(9), fc.nat(), fc.integer({ min: 1, max: 9 }), fc.nat(9), (list, seed, size, cut) => {
      const alone = list.map((sample) => mlmBatch([sample], 0.4, replacement, rulesOf(seed)));
      const expected = alone.flatMap(({ inputIds }) => [...inputIds]);
      const targets = alone.flatMap((batch) => [...batch.targets]);
      // Two ranks with their own parts of the batch, in passes of any size.
      const rules = rulesOf(seed, { microBatch: size });
      const parts = [list.slice(0, cut), list.slice(cut)];
      const passes = parts.flatMap((part, rank) =>
        microBatches(part, { ...phase, maskRatio: [0.4, 0.4] }, 0.4, rules, rank === 0 ? 0 : cut),
      );
      assert.deepEqual(
        passes.flatMap(({ batch }) => [...batch.inputIds]),
        expected,
      );
      assert.deepEqual(
        passes.flatMap(({ batch }) => [...batch.targets]),
        targets,
      );
      const backwards = mlmBatch([...list].reverse(), 0.4, replacement, rulesOf(seed));
      assert.deepEqual(
        [...backwards.inputIds],
        [...alone].reverse().flatMap(({ inputIds }) => [...inputIds]),
      );
    }),
  );
});

test('of the chosen tokens the shares become mask, random and kept ones, and no special is ever put in', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(10), fc.nat(10), (seed, a, b) => {
      const random = Math.min(a, b) / 20;
      const keep = Math.abs(a - b) / 20;
      const masker = new Masker(seed, tokens);
      const sample = { ids: new Int32Array(4000).fill(50), block: 3, part: 0, epoch: 0 };
      const { ids, positions, targets } = masker.mask(sample, 0.5, { mask: 1 - random - keep, random, keep });
      assert.ok(targets.every((id) => id === 50));
      const now = positions.map((position) => ids[position]!);
      const masked = now.filter((id) => id === tokens.mask).length;
      const same = now.filter((id) => id === 50).length;
      const others = now.filter((id) => id !== tokens.mask && id !== 50);
      assert.ok(others.every((id) => !tokens.special.has(id) && id < tokens.size));
      // A random token is one of 97 ordinary ones, the token itself among them.
      assert.ok(plausible(masked, now.length, 1 - random - keep), `${masked} of ${now.length}`);
      assert.ok(
        plausible(others.length, now.length, (random * 96) / 97),
        `${others.length} of ${now.length}`,
      );
      assert.ok(plausible(same, now.length, keep + random / 97), `${same} of ${now.length}`);
    }),
    { numRuns: 20 },
  );
});

test('in CLM no last position of a sample, or with document attention of a document, predicts anything', () => {
  fc.assert(
    fc.property(samples(6), fc.boolean(), (list, documentAttention) => {
      const batch = clmBatch(list, rulesOf(0, { documentAttention }));
      const ends = new Set([...batch.cumulativeLengths.subarray(1)].map((end) => end - 1));
      const rows = [...batch.lossRows];
      assert.ok(rows.every((row) => !ends.has(row)));
      // Every other position predicts the next one.
      assert.equal(rows.length, batch.inputIds.length - ends.size);
      assert.deepEqual(
        [...batch.targets],
        rows.map((row) => batch.inputIds[row + 1]),
      );
      let start = 0;
      for (const { ids } of list) {
        start += ids.length;
        assert.ok(batch.cumulativeLengths.includes(start), 'a sample ends a stretch of attention');
      }
    }),
  );
});
