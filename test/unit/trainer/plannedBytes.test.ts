import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BiphaseError } from '../../../src/core/errors.ts';
import { modelPresets } from '../../../src/core/modelPresets.ts';
import { parameterCounts } from '../../../src/core/parameterCounts.ts';
import {
  engineSizes,
  type PlanOptions,
  planMemory,
  WASM_MEMORY_LIMIT,
  whyItDoesNotFit,
} from '../../../src/core/plannedBytes.ts';
import type { ModelConfig } from '../../../src/protocol/modelConfig.ts';
import { BlasEngine } from '../../../src/trainer/engine/blas/blasEngine.ts';
import { needBlas } from '../../../src/trainer/engine/blas/findBlas.ts';
import { WasmEngine } from '../../../src/trainer/engine/wasm/wasmEngine.ts';
import { EncoderModel } from '../../../src/trainer/model/encoderModel.ts';
import { openPretrainingModel } from '../../../src/trainer/model/openModel.ts';
import type { BatchLimits } from '../../../src/trainer/model/pretrainingModel.ts';
import { oddConfig } from '../../support/models.ts';

const size = (max: number) => fc.integer({ min: 1, max });
const shapes = fc.record({
  kvHeads: size(3),
  group: size(3),
  half: size(20),
  hiddenSize: size(70),
  layers: size(3),
  intermediateSize: size(90),
  vocabSize: size(3000),
  tieEmbeddings: fc.boolean(),
});
const bounds = fc.record({
  tokens: size(300),
  length: size(300),
  samples: size(9),
  lossPositions: size(300),
});

const choices = fc.record({
  threads: size(3),
  engine: fc.constantFrom<PlanOptions['engine']>('wasm', 'blas'),
  purpose: fc.constantFrom<PlanOptions['purpose']>('train', 'gradients', 'evaluate'),
});

test('a model takes exactly the bytes that are planned for it', () =>
  fc.assert(
    fc.asyncProperty(
      shapes,
      bounds,
      choices,
      fc.boolean(),
      async ({ group, half, ...shape }, limits, options, small) => {
        const config = { ...oddConfig, ...shape, heads: group * shape.kvHeads, headDim: 2 * half };
        const all = planMemory(config, limits, options);
        const plan = small ? planMemory(config, limits, { ...options, arenaLimit: all.arena - 1 }) : all;
        const { total, arena, stored, ...parts } = plan;
        assert.equal(
          Object.values(parts).reduce((a, b) => a + b, 0),
          total,
        );
        assert.equal(arena + stored + parts.process, total);
        assert.equal(stored > 0, small);
        const sizes = engineSizes(
          config,
          limits,
          small ? { ...options, arenaLimit: all.arena - 1 } : options,
        );
        const engine =
          options.engine === 'blas'
            ? await BlasEngine.openWith(needBlas(), sizes, options.threads)
            : await WasmEngine.open(sizes, options.threads);
        const model = new EncoderModel(engine, config, limits, total, options.purpose);
        try {
          assert.equal(engine.usedBytes, arena + stored);
          assert.equal(model.plannedBytes, total);
        } finally {
          await model.close();
        }
      },
    ),
    { numRuns: 30 },
  ));

test('the opened model names its plan', async () => {
  const limits = { tokens: 40, length: 20, samples: 3, lossPositions: 40 };
  const model = await openPretrainingModel({ config: oddConfig, limits, engine: 'wasm', threads: 2 });
  const options = { threads: 2, engine: 'wasm', purpose: 'train' } as const;
  assert.equal(model.plannedBytes, planMemory(oddConfig, limits, options).total);
  await model.close();
});

const preset = (name: '210m' | '610m' | '1b'): ModelConfig => {
  const { shape, vocabSize } = modelPresets[name];
  return { ...oddConfig, ...shape, vocabSize: vocabSize! };
};
const one = (length: number): BatchLimits => ({
  tokens: length,
  length,
  samples: 1,
  lossPositions: length,
});

test('the presets of the paper have its parameter counts', () => {
  assert.equal(parameterCounts(preset('210m')).total, 310_266_624);
  assert.equal(parameterCounts(preset('610m')).total, 755_625_600);
  assert.equal(parameterCounts(preset('1b')).total, 1_409_482_944);
});

test('models beyond 4 GiB lie outside the arena, and their plans fit a machine that has the memory', () => {
  const train = { threads: 2, engine: 'wasm', purpose: 'train' } as const;
  const evaluate = { ...train, purpose: 'evaluate' } as const;
  const gib = 2 ** 30;
  const small = planMemory(preset('210m'), one(512), train);
  assert.ok(small.total > WASM_MEMORY_LIMIT && small.arena < WASM_MEMORY_LIMIT);
  assert.ok(small.stored >= 4 * 4 * 309e6 && small.total < 6 * gib);
  assert.equal(whyItDoesNotFit(preset('210m'), one(512), train, 24 * gib), undefined);
  assert.equal(whyItDoesNotFit(preset('610m'), one(2048), evaluate, 24 * gib), undefined);
  const evaluation = planMemory(preset('610m'), one(512), evaluate);
  assert.equal(evaluation.gradients + evaluation.moments, 0);
  assert.ok(evaluation.total < 1.1 * 4 * 756e6);
});

test('what does not fit is refused with the numbers before anything is reserved', async () => {
  const train = { threads: 1, engine: 'wasm', purpose: 'train' } as const;
  const sentence = whyItDoesNotFit(preset('1b'), one(512), train, 16 * 2 ** 30);
  assert.match(
    sentence!,
    /needs 2\d\.\d GiB of memory \(.* GiB for weights, .*\), but the machine has 16 GiB\.$/,
  );
  assert.match(
    whyItDoesNotFit(preset('1b'), one(4096), train)!,
    /^4,096 tokens at once need \d+\.\d GiB of the engine's memory .* which ends at 4 GiB\.$/,
  );
  await assert.rejects(
    openPretrainingModel({
      ...{ config: preset('1b'), limits: one(4096), engine: 'wasm', threads: 1 },
    }),
    (error) => error instanceof BiphaseError && error.kind === 'full' && /GiB/.test(error.message),
  );
});
