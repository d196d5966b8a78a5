import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { EngineSizes } from '../../../src/core/plannedBytes.ts';
import { BlasEngine } from '../../../src/trainer/engine/blas/blasEngine.ts';
import { needBlas } from '../../../src/trainer/engine/blas/findBlas.ts';
import type { Engine, Tensor } from '../../../src/trainer/engine/engine.ts';
import { ReferenceEngine } from '../../../src/trainer/engine/reference/referenceEngine.ts';
import { WasmEngine } from '../../../src/trainer/engine/wasm/wasmEngine.ts';
import { rotaryTable } from '../../../src/trainer/model/rotaryTable.ts';
import { noise } from '../../support/models.ts';
import { relativeError } from '../../support/relativeError.ts';

// Every op on shapes in which nothing is a multiple of a vector, a panel or a tile. Tensors lie between guard rows,
// which are compared too: an op that writes past its end differs from the reference there.

const sizes: EngineSizes = {
  ...{ bytes: 1 << 28, store: 0, stage: 0, scratch: 1 << 17, normPartial: 1 << 12, optimizerTiles: 64 },
  // Packed buffers so small that products are cut in rows, columns and depth.
  pack: 24 * 2048,
};
const wasm = await WasmEngine.open(sizes, 2);
const blas = await BlasEngine.openWith(needBlas(), sizes, 2);
const engines = [wasm, blas];
const reference = new ReferenceEngine();
after(async () => {
  for (const engine of engines) await engine.close();
});

const GUARDS = 2;

/** Tensors with the same values on each engine, by name. */
class Stage {
  readonly engine: Engine;
  readonly watched = new Map<string, Tensor>();

  constructor(engine: Engine) {
    this.engine = engine;
  }

  /** Noise times `scale` (or given values), watched with its guard rows. */
  floats(name: string, shape: readonly number[], scale = 1, values?: ArrayLike<number>): Tensor {
    const [rows = 0, ...rest] = shape;
    const row = rest.reduce((a, b) => a * b, 1);
    const whole = this.engine.tensor('f32', [rows + 2 * GUARDS, ...rest]);
    const content = noise((rows + 2 * GUARDS) * row, name).map((x) => x * scale);
    if (values) content.set(Float32Array.from(values), GUARDS * row);
    this.engine.upload(whole, content);
    this.watched.set(name, whole);
    return this.engine.rows(whole, GUARDS, rows);
  }

  /** Watches a tensor's guard rows alone: the op may leave anything within it. */
  ignoreContent(name: string): void {
    const whole = this.watched.get(name)!;
    this.watched.delete(name);
    this.watched.set(`${name}: rows before`, this.engine.rows(whole, 0, GUARDS));
    this.watched.set(`${name}: rows after`, this.engine.rows(whole, whole.shape[0]! - GUARDS, GUARDS));
  }

  whole(values: readonly number[]): Tensor {
    const tensor = this.engine.tensor('i32', [values.length]);
    this.engine.upload(tensor, Int32Array.from(values));
    return tensor;
  }
}

/** Runs the same ops on every engine and compares every watched tensor with the reference's. */
async function compare(tolerance: number, ops: (stage: Stage, engine: Engine) => void): Promise<void> {
  const expected = new Stage(reference);
  ops(expected, reference);
  for (const engine of engines) {
    const actual = new Stage(engine);
    ops(actual, engine);
    await compareWatched(actual, expected, tolerance);
  }
}

async function compareWatched(actual: Stage, expected: Stage, tolerance: number): Promise<void> {
  const { engine } = actual;
  for (const [name, tensor] of expected.watched) {
    const error = relativeError(await engine.read(actual.watched.get(name)!), await reference.read(tensor));
    assert.ok(error <= tolerance, `${name} on ${engine.name}: relative error ${error}, at most ${tolerance}`);
  }
}

for (const [m, n, k] of [
  [1, 1, 1],
  [5, 7, 3],
  [6, 8, 16],
  [97, 257, 33],
  [13, 51, 2050],
  [2051, 9, 7],
  [3, 2049, 5],
] as const)
  test(`products of ${m} × ${n} × ${k}`, () =>
    compare(2e-6, (stage, engine) => {
      const x = stage.floats('x', [m, k]);
      const weight = stage.floats('weight', [n, k]);
      const dy = stage.floats('dy', [m, n]);
      for (const accumulate of [false, true]) {
        engine.linear(stage.floats(`y ${accumulate}`, [m, n]), x, weight, accumulate);
        engine.linearBackwardInput(stage.floats(`dx ${accumulate}`, [m, k]), dy, weight, accumulate);
      }
      engine.linearBackwardWeight(stage.floats('dWeight', [n, k]), dy, x);
    }));

for (const [heads, kvHeads, headDim] of [
  [4, 2, 10],
  [3, 1, 16],
  [2, 2, 6],
  [1, 1, 64],
] as const)
  for (const causal of [true, false])
    test(`attention of ${heads} over ${kvHeads} heads of ${headDim}${causal ? ', causal' : ''}`, () =>
      compare(3e-6, (stage, engine) => {
        const lengths = [1, 5, 17, 0, 64, 65, 130];
        const ends = lengths.map((_, i) => lengths.slice(0, i + 1).reduce((a, b) => a + b, 0));
        const tokens = ends.at(-1)!;
        const cumulative = stage.whole([0, ...ends]);
        const shape = { heads, kvHeads, headDim };
        const qkv = stage.floats('qkv', [tokens, (heads + 2 * kvHeads) * headDim], 2);
        const out = stage.floats('out', [tokens, heads * headDim]);
        const logSumExp = stage.floats('logSumExp', [tokens, heads]);
        const dOut = stage.floats('dOut', [tokens, heads * headDim]);
        const dQkv = stage.floats('dQkv', [tokens, (heads + 2 * kvHeads) * headDim]);
        engine.attention(out, logSumExp, qkv, cumulative, shape, causal);
        engine.attentionBackward(dQkv, dOut, out, logSumExp, qkv, cumulative, shape, causal);
      }));

test('attention whose scores are far apart', () =>
  compare(3e-5, (stage, engine) => {
    const shape = { heads: 2, kvHeads: 1, headDim: 6 };
    const cumulative = stage.whole([0, 70, 75]);
    const qkv = stage.floats('qkv', [75, 24], 12);
    const out = stage.floats('out', [75, 12]);
    const logSumExp = stage.floats('logSumExp', [75, 2]);
    engine.attention(out, logSumExp, qkv, cumulative, shape, false);
    const dQkv = stage.floats('dQkv', [75, 24]);
    engine.attentionBackward(
      dQkv,
      stage.floats('dOut', [75, 12]),
      out,
      logSumExp,
      qkv,
      cumulative,
      shape,
      false,
    );
  }));

for (const vocab of [1, 3, 8, 101, 4097])
  for (const scale of [1, 60])
    test(`cross-entropy over ${vocab} logits up to ${scale}`, () =>
      compare(scale === 1 ? 2e-6 : 2e-5, (stage, engine) => {
        const targets = stage.whole(Array.from({ length: 7 }, (_, i) => (i * 1237) % vocab));
        engine.crossEntropy(stage.floats('losses', [7]), stage.floats('logits', [7, vocab], scale), targets);
        stage.ignoreContent('logits');
        const logits = stage.floats('gradient', [7, vocab], scale);
        engine.crossEntropyWithGradient(stage.floats('losses again', [7]), logits, targets, 0.37);
      }));

test('cross-entropy stays finite for huge logits', async () => {
  const stage = new Stage(wasm);
  const logits = stage.floats('logits', [2, 5], 1, [1e4, -1e4, 0, 1e4, -3e38, -1e4, -1e4, -1e4, -1e4, -1e4]);
  const losses = stage.floats('losses', [2]);
  wasm.crossEntropyWithGradient(losses, logits, stage.whole([1, 2]), 1);
  assert.ok(relativeError(await wasm.read(losses), [2e4 + Math.log(2), Math.log(5)]) < 1e-6);
  const expected = [0.5, -1, 0, 0.5, 0, 0.2, 0.2, -0.8, 0.2, 0.2];
  assert.ok(relativeError(await wasm.read(logits), expected) < 1e-6);
});

for (const [rows, width] of [
  [1, 1],
  [33, 3],
  [70, 26],
  [31, 64],
  [65, 129],
] as const)
  test(`RMSNorm of ${rows} × ${width}`, () =>
    compare(2e-6, (stage, engine) => {
      const x = stage.floats('x', [rows, width], 3);
      const weight = stage.floats('weight', [width]);
      const inverseRms = stage.floats('inverseRms', [rows]);
      engine.rmsNorm(stage.floats('y', [rows, width]), inverseRms, x, weight, 1e-5);
      const [dx, dWeight] = [stage.floats('dx', [rows, width]), stage.floats('dWeight', [width])];
      engine.rmsNormBackward(dx, dWeight, stage.floats('dy', [rows, width]), x, inverseRms, weight);
    }));

for (const width of [1, 5, 37, 64])
  for (const scale of [1, 120])
    test(`SwiGLU of width ${width}, gates up to ${scale}`, () =>
      compare(2e-6, (stage, engine) => {
        const gateUp = stage.floats('gateUp', [19, 2 * width], scale);
        engine.swiGlu(stage.floats('out', [19, width]), gateUp);
        const dGateUp = stage.floats('dGateUp', [19, 2 * width]);
        const again = stage.floats('out again', [19, width]);
        engine.swiGluBackward(dGateUp, again, stage.floats('dOut', [19, width]), gateUp);
      }));

for (const headDim of [2, 6, 10, 16])
  test(`rotary positions of heads of ${headDim}`, () =>
    compare(1e-6, (stage, engine) => {
      const shape = { heads: 3, kvHeads: 1, headDim };
      const table = rotaryTable(40, headDim, 10000);
      const cos = stage.floats('cos', [40, headDim / 2], 1, table.cos);
      const sin = stage.floats('sin', [40, headDim / 2], 1, table.sin);
      const positions = stage.whole([0, 0, 1, 2, 39, 17, 3]);
      const width = 5 * headDim;
      engine.rotary(stage.floats('turned', [7, width]), cos, sin, positions, shape);
      engine.rotaryBackward(stage.floats('turned back', [7, width]), cos, sin, positions, shape);
      const same = stage.floats('there and back', [7, width]);
      engine.rotary(same, cos, sin, positions, shape);
      engine.rotaryBackward(same, cos, sin, positions, shape);
    }));

for (const width of [1, 7, 33, 64])
  test(`rows of width ${width}: embedding, gathering, filling, copying`, () =>
    compare(1e-6, (stage, engine) => {
      const table = stage.floats('table', [11, width]);
      const ids = stage.whole([3, 3, 10, 0, 3, 7, 0]);
      engine.embedding(stage.floats('embedded', [7, width]), table, ids);
      engine.embeddingBackward(
        stage.floats('dTable', [11, width]),
        stage.floats('dEmbedded', [7, width]),
        ids,
      );
      const rows = stage.whole([0, 4, 10]);
      engine.gatherRows(stage.floats('gathered', [3, width]), table, rows);
      engine.gatherRowsBackward(stage.floats('dx', [11, width]), stage.floats('dGathered', [3, width]), rows);
      engine.fill(stage.floats('filled', [5, width]), -0.25);
      engine.copy(stage.floats('copied', [11, width]), table);
    }));

test('AdamW and the gradient norm over tensors of 1, 8193 and 20001 elements', async () => {
  const norms: number[] = [];
  const updates = async (stage: Stage, engine: Engine): Promise<void> => {
    const entries = [1, 3, 8193, 20001].map((count, i) => ({
      weight: stage.floats(`weight ${count}`, [count]),
      gradient: stage.floats(`gradient ${count}`, [count]),
      firstMoment: stage.floats(`first ${count}`, [count]),
      secondMoment: stage.floats(`second ${count}`, [count], 1, noise(count, 'second').map(Math.abs)),
      decays: i % 2 === 0,
    }));
    norms.push(await engine.sumOfSquares(entries));
    engine.adamW(entries, {
      learningRate: 1e-2,
      beta1: 0.9,
      beta2: 0.95,
      eps: 1e-5,
      weightDecay: 0.1,
      gradientScale: 0.3,
      biasCorrection1: 1 - 0.9 ** 3,
      biasCorrection2: 1 - 0.95 ** 3,
    });
  };
  const [actual, expected] = [new Stage(wasm), new Stage(reference)];
  await updates(actual, wasm);
  await updates(expected, reference);
  assert.ok(relativeError([norms[0]!], [norms[1]!]) < 1e-12, `${norms}`);
  await compareWatched(actual, expected, 1e-6);
});
