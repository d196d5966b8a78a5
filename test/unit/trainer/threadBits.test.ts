import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ModelConfig } from '../../../src/protocol/modelConfig.ts';
import { oddConfig } from '../../support/models.ts';
import { type How, trainingBits, wideConfig } from '../../support/trainingBits.ts';

// More vocabulary than is within reach at once where parameters are stored.
const tied: ModelConfig = { ...oddConfig, vocabSize: 5003, tieEmbeddings: true };

async function compareAll(
  config: ModelConfig,
  causal: boolean,
  first: How,
  others: readonly How[],
): Promise<void> {
  const expected = await trainingBits(config, causal, first);
  for (const how of others) {
    const actual = await trainingBits(config, causal, how);
    assert.deepEqual([...actual.keys()], [...expected.keys()]);
    for (const [name, bytes] of expected)
      assert.ok(bytes.equals(actual.get(name)!), `${name} differs with ${JSON.stringify(how)}`);
  }
}

for (const [engine, shapes] of [
  ['wasm', { odd: oddConfig, wide: wideConfig }],
  ['blas', { wide: wideConfig }],
] as const) {
  for (const [shape, config] of Object.entries(shapes))
    for (const causal of [true, false])
      test(`${engine}, ${causal ? 'CLM' : 'MLM'} on the ${shape} shape: 1, 2 and 4 threads leave the same bits`, () =>
        compareAll(
          config,
          causal,
          { engine, threads: 1, stored: false },
          [2, 4].map((threads) => ({ engine, threads, stored: false })),
        ));

  for (const [shape, config] of Object.entries({ ...shapes, tied }))
    test(`${engine}, the ${shape} shape: parameters outside the engine's memory leave the same bits`, () =>
      compareAll(config, false, { engine, threads: 1, stored: false }, [
        { engine, threads: 2, stored: true },
      ]));
}
