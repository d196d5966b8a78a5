import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { BlasEngine } from '../../../src/trainer/engine/blas/blasEngine.ts';
import { needBlas } from '../../../src/trainer/engine/blas/findBlas.ts';
import type { Engine } from '../../../src/trainer/engine/engine.ts';
import { ReferenceEngine } from '../../../src/trainer/engine/reference/referenceEngine.ts';
import { WasmEngine } from '../../../src/trainer/engine/wasm/wasmEngine.ts';
import { noise } from '../../support/models.ts';
import { assertNear } from '../../support/relativeError.ts';

// Tokens that have much in common, as a model's at its start have, above all masked ones: attention is nearly even, and
// the gradients of queries and keys are small differences of large numbers.

const sizes = {
  ...{ bytes: 1 << 24, store: 0, stage: 0, scratch: 1 << 17, normPartial: 1 << 12, optimizerTiles: 64 },
  pack: 24 * 2048,
};
const engines = [await WasmEngine.open(sizes, 2), await BlasEngine.openWith(needBlas(), sizes, 2)];
after(async () => {
  for (const engine of engines) await engine.close();
});

const [heads, kvHeads, headDim] = [4, 2, 10];
const shape = { heads, kvHeads, headDim };
const lengths = [0, 150, 151, 230];
const tokens = lengths.at(-1)!;
const row = (heads + 2 * kvHeads) * headDim;
const common = noise(row, 'common part');

/** Gradients of queries, keys and values, [tokens, columns] each. */
async function gradients(engine: Engine, causal: boolean): Promise<Record<'q' | 'k' | 'v', number[]>> {
  const put = (values: Float32Array, width: number) => {
    const tensor = engine.tensor('f32', [values.length / width, width]);
    engine.upload(tensor, values);
    return tensor;
  };
  const own = noise(tokens * row, 'own part');
  const qkv = put(
    own.map((x, i) => 0.05 * x + common[i % row]!),
    row,
  );
  const width = heads * headDim;
  const dOut = put(noise(tokens * width, 'gradient of the output'), width);
  const out = engine.tensor('f32', [tokens, width]);
  const logSumExp = engine.tensor('f32', [tokens, heads]);
  const dQkv = engine.tensor('f32', [tokens, row]);
  const cumulative = engine.tensor('i32', [lengths.length]);
  engine.upload(cumulative, Int32Array.from(lengths));
  engine.attention(out, logSumExp, qkv, cumulative, shape, causal);
  engine.attentionBackward(dQkv, dOut, out, logSumExp, qkv, cumulative, shape, causal);
  const all = [...(await engine.read(dQkv))];
  const part = (from: number, to: number) => all.filter((_, i) => i % row >= from && i % row < to);
  const [keys, values] = [heads * headDim, (heads + kvHeads) * headDim];
  return { q: part(0, keys), k: part(keys, values), v: part(values, row) };
}

for (const causal of [true, false])
  test(`${causal ? 'causal' : 'bidirectional'} attention of tokens that have much in common`, async () => {
    const expected = await gradients(new ReferenceEngine(), causal);
    for (const engine of engines) {
      const actual = await gradients(engine, causal);
      for (const name of ['q', 'k', 'v'] as const)
        assertNear(`d${name} on ${engine.name}`, actual[name], expected[name], 3e-6);
    }
    assert.ok(Math.hypot(...expected.q) < 0.05 * Math.hypot(...expected.v), 'the differences are small');
  });
