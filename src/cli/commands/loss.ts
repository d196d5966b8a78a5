import { readFile } from 'node:fs/promises';
import os from 'node:os';
import { BiphaseError } from '../../core/errors.ts';
import { nearest } from '../../core/unknownKeys.ts';
import { chooseEngine } from '../../trainer/engine/chooseEngine.ts';
import { openPretrainingModel } from '../../trainer/model/openModel.ts';
import { limitsOf, type PaddedBatch, packPaddedBatch } from '../../trainer/model/paddedBatch.ts';
import type { AdamWStep, PretrainingModel } from '../../trainer/model/pretrainingModel.ts';
import { piecesOf, writeSafetensorsFile } from '../../trainer/model/safetensorsFile.ts';
import { readTransformersConfig, readTransformersWeights } from '../../trainer/model/transformersFolder.ts';
import type { Command } from '../command.ts';
import { integerOption, parseOptions } from '../options.ts';

type Optimizer = Omit<AdamWStep, 'step' | 'skipNonFinite'>;

const OPTIMIZER: Optimizer = {
  learningRate: 5e-4,
  betas: [0.9, 0.95],
  eps: 1e-5,
  weightDecay: 0.1,
  decay: 'all',
  clip: 1,
};

export const command: Command = {
  name: 'loss',
  summary: "a model's loss, gradients and optimizer steps on one batch",
  help: `
biphase loss --model DIR --batch FILE.json --objective clm|mlm [options]

DIR holds config.json and model.safetensors as transformers writes them. FILE.json is
{"input_ids":[[…]],"labels":[[…]],"attention_mask":[[…]]}; labels of −100 take no loss; clm shifts inside.

  --gradients OUT.safetensors  writes the gradient of the mean loss
  --steps N                    makes N AdamW steps on the same batch; prints the loss before each
  --optimizer JSON             for instance '{"learningRate":5e-4,"betas":[0.9,0.95],"eps":1e-5,"weightDecay":0.1,"decay":"all","clip":1}'
  --save OUT.safetensors       writes the weights after the steps
  --engine E                   auto, wasm, blas or reference; default wasm
  --threads N                  default: all cores
  --json                       one line: {"loss":…,"gradNorm":…,"losses":[…]}
`,
  run: runLoss,
};

async function runLoss(args: string[]): Promise<number> {
  const string = { type: 'string' } as const;
  const options = parseOptions(
    args,
    {
      ...{ model: string, batch: string, objective: string, gradients: string, steps: string },
      ...{ optimizer: string, save: string, engine: string, threads: string, json: { type: 'boolean' } },
    },
    0,
  );
  const required = (name: string): string => {
    const value = options.values.get(name);
    if (value === undefined) throw new BiphaseError('usage', `Option --${name} is needed.`);
    return value;
  };
  const choice = <T extends string>(name: string, value: string, allowed: readonly T[]): T => {
    const found = allowed.find((one) => one === value);
    if (!found)
      throw new BiphaseError('usage', `Option --${name} is ${allowed.join(' or ')}, not "${value}".`);
    return found;
  };
  const folder = required('model');
  const objective = choice('objective', required('objective'), ['clm', 'mlm']);
  const engineName = choice('engine', options.values.get('engine') ?? 'wasm', [
    ...(['auto', 'wasm', 'blas', 'reference'] as const),
  ]);
  const steps = integerOption(options, 'steps') ?? 0;
  const optimizer = parseOptimizer(options.values.get('optimizer'));
  const batch = packPaddedBatch(await readBatch(required('batch')), objective);

  const config = await readTransformersConfig(folder);
  const threads = integerOption(options, 'threads', 1) ?? os.availableParallelism();
  const model = await openPretrainingModel({
    ...{ config, limits: limitsOf(batch), threads, engine: chooseEngine(engineName, config) },
    purpose: steps > 0 ? 'train' : 'gradients',
  });
  try {
    await readTransformersWeights(folder, model);
    const meanLoss = async (): Promise<number> => {
      model.zeroGradients();
      // A batch without loss positions has the loss 0 and no gradient.
      const { lossSum, lossPositions } = await model.forwardBackward(
        batch,
        1 / Math.max(1, batch.lossRows.length),
      );
      return lossPositions === 0 ? 0 : lossSum / lossPositions;
    };
    const loss = await meanLoss();
    const gradientFile = options.values.get('gradients');
    if (gradientFile !== undefined) await save(gradientFile, model, 'gradient');
    const gradNorm = await gradientNorm(model);
    const losses: number[] = [];
    for (let step = 0; step < steps; step++) {
      losses.push(step === 0 ? loss : await meanLoss());
      await model.adamW({ ...optimizer, step, skipNonFinite: false });
    }
    const weightFile = options.values.get('save');
    if (weightFile !== undefined) await save(weightFile, model, 'weight');
    process.stdout.write(
      options.flags.has('json')
        ? `${JSON.stringify({ loss, gradNorm, losses })}\n`
        : [`loss ${loss} · gradient norm ${gradNorm}`, ...losses.map((l, i) => `step ${i}: ${l}`), ''].join(
            '\n',
          ),
    );
    return 0;
  } finally {
    await model.close();
  }
}

async function gradientNorm(model: PretrainingModel): Promise<number> {
  let squares = 0;
  for (const { name, shape } of model.parameters)
    for (const range of piecesOf(shape.reduce((a, b) => a * b, 1)))
      squares = (await model.read(name, 'gradient', range)).reduce((sum, g) => sum + g * g, squares);
  return Math.sqrt(squares);
}

async function save(file: string, model: PretrainingModel, kind: 'weight' | 'gradient'): Promise<void> {
  await writeSafetensorsFile(
    file,
    model.parameters.map(({ name, shape }) => ({
      name,
      shape,
      values: (range) => model.read(name, kind, range),
    })),
  );
}

async function readBatch(file: string): Promise<PaddedBatch> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new BiphaseError('usage', `The batch ${file} cannot be read.`, { cause });
  }
  try {
    const batch = JSON.parse(text) as PaddedBatch;
    if (typeof batch === 'object' && batch !== null) return batch;
  } catch {
    // Falls through to the one sentence below.
  }
  throw new BiphaseError('usage', `The batch ${file} is not a JSON object.`);
}

function parseOptimizer(text: string | undefined): Optimizer {
  if (text === undefined) return OPTIMIZER;
  let given: Record<string, unknown>;
  try {
    given = JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new BiphaseError('usage', 'Option --optimizer is not JSON.');
  }
  const known = Object.keys(OPTIMIZER);
  for (const key of Object.keys(given))
    if (!known.includes(key)) {
      const near = nearest(key, known);
      throw new BiphaseError('usage', `Unknown optimizer key ${key}.${near ? ` Did you mean ${near}?` : ''}`);
    }
  const merged = { ...OPTIMIZER, ...given } as Optimizer;
  const numbers = [merged.learningRate, merged.eps, merged.weightDecay, merged.clip, ...(merged.betas ?? [])];
  if (numbers.length !== 6 || !numbers.every((n) => typeof n === 'number' && n >= 0))
    throw new BiphaseError('usage', 'The optimizer needs numbers of at least 0, and two betas.');
  if (merged.decay !== 'all' && merged.decay !== 'matrices')
    throw new BiphaseError('usage', 'The optimizer\'s decay is "all" or "matrices".');
  return merged;
}
