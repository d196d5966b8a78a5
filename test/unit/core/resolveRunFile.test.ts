import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BiphaseError } from '../../../src/core/errors.ts';
import { modelPresets } from '../../../src/core/modelPresets.ts';
import { parameterCounts } from '../../../src/core/parameterCounts.ts';
import { parseRunFile } from '../../../src/core/parseRunFile.ts';
import { maskRatioAt, phaseIndexAt, phaseStart, totalSteps } from '../../../src/core/phases.ts';
import { resolveRunFile } from '../../../src/core/resolveRunFile.ts';
import { deriveName } from '../../../src/core/runNames.ts';
import { learningRateAt } from '../../../src/core/schedule.ts';
import { editDistance, nearest } from '../../../src/core/unknownKeys.ts';

const base = { model: 'micro', data: { source: 'world' }, phases: [{ objective: 'clm', until: 600 }] };

function refusal(file: unknown): string {
  try {
    resolveRunFile(parseRunFile(file));
  } catch (error) {
    assert.ok(error instanceof BiphaseError);
    assert.equal(error.kind, 'usage');
    return error.message;
  }
  return 'accepted';
}

test('an unknown key is refused with its place and the nearest known key', () => {
  assert.equal(
    refusal({ ...base, pahses: 1 }),
    'Unknown key "pahses" in the run file. Did you mean "phases"?',
  );
  assert.equal(
    refusal({ ...base, phases: [{ objective: 'mlm', until: 5, maskRation: 0.3 }] }),
    'Unknown key "maskRation" in phases[0]. Did you mean "maskRatio"?',
  );
  assert.equal(
    refusal({ ...base, data: { source: 'w', tokenizer: { train: { vocabsize: 500 } } } }),
    'Unknown key "vocabsize" in data.tokenizer.train. Did you mean "vocabSize"?',
  );
  assert.equal(
    refusal({ ...base, model: { hidenSize: 3, layers: 1, heads: 1, intermediateSize: 3 } }),
    'Unknown key "hidenSize" in model. Did you mean "hiddenSize"?',
  );
  assert.match(refusal({ ...base, model: 'mircro' }), /Did you mean "micro"\?/);
});

test('what no single key can tell is refused too', () => {
  const phases = [
    { objective: 'clm', until: 10 },
    { objective: 'mlm', until: 10 },
  ];
  assert.match(refusal({ ...base, phases }), /steps are absolute/);
  assert.match(
    refusal({ ...base, schedule: { warmup: 500, decay: 200 } }),
    /700 steps, more than the run's 600/,
  );
  assert.match(refusal({ ...base, phases: [{ objective: 'mlm', until: 9, maskRatio: 0 }] }), /above 0/);
});

test('values that no machine could hold are refused before anything is planned', () => {
  const shape = { hiddenSize: 64, layers: 2, heads: 4, intermediateSize: 128 };
  const cases: [object, RegExp][] = [
    [{ model: { ...shape, layers: 1e9 } }, /"model.layers" must be at most 4096, not 1000000000/],
    [{ model: { ...shape, hiddenSize: 1e15 } }, /"model.hiddenSize" must be at most 1048576/],
    [{ batch: { samples: 1e12 } }, /"batch.samples" must be at most 1048576/],
    [{ phases: [{ objective: 'clm', until: 5e9 }] }, /"phases\[0\].until" must be at most 4294967295/],
    [
      { phases: [{ objective: 'clm', until: Infinity }] },
      /"phases\[0\].until" must be a number, not Infinity/,
    ],
    [{ phases: [{ objective: 'clm', until: Number.NaN }] }, /must be a number, not NaN/],
    [{ optimizer: { betas: [1, 1] } }, /"optimizer.betas\[0\]" must be less than 1, not 1/],
    [{ optimizer: { betas: [0.9, 0.9, 0.9] } }, /"optimizer.betas" must be at most 2 long/],
    [{ phases: Array.from({ length: 2000 }, (_, i) => ({ objective: 'clm', until: i + 1 })) }, /1000 long/],
  ];
  for (const [wrong, sentence] of cases) assert.match(refusal({ ...base, ...wrong }), sentence);
});

test('a name is one line of text, however long its phases; a refusal quotes what was written in one short line', () => {
  for (const name of ['a\nb', '\u001b[31mred', 'a\u202eb', 'a\0b'])
    assert.match(refusal({ ...base, name }), /"name" must be one line without control characters/);
  assert.equal(refusal({ ...base, name: '' }), '"name" must not be empty.');
  assert.match(refusal({ ...base, name: 'x'.repeat(10_240) }), /"name" must be at most 200 characters/);
  assert.equal(refusal({ ...base, 'a\nb\u001b[31m': 1 }), 'Unknown key "a\\nb\\u001b[31m" in the run file.');
  assert.ok(refusal({ ...base, model: 'm'.repeat(20_000) }).length < 120);
  const phases = Array.from({ length: 1000 }, (_, i) => ({ objective: 'clm', until: i + 1 }));
  const { name } = resolveRunFile(parseRunFile({ ...base, phases }));
  assert.equal(name.length, 200);
  assert.match(name, /^micro-clm-1-.*…[^…]*clm-1k$/);
});

test('the presets have the parameters of the paper', () => {
  const totals = { '210m': 310_266_624, '610m': 755_625_600, '1b': 1_409_482_944 };
  for (const [model, total] of Object.entries(totals)) {
    const resolved = resolveRunFile(parseRunFile({ ...base, model }));
    assert.equal(parameterCounts(resolved.model).total, total);
    assert.equal(resolved.batch.samples, 2304);
    assert.equal(resolved.data.packing.length, 2048);
  }
  assert.equal(modelPresets['1b'].shape.headDim, 96);
});

test('names are those of the paper', () => {
  const clm = { objective: 'clm', until: 10_000 } as const;
  const mlm = { objective: 'mlm', until: 42_000, maskRatio: 0.4 } as const;
  assert.equal(deriveName('610m', [clm, mlm]), '610m-clm-10k-mlm40-42k');
  assert.equal(deriveName('610m', [{ ...clm, until: 42_000 }]), '610m-clm-42k');
  const parent = { name: '610m-clm-42k', steps: 42_000, step: 42_000, decayed: true };
  assert.equal(deriveName('610m', [{ ...mlm, until: 12_000 }], parent), '610m-clm-dec42k-mlm40-54k');
});

test('a branch has the name of the run that goes straight through, a folder without a history its own', () => {
  const clm = { objective: 'clm', until: 10_000 } as const;
  const mlm = { objective: 'mlm', until: 42_000 } as const;
  const trunk = { name: '610m-clm-42k', steps: 10_000, step: 10_000, decayed: false };
  assert.equal(deriveName('610m', [clm, mlm], trunk, true), '610m-clm-10k-mlm40-42k');
  assert.equal(deriveName('610m', [{ ...clm, until: 12_000 }], trunk, true), '610m-clm-12k');
  assert.equal(deriveName('610m', [mlm], trunk), '610m-clm-10k-mlm40-52k');
  // A branch of continued pretraining keeps what came before it.
  const continued = { name: '610m-clm-dec42k-mlm40-54k', steps: 52_000, step: 10_000, decayed: false };
  assert.equal(
    deriveName('610m', [{ ...mlm, until: 22_000 }], continued, true),
    '610m-clm-dec42k-mlm40-52k-mlm40-64k',
  );
  const plain = { name: 'EuroBERT-210m', steps: null, step: 0, decayed: false };
  assert.equal(deriveName('custom', [{ ...mlm, until: 2000 }], plain), 'EuroBERT-210m-mlm40-2k');
});

test('a phase says what becomes of masked tokens and of the moments', () => {
  const phases = [
    { objective: 'clm', until: 1 },
    { objective: 'mixed', until: 2, share: { clm: 0.5, mlm: 0.5 }, replacement: { random: 0.1, keep: 0.1 } },
    { objective: 'mlm', until: 3, maskRatio: [0.5, 0.1], optimizer: 'fresh' },
  ];
  assert.deepEqual(resolveRunFile(parseRunFile({ ...base, phases })).phases, [
    { objective: 'clm', until: 1, optimizer: 'keep' },
    {
      ...{ objective: 'mixed', until: 2, share: { clm: 0.5, mlm: 0.5 }, maskRatio: [0.4, 0.4] },
      ...{ replacement: { mask: 0.8, random: 0.1, keep: 0.1 }, optimizer: 'keep' },
    },
    {
      ...{ objective: 'mlm', until: 3, maskRatio: [0.5, 0.1] },
      ...{ replacement: { mask: 1, random: 0, keep: 0 }, optimizer: 'fresh' },
    },
  ]);
  const wrong = (phase: object) => refusal({ ...base, phases: [phase] });
  assert.match(
    wrong({ objective: 'mixed', until: 2, share: { clm: 0.5, mlm: 0.4 } }),
    /"phases\[0\]\.share" do not add up to 1/,
  );
  assert.match(
    wrong({ objective: 'mlm', until: 2, replacement: { mask: 0.8, random: 0.1 } }),
    /"phases\[0\]\.replacement" do not add up to 1/,
  );
  assert.match(wrong({ objective: 'clm', until: 2, optimiser: 'keep' }), /Did you mean "optimizer"/);
});

test('the decay is linear or 1 − √ of what has passed, after a warm-up of equal steps', () => {
  const rates = (shape: 'linear' | '1-sqrt') =>
    Array.from({ length: 10 }, (_, s) => learningRateAt({ peak: 8, warmup: 4, decay: 4, shape }, s, 10));
  assert.deepEqual(rates('linear'), [2, 4, 6, 8, 8, 8, 6, 4, 2, 0]);
  const root = [1, 2, 3, 4].map((passed) => 8 * (1 - Math.sqrt(passed / 4)));
  assert.deepEqual(rates('1-sqrt'), [2, 4, 6, 8, 8, 8, ...root]);
});

test('up to its decay a run has the rates of every longer run: what makes a trunk', () => {
  fc.assert(
    fc.property(fc.nat(20), fc.nat(20), fc.nat(30), fc.nat(30), (warmup, decay, stable, more) => {
      const schedule = { peak: 1, warmup, decay, shape: '1-sqrt' as const };
      const total = warmup + stable + decay;
      for (let s = 0; s < total - decay; s++)
        assert.equal(learningRateAt(schedule, s, total), learningRateAt(schedule, s, total + more));
    }),
  );
});

test('the schedule warms up, stays and ends at 0, never above its peak', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 50 }),
      fc.integer({ min: 1, max: 50 }),
      fc.nat(100),
      (warmup, decay, stable) => {
        const total = warmup + decay + stable;
        const schedule = { peak: 2, warmup, decay, shape: 'linear' as const };
        const rates = Array.from({ length: total }, (_, s) => learningRateAt(schedule, s, total));
        assert.ok(rates.every((rate) => rate >= 0 && rate <= 2));
        assert.equal(rates.at(-1), 0);
        if (warmup > 0) assert.equal(rates[0], 2 / warmup);
        for (let s = warmup; s < warmup + stable; s++) assert.equal(rates[s], 2);
      },
    ),
  );
});

test('every step lies in exactly one phase, and a ratio goes from its first to its last value', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 }), (lengths) => {
      let until = 0;
      const phases = lengths.map((n) => {
        until += n;
        const maskRatio: [number, number] = [0.5, 0.1];
        const replacement = { mask: 1, random: 0, keep: 0 };
        return { objective: 'mlm' as const, until, maskRatio, replacement, optimizer: 'keep' as const };
      });
      for (let step = 0; step < totalSteps(phases); step++) {
        const index = phaseIndexAt(phases, step);
        assert.ok(step >= phaseStart(phases, index) && step < phases[index].until);
        if (step === phaseStart(phases, index)) assert.equal(maskRatioAt(phases, step), 0.5);
        else if (step === phases[index].until - 1)
          assert.ok(Math.abs(maskRatioAt(phases, step) - 0.1) < 1e-12);
      }
    }),
  );
});

test('the nearest word is at least as near as every other', () => {
  fc.assert(
    fc.property(fc.string(), fc.array(fc.string(), { minLength: 1 }), (written, known) => {
      const near = nearest(written, known);
      const distance = (word: string) => editDistance(written.toLowerCase(), word.toLowerCase());
      // None is named only where all are about as long as another word would be.
      const limit = near === undefined ? written.length / 2 : distance(near);
      assert.ok(known.every((word) => limit <= distance(word)));
    }),
  );
});

test("other trainers' words are pointed to where a run file says it; a word like no key gets no guess", () => {
  assert.equal(
    refusal({ ...base, lr: 1e-3 }),
    'Unknown key "lr" in the run file. Did you mean "schedule.peak"?',
  );
  assert.match(refusal({ ...base, learning_rate: 1e-3 }), /Did you mean "schedule\.peak"/);
  assert.match(refusal({ ...base, batch_size: 32 }), /Did you mean "batch/);
  assert.match(refusal({ ...base, max_steps: 100 }), /Did you mean "phases\[0\]\.until"/);
  assert.equal(refusal({ ...base, banana: 1 }), 'Unknown key "banana" in the run file.');
  assert.match(refusal({ ...base, model: 'bert-base-uncased' }), /There are micro,/);
});
