import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { openPretrainingModel } from '../../../src/trainer/model/openModel.ts';
import { limitsOf, type PaddedBatch, packPaddedBatch } from '../../../src/trainer/model/paddedBatch.ts';
import type { AdamWStep } from '../../../src/trainer/model/pretrainingModel.ts';
import { SafetensorsFile } from '../../../src/trainer/model/safetensorsFile.ts';
import { readTransformersConfig } from '../../../src/trainer/model/transformersFolder.ts';
import { relativeError } from '../../support/relativeError.ts';

// What test/golden/make_golden.py wrote with PyTorch.

interface Golden {
  objective: 'clm' | 'mlm';
  config: Record<string, unknown>;
  optimizer: Omit<AdamWStep, 'step' | 'skipNonFinite'>;
  loss: number;
  gradNorm: number;
  losses: number[];
  batch: PaddedBatch;
}

const fixtures = path.join(import.meta.dirname, 'fixtures');

async function readTensors(file: string): Promise<Map<string, Float32Array>> {
  const opened = await SafetensorsFile.open(file);
  try {
    const tensors = new Map<string, Float32Array>();
    for (const entry of opened.header.entries) tensors.set(entry.name, await opened.read(entry));
    return tensors;
  } finally {
    await opened.close();
  }
}

for (const name of ['clmGrouped', 'mlmTied', 'clmWideHeads', 'mlmGrouped'])
  for (const engine of ['wasm', 'blas', 'reference'] as const)
    test(`${name} on ${engine} agrees with PyTorch: logits, loss, every gradient, ten AdamW steps`, async () => {
      const golden = JSON.parse(await readFile(path.join(fixtures, `${name}.json`), 'utf8')) as Golden;
      const tensors = await readTensors(path.join(fixtures, `${name}.safetensors`));
      const folder = await mkdtemp(path.join(os.tmpdir(), 'biphase-golden-'));
      await writeFile(path.join(folder, 'config.json'), JSON.stringify(golden.config));
      const config = await readTransformersConfig(folder);
      await rm(folder, { recursive: true });
      const batch = packPaddedBatch(golden.batch, golden.objective);
      const model = await openPretrainingModel({ config, limits: limitsOf(batch), engine, threads: 2 });
      try {
        const near = (
          what: string,
          actual: ArrayLike<number>,
          expected: ArrayLike<number>,
          tolerance: number,
        ) => {
          const error = relativeError(actual, expected);
          assert.ok(error <= tolerance, `${what}: relative error ${error}, at most ${tolerance}`);
        };
        for (const parameter of model.parameters)
          await model.write(parameter.name, 'weight', tensors.get(`weight.${parameter.name}`)!);
        const gradientScale = 1 / batch.lossRows.length;
        const mean = async (): Promise<number> => {
          model.zeroGradients();
          const { lossSum, lossPositions } = await model.forwardBackward(batch, gradientScale);
          return lossSum / lossPositions;
        };

        near('logits', await model.logits(batch), tensors.get('logits')!, 1e-5);
        near('loss', [await mean()], [golden.loss], 1e-5);
        for (const parameter of model.parameters)
          near(
            `gradient of ${parameter.name}`,
            await model.read(parameter.name, 'gradient'),
            tensors.get(`gradient.${parameter.name}`)!,
            1e-5,
          );
        for (const [step, expected] of golden.losses.entries()) {
          near(`loss before step ${step}`, [await mean()], [expected], 1e-5);
          const { gradNorm } = await model.adamW({ ...golden.optimizer, step, skipNonFinite: false });
          if (step === 0) near('gradient norm', [gradNorm], [golden.gradNorm], 1e-5);
        }
        for (const parameter of model.parameters) {
          const before = tensors.get(`weight.${parameter.name}`)!;
          const expected = tensors.get(`stepped.${parameter.name}`)!;
          const actual = await model.read(parameter.name, 'weight');
          const change = (values: Float32Array): Float64Array =>
            Float64Array.from(values, (x, i) => x - before[i]!);
          near(`${parameter.name} after the steps`, actual, expected, 2e-6);
          near(`change of ${parameter.name}`, change(actual), change(expected), 3e-4);
        }
      } finally {
        await model.close();
      }
    });
