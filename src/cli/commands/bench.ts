import os from 'node:os';
import { performance } from 'node:perf_hooks';
import { BiphaseError } from '../../core/errors.ts';
import { trainingFlops } from '../../core/parameterCounts.ts';
import { philox, philoxKey, toUnit } from '../../core/philox.ts';
import type { ModelConfig } from '../../protocol/modelConfig.ts';
import { chooseEngine } from '../../trainer/engine/chooseEngine.ts';
import { measurePeak } from '../../trainer/engine/wasm/measurePeak.ts';
import { openPretrainingModel } from '../../trainer/model/openModel.ts';
import { limitsOf } from '../../trainer/model/paddedBatch.ts';
import type { PackedBatch } from '../../trainer/model/pretrainingModel.ts';
import type { Command } from '../command.ts';
import { integerOption, parseOptions } from '../options.ts';

const MASKED = 0.4;

export const command: Command = {
  name: 'bench',
  summary: 'how fast this machine trains a shape',
  help: `
biphase bench [options]   median full step: forward, backward, clip, AdamW

  --engine auto|wasm|blas (default: wasm)     --threads N (default: all cores)     --objective clm|mlm (mlm masks 40 %)
  --hidden 256 --layers 4 --heads 4 --kv-heads 4 --ffn 1024 --vocab 8192 --batch 16 --seq 128
  --steps N         measured steps after warming up (default: about five seconds' worth)
  --json            {"stepSeconds":…,"tokensPerSecond":…,"shareOfPeak":…}

The share of peak compares with the rate of the engine's own inner product loop on numbers in the cache.
`,
  run: runBench,
};

async function runBench(args: string[]): Promise<number> {
  const sizes = {
    ...{ hidden: 256, layers: 4, heads: 4, 'kv-heads': 4, ffn: 1024, vocab: 8192, batch: 16, seq: 128 },
    ...{ threads: os.availableParallelism() },
  };
  const string = { type: 'string' } as const;
  const table = Object.fromEntries(Object.keys(sizes).map((name) => [name, string]));
  const options = parseOptions(
    args,
    { ...table, engine: string, objective: string, steps: string, json: { type: 'boolean' } },
    0,
  );
  const size = (name: keyof typeof sizes): number => integerOption(options, name, 1) ?? sizes[name];
  const engineName = options.values.get('engine') ?? 'wasm';
  if (engineName !== 'auto' && engineName !== 'wasm' && engineName !== 'blas')
    throw new BiphaseError('usage', `The engine "${engineName}" cannot be measured; use auto, wasm or blas.`);
  const objective = options.values.get('objective') ?? 'mlm';
  if (objective !== 'clm' && objective !== 'mlm')
    throw new BiphaseError('usage', `Option --objective is clm or mlm, not "${objective}".`);
  const heads = size('heads');
  const kvHeads = integerOption(options, 'kv-heads', 1) ?? heads;
  const config: ModelConfig = {
    hiddenSize: size('hidden'),
    layers: size('layers'),
    heads,
    kvHeads,
    headDim: Math.floor(size('hidden') / heads),
    intermediateSize: size('ffn'),
    vocabSize: size('vocab'),
    tieEmbeddings: false,
    ropeTheta: 10000,
    normEps: 1e-5,
    context: size('seq'),
  };
  const engine = chooseEngine(engineName, config);
  const threads = size('threads');
  const batch = randomBatch(config.vocabSize, size('batch'), size('seq'), objective);
  const model = await openPretrainingModel({ config, limits: limitsOf(batch), engine, threads });
  try {
    await model.initialize(0);
    let step = 0;
    const fullStep = async (): Promise<number> => {
      const start = performance.now();
      model.zeroGradients();
      await model.forwardBackward(batch, 1 / batch.lossRows.length);
      await model.adamW({
        ...{ learningRate: 1e-4, betas: [0.9, 0.95], eps: 1e-5, weightDecay: 0.1, decay: 'all', clip: 1 },
        ...{ step: step++, skipNonFinite: false },
      });
      return (performance.now() - start) / 1000;
    };
    const warmUntil = performance.now() + 1500;
    let last = await fullStep();
    while (performance.now() < warmUntil || step < 3) last = await fullStep();
    const steps = integerOption(options, 'steps', 1) ?? Math.max(5, Math.ceil(5 / last));
    const seconds: number[] = [];
    for (let i = 0; i < steps; i++) seconds.push(await fullStep());
    seconds.sort((a, b) => a - b);
    const stepSeconds = seconds[seconds.length >> 1]!;
    const flops = trainingFlops(config, {
      tokens: batch.inputIds.length,
      lossPositions: batch.lossRows.length,
      sampleLengths: Array<number>(size('batch')).fill(size('seq')),
      causal: batch.causal,
    });
    const peak = (await measurePeak()) * threads;
    const result = {
      stepSeconds,
      tokensPerSecond: batch.inputIds.length / stepSeconds,
      shareOfPeak: flops / stepSeconds / peak,
    };
    process.stdout.write(
      options.flags.has('json')
        ? `${JSON.stringify(result)}\n`
        : `${(1000 * stepSeconds).toFixed(1)} ms a step · ${Math.round(result.tokensPerSecond)} tokens/s · ` +
            `${(100 * result.shareOfPeak).toFixed(0)} % of ${(peak / 1e9).toFixed(1)} GFLOP/s on ${threads} threads\n`,
    );
    return 0;
  } finally {
    await model.close();
  }
}

function randomBatch(
  vocabSize: number,
  samples: number,
  length: number,
  objective: 'clm' | 'mlm',
): PackedBatch {
  const key = philoxKey(0, 'bench');
  const tokens = samples * length;
  const random = Array.from({ length: tokens }, (_, i) => philox(key, [i, 0, 0, 0]));
  const ids = Int32Array.from(random, ([word]) => Math.floor(toUnit(word) * vocabSize));
  const rows = [...ids.keys()].filter((i) =>
    objective === 'clm' ? (i + 1) % length !== 0 : toUnit(random[i]![1]) < MASKED,
  );
  return {
    inputIds: ids,
    cumulativeLengths: Int32Array.from({ length: samples + 1 }, (_, i) => i * length),
    causal: objective === 'clm',
    lossRows: Int32Array.from(rows),
    targets: Int32Array.from(rows, (row) => ids[objective === 'clm' ? row + 1 : row]!),
  };
}
