import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { whyEpochs } from '../../../../src/core/epochs.ts';
import { checkLaunch } from '../../../../src/core/launchCheck.ts';
import { resolveRunFile } from '../../../../src/core/resolveRunFile.ts';
import { shortestPart } from '../../../../src/core/shortestPart.ts';
import type { RunFile } from '../../../../src/protocol/runFile.ts';
import { neededSamples, neededTokens } from '../../../../src/trainer/data/dataNeed.ts';
import { type Packing, SamplePacker } from '../../../../src/trainer/data/packing.ts';
import { SampleStream } from '../../../../src/trainer/data/sampleStream.ts';
import { windowEnd } from '../../../../src/trainer/data/tokenWindows.ts';

const layout = { first: 256, largest: 1024 };
const tokens = (length: number) => ({
  length,
  read: (start: number, target: Int32Array) => {
    for (let i = 0; i < target.length; i++) target[i] = start + i;
  },
});
const packings = fc.record<Packing>({
  length: fc.integer({ min: 8, max: 100 }),
  sizes: fc.constantFrom('random', 'fixed'),
});
const packerOf = (length: number, packing: Packing, seed: number) =>
  new SamplePacker(tokens(length), packing, seed, { shuffle: true, layout });

test('windows begin at 0, then at 1, 2, 4 … times the first until the largest', () => {
  const ends = [0];
  while (ends.length < 7) ends.push(windowEnd(ends[ends.length - 1], layout));
  assert.deepEqual(ends, [0, 256, 512, 1024, 2048, 3072, 4096]);
});

test('each epoch reads every block once, window by window, and its tokens are whole', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 110, max: 4000 }),
      packings,
      fc.nat(9),
      fc.nat(3),
      (length, packing, seed, epoch) => {
        const packer = packerOf(length, packing, seed);
        const first = epoch * packer.samplesPerEpoch;
        const starts = new Set<number>();
        const ids = new Set<number>();
        let last = 0;
        for (let number = first; number < first + packer.samplesPerEpoch; number++) {
          const sample = packer.place(number);
          assert.equal(sample.epoch, epoch);
          if (sample.part === 0) starts.add(sample.block);
          for (const id of packer.sample(number).ids) ids.add(id);
          let window = 0;
          while (windowEnd(window, layout) <= sample.start) window = windowEnd(window, layout);
          assert.ok(window >= last, 'a window was left and entered again');
          last = window;
          assert.ok(sample.start + sample.size <= Math.min(length, windowEnd(window, layout)));
        }
        assert.equal(starts.size, packer.blocks);
        assert.equal(ids.size, packer.blocks * packing.length);
      },
    ),
    { numRuns: 40 },
  );
});

test('the first cut of a block is uniform in 12 … length − 12', () => {
  const packing = { length: 100, sizes: 'random' as const };
  const packer = new SamplePacker(tokens(2_000_000), packing, 3, { shuffle: true });
  const counts = new Map<number, number>();
  for (let block = 0; block < packer.blocks; block++) {
    const { size } = packer.place(2 * block);
    counts.set(size, (counts.get(size) ?? 0) + 1);
  }
  assert.equal(shortestPart(100), 12);
  assert.equal(Math.min(...counts.keys()), 12);
  assert.equal(Math.max(...counts.keys()), 88);
  // Chi-square with 76 degrees of freedom: 124.8 is its 99.97th percentile.
  const expected = packer.blocks / 77;
  const chi = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  assert.ok(chi < 124.8, `chi-square ${chi}`);
});

test('the order is a random one: neighbours of a corpus are not neighbours of a run', () => {
  const packer = new SamplePacker(tokens(100_000), { length: 10, sizes: 'fixed' }, 1, { shuffle: true });
  const blocks = Array.from({ length: packer.blocks }, (_, number) => packer.place(number).block);
  const steps = blocks.slice(1).map((block, i) => Math.abs(block - blocks[i]));
  const mean = steps.reduce((a, b) => a + b, 0) / steps.length;
  // The mean distance of two of 10,000 numbers chosen at random is a third of them.
  assert.ok(Math.abs(mean / packer.blocks - 1 / 3) < 0.02, `mean ${mean}`);
});

test('a run that needs the beginning reads the same samples as one that needs more', () => {
  fc.assert(
    fc.property(
      packings,
      fc.nat(5),
      fc.integer({ min: 1, max: 60 }),
      fc.nat(5000),
      (packing, seed, samples, more) => {
        const needed = neededTokens(packing, samples, null, layout);
        const short = packerOf(needed, packing, seed);
        const long = packerOf(needed + more, packing, seed);
        assert.ok(short.samplesPerEpoch >= samples);
        for (let number = 0; number < samples; number++)
          assert.deepEqual(short.place(number), long.place(number));
      },
    ),
    { numRuns: 60 },
  );
});

function later(delays: () => Promise<void>) {
  return {
    readLater: async (start: number, target: Int32Array) => {
      await delays();
      for (let i = 0; i < target.length; i++) target[i] = start + i;
    },
  };
}

test('from any sample on, in batches of any size, the stream is what reading through gives', async () => {
  await fc.assert(
    fc.asyncProperty(
      packings,
      fc.integer({ min: 110, max: 900 }),
      fc.nat(500),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 }),
      fc.scheduler(),
      async (packing, length, from, batches, scheduler) => {
        const packer = packerOf(length, packing, 7);
        const source = later(() => scheduler.schedule(Promise.resolve()));
        const stream = new SampleStream(packer, source, from, batches[0]);
        let number = from;
        for (const count of batches) {
          const taking = stream.take(count);
          await scheduler.waitFor(taking);
          const { samples } = await taking;
          assert.equal(samples.length, count);
          for (const sample of samples) assert.deepEqual(sample, packer.sample(number++));
        }
      },
    ),
    { numRuns: 30 },
  );
});

test('samples that are not there when a step wants them are counted, those read ahead are not', async () => {
  const packer = packerOf(900, { length: 20, sizes: 'fixed' }, 0);
  const held: (() => void)[] = [];
  const slow = later(() => new Promise((resolve) => held.push(resolve)));
  const stream = new SampleStream(packer, slow, 0, 4);
  const ready = stream.ready();
  for (const release of held.splice(0)) release();
  await ready;
  assert.equal((await stream.take(4)).stalled, 0);
  // 28 more are there; the four asked for after the first batch are not.
  assert.equal((await stream.take(28)).stalled, 0);
  const taking = stream.take(4);
  for (let i = 0; i < 3; i++) await new Promise(setImmediate);
  for (const release of held.splice(0)) release();
  assert.equal((await taking).stalled, 4);
});

test('a failure to read ahead is thrown when its sample is taken, not before', async () => {
  const packer = packerOf(900, { length: 20, sizes: 'fixed' }, 0);
  let reads = 0;
  const source = later(async () => {
    if (reads++ === 5) throw new Error('the disk is gone');
  });
  const stream = new SampleStream(packer, source, 0, 4);
  await stream.take(4);
  await assert.rejects(stream.take(4), /the disk is gone/);
});

test('what a run needs counts the samples before its first', () => {
  const file = {
    phases: [{ objective: 'clm' as const, until: 100, optimizer: 'keep' as const }],
    batch: { samples: 8 },
  };
  assert.equal(neededSamples(file, { step: 0, samples: 0 }), 800);
  assert.equal(neededSamples(file, { step: 40, samples: 320 }), 800);
  assert.equal(neededSamples(file, { step: 0, samples: 320 }), 1120);
  assert.equal(neededTokens({ length: 16, sizes: 'random' }, 800, null, layout), 8192 - 1024);
  assert.equal(neededTokens({ length: 16, sizes: 'random' }, 800, 5000, layout), 5000);
});

test('a run that reads its tokens again says how often; one that does not says nothing', () => {
  assert.equal(whyEpochs(10_000, 1), undefined);
  assert.match(whyEpochs(10_000, 2.5) ?? '', /reads its 10,000 training tokens 2\.5 times/);
});

test('the check before a launch tells of epochs where the run file limits its tokens', () => {
  const file: RunFile = {
    model: 'micro',
    data: { source: 'world', tokens: 100_000 },
    batch: { samples: 32 },
    phases: [{ objective: 'clm', until: 200 }],
  };
  const context = {
    ...{ node: 'here', setup: [], probe: null, lastRun: null },
    ...{ tokensPerSecond: null, noData: null, waits: null },
  };
  const said = (written: RunFile) => checkLaunch(resolveRunFile(written), context).sentences.join();
  assert.match(said(file), /reads its 100,000 training tokens 4\.1 times/);
  assert.doesNotMatch(said({ ...file, data: { source: 'world' } }), /times/);
});
