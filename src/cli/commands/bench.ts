import os from 'node:os';
import { performance } from 'node:perf_hooks';
import { BiphaseError } from '../../core/errors.ts';
import { chooseEngine } from '../../trainer/engine/chooseEngine.ts';
import { type OpTime, timeOps } from '../../trainer/engine/opTimes.ts';
import { openPretrainingModel } from '../../trainer/model/openModel.ts';
import { limitsOf } from '../../trainer/model/paddedBatch.ts';
import {
  configOf,
  fullStep,
  randomBatch,
  type StepShape,
  stepFlops,
} from '../../trainer/training/measuredStep.ts';
import { threadRate } from '../../trainer/training/peakRate.ts';
import type { Command } from '../command.ts';
import { integerOption, parseOptions } from '../options.ts';

const WARM_MILLISECONDS = 1500;

export const command: Command = {
  name: 'bench',
  summary: 'how fast this machine trains a shape',
  help: `
biphase bench [options]   median full step: forward, backward, clip, AdamW

  --engine auto|wasm|blas (default: wasm)     --threads N (default: all cores)     --objective clm|mlm (mlm masks 40 %)
  --hidden 256 --layers 4 --heads 4 --kv-heads 4 --ffn 1024 --vocab 8192 --batch 16 --seq 128
  --steps N         measured steps after warming up (default: about five seconds' worth)
  --evaluate        the forward pass and its loss alone, without memory for gradients and moments
  --ops             also where the time of a step goes, op by op
  --json            {"stepSeconds":…,"tokensPerSecond":…,"shareOfPeak":…}; with --ops also "ops"

The share of peak compares with the rate of the engine's own inner product loop on numbers in the cache.
`,
  run: runBench,
};

async function runBench(args: string[]): Promise<number> {
  const sizes = {
    ...{ hidden: 256, layers: 4, heads: 4, 'kv-heads': 4, ffn: 1024, vocab: 8192, batch: 16, seq: 128 },
    ...{ threads: os.availableParallelism() },
  };
  const [string, boolean] = [{ type: 'string' } as const, { type: 'boolean' } as const];
  const table = Object.fromEntries(Object.keys(sizes).map((name) => [name, string]));
  const options = parseOptions(
    args,
    {
      ...table,
      engine: string,
      objective: string,
      steps: string,
      ops: boolean,
      json: boolean,
      evaluate: boolean,
    },
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
  const shape: StepShape = {
    hidden: size('hidden'),
    layers: size('layers'),
    heads,
    kvHeads: integerOption(options, 'kv-heads', 1) ?? heads,
    ffn: size('ffn'),
    vocab: size('vocab'),
    samples: size('batch'),
    length: size('seq'),
    objective,
  };
  const config = configOf(shape);
  const engine = chooseEngine(engineName, config);
  const threads = size('threads');
  const evaluate = options.flags.has('evaluate');
  const batch = randomBatch(shape);
  const times = new Map<string, OpTime>();
  const model = await openPretrainingModel({
    ...{ config, limits: limitsOf(batch), engine, threads, purpose: evaluate ? 'evaluate' : 'train' },
    ...(options.flags.has('ops')
      ? { watch: (inner) => timeOps(inner, () => performance.now() / 1000, times) }
      : {}),
  });
  try {
    await model.initialize(0);
    let step = 0;
    const timedStep = async (): Promise<number> => {
      const start = performance.now();
      if (evaluate) await model.evaluate(batch);
      else await fullStep(model, batch, step);
      step++;
      return (performance.now() - start) / 1000;
    };
    const warmUntil = performance.now() + WARM_MILLISECONDS;
    let last = await timedStep();
    while (performance.now() < warmUntil || step < 3) last = await timedStep();
    const steps = integerOption(options, 'steps', 1) ?? Math.max(5, Math.ceil(5 / last));
    times.clear();
    const seconds: number[] = [];
    for (let i = 0; i < steps; i++) seconds.push(await timedStep());
    const total = seconds.reduce((a, b) => a + b, 0);
    seconds.sort((a, b) => a - b);
    const stepSeconds = seconds[seconds.length >> 1]!;
    const peak = (await threadRate(engine === 'blas' ? 'blas' : 'wasm')) * threads;
    const result = {
      stepSeconds,
      tokensPerSecond: batch.inputIds.length / stepSeconds,
      // The forward pass is a third of a step's operations.
      shareOfPeak: stepFlops(shape, batch) / (evaluate ? 3 : 1) / stepSeconds / peak,
    };
    const ops = options.flags.has('ops') ? opRows(times, steps, total) : undefined;
    process.stdout.write(
      options.flags.has('json')
        ? `${JSON.stringify({ ...result, ...(ops ? { ops } : {}) })}\n`
        : `${(1000 * stepSeconds).toFixed(1)} ms a step · ${Math.round(result.tokensPerSecond)} tokens/s · ` +
            `${(100 * result.shareOfPeak).toFixed(0)} % of ${(peak / 1e9).toFixed(1)} GFLOP/s on ${threads} ${threads === 1 ? 'thread' : 'threads'}\n` +
            (ops ? opTable(ops) : ''),
    );
    return 0;
  } finally {
    await model.close();
  }
}

/** One kind of op in an average step. */
interface OpRow {
  op: string;
  calls: number;
  milliseconds: number;
  shareOfStep: number;
  /** Of products; null elsewhere. */
  gigaflopsPerSecond: number | null;
}

/** The longest first; what is left of the steps, the calls' own cost and JavaScript's, comes last. */
function opRows(times: ReadonlyMap<string, OpTime>, steps: number, total: number): OpRow[] {
  const rows = [...times]
    .map(([op, { calls, seconds, flops }]) => ({
      op,
      calls: calls / steps,
      milliseconds: (1000 * seconds) / steps,
      shareOfStep: seconds / total,
      gigaflopsPerSecond: flops > 0 ? flops / seconds / 1e9 : null,
    }))
    .sort((a, b) => b.milliseconds - a.milliseconds);
  const known = rows.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const rest = (1000 * total) / steps - known;
  const outside = { calls: 0, milliseconds: rest, shareOfStep: (rest * steps) / 1000 / total };
  return [...rows, { op: 'between the ops', ...outside, gigaflopsPerSecond: null }];
}

function opTable(rows: readonly OpRow[]): string {
  const lines = rows
    .filter(({ shareOfStep }) => shareOfStep >= 0.0005)
    .map(
      ({ op, calls, milliseconds, shareOfStep, gigaflopsPerSecond }) =>
        `${milliseconds.toFixed(2).padStart(9)} ms ${(100 * shareOfStep).toFixed(1).padStart(5)} % ` +
        `${String(Math.round(calls)).padStart(4)} × ${op}` +
        `${gigaflopsPerSecond === null ? '' : ` (${gigaflopsPerSecond.toFixed(1)} GFLOP/s)`}\n`,
    );
  return lines.join('');
}
