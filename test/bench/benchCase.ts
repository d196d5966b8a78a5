import fs from 'node:fs';
import path from 'node:path';
import type { ModelConfig } from '../../src/protocol/modelConfig.ts';
import { openPretrainingModel } from '../../src/trainer/model/openModel.ts';
import { limitsOf } from '../../src/trainer/model/paddedBatch.ts';
import { configOf, randomBatch, type StepShape, stepFlops } from '../../src/trainer/training/measuredStep.ts';

/** One model and one batch, as a file that every contestant reads. */
export interface BenchCase {
  config: ModelConfig;
  samples: number;
  length: number;
  batch: {
    inputIds: number[];
    cumulativeLengths: number[];
    causal: boolean;
    lossRows: number[];
    targets: number[];
  };
  /** In the order of weights.bin. */
  parameters: [name: string, shape: number[]][];
}

/** Writes case.json and weights.bin into `folder`; returns what a rate needs. */
export async function writeBenchCase(
  folder: string,
  shape: StepShape,
): Promise<{ tokens: number; flops: number }> {
  const [config, batch] = [configOf(shape), randomBatch(shape)];
  const model = await openPretrainingModel({ config, limits: limitsOf(batch), engine: 'wasm', threads: 1 });
  await model.initialize(0);
  const file = fs.openSync(path.join(folder, 'weights.bin'), 'w');
  for (const { name } of model.parameters) fs.writeFileSync(file, await model.read(name, 'weight'));
  fs.closeSync(file);
  await model.close();
  const written: BenchCase = {
    config,
    samples: shape.samples,
    length: shape.length,
    batch: {
      inputIds: [...batch.inputIds],
      cumulativeLengths: [...batch.cumulativeLengths],
      causal: batch.causal,
      lossRows: [...batch.lossRows],
      targets: [...batch.targets],
    },
    parameters: model.parameters.map(({ name, shape: dimensions }) => [name, [...dimensions]]),
  };
  fs.writeFileSync(path.join(folder, 'case.json'), JSON.stringify(written));
  return { tokens: batch.inputIds.length, flops: stepFlops(shape, batch) };
}
