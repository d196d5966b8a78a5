import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BiphaseError } from '../../../src/core/errors.ts';
import { modelPresets } from '../../../src/core/modelPresets.ts';
import {
  NORM_TILE_ROWS,
  optimizerTiles,
  packElements,
  planMemory,
  scratchElements,
  WASM_MEMORY_LIMIT,
} from '../../../src/core/plannedBytes.ts';
import { WasmEngine } from '../../../src/trainer/engine/wasm/wasmEngine.ts';
import { EncoderModel } from '../../../src/trainer/model/encoderModel.ts';
import { openPretrainingModel } from '../../../src/trainer/model/openModel.ts';
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

test('a model takes exactly the bytes that are planned for it', () =>
  fc.assert(
    fc.asyncProperty(shapes, bounds, size(3), async ({ group, half, ...shape }, limits, threads) => {
      const config = { ...oddConfig, ...shape, heads: group * shape.kvHeads, headDim: 2 * half };
      const plan = planMemory(config, limits, threads);
      const { total, ...parts } = plan;
      assert.equal(
        Object.values(parts).reduce((a, b) => a + b, 0),
        total,
      );
      const engine = await WasmEngine.open(
        {
          bytes: total,
          pack: packElements(config, limits),
          scratch: scratchElements(config, limits),
          normPartial: Math.ceil(limits.tokens / NORM_TILE_ROWS) * config.hiddenSize,
          optimizerTiles: optimizerTiles(config),
        },
        threads,
      );
      const model = new EncoderModel(engine, config, limits, total);
      try {
        assert.equal(engine.usedBytes, total);
        assert.equal(model.plannedBytes, total);
      } finally {
        await model.close();
      }
    }),
    { numRuns: 20 },
  ));

test('the opened model names its plan', async () => {
  const limits = { tokens: 40, length: 20, samples: 3, lossPositions: 40 };
  const model = await openPretrainingModel({ config: oddConfig, limits, engine: 'wasm', threads: 2 });
  assert.equal(model.plannedBytes, planMemory(oddConfig, limits, 2).total);
  await model.close();
});

test('a model beyond 4 GiB is refused with its numbers before anything is reserved', async () => {
  const { shape, vocabSize } = modelPresets['610m'];
  const config = { ...oddConfig, ...shape, vocabSize: vocabSize! };
  const limits = { tokens: 2048, length: 2048, samples: 1, lossPositions: 2048 };
  assert.ok(planMemory(config, limits, 1).total > WASM_MEMORY_LIMIT);
  await assert.rejects(
    openPretrainingModel({ config, limits, engine: 'wasm', threads: 1 }),
    (error) => error instanceof BiphaseError && error.kind === 'full' && /GiB/.test(error.message),
  );
});
