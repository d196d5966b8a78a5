import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { openPretrainingModel } from '../../../src/trainer/model/openModel.ts';
import { limitsOf, packPaddedBatch } from '../../../src/trainer/model/paddedBatch.ts';
import { readTransformersConfig } from '../../../src/trainer/model/transformersFolder.ts';
import { availableEngines } from '../../support/engines.ts';
import { goldenFixtures, readGolden, readTensors } from '../../support/golden.ts';
import { assertNear } from '../../support/relativeError.ts';

// What test/golden/make_golden.py wrote with PyTorch.

const cases = (await readdir(goldenFixtures))
  .filter((file) => file.endsWith('.json') && !file.startsWith('folder-'))
  .map((file) => path.basename(file, '.json'));

test('the cases cover both objectives, grouped and full heads, tied and untied heads, padding and packing', () => {
  for (const word of ['clm', 'mlm', 'grouped', 'full', 'tied', 'untied', 'padded', 'packed'])
    assert.ok(cases.filter((name) => name.split('-').includes(word)).length === 4, word);
});

for (const name of cases)
  for (const engine of availableEngines())
    test(`${name} on ${engine} agrees with PyTorch: logits, loss, every gradient, ten AdamW steps`, async () => {
      const golden = readGolden(name);
      const tensors = await readTensors(path.join(goldenFixtures, `${name}.safetensors`));
      const folder = await mkdtemp(path.join(os.tmpdir(), 'biphase-golden-'));
      await writeFile(path.join(folder, 'config.json'), JSON.stringify(golden.config));
      const config = await readTransformersConfig(folder);
      await rm(folder, { recursive: true });
      const batch = packPaddedBatch(golden.batch, golden.objective);
      const model = await openPretrainingModel({ config, limits: limitsOf(batch), engine, threads: 2 });
      try {
        for (const parameter of model.parameters)
          await model.write(parameter.name, 'weight', tensors.get(`weight.${parameter.name}`)!);
        const gradientScale = 1 / batch.lossRows.length;
        const mean = async (): Promise<number> => {
          model.zeroGradients();
          const { lossSum, lossPositions } = await model.forwardBackward(batch, gradientScale);
          return lossSum / lossPositions;
        };

        assertNear('logits', await model.logits(batch), tensors.get('logits')!, 1e-5);
        assertNear('loss', [await mean()], [golden.loss], 1e-5);
        for (const parameter of model.parameters)
          assertNear(
            `gradient of ${parameter.name}`,
            await model.read(parameter.name, 'gradient'),
            tensors.get(`gradient.${parameter.name}`)!,
            1e-5,
          );
        for (const [step, expected] of golden.losses.entries()) {
          assertNear(`loss before step ${step}`, [await mean()], [expected], 1e-5);
          const { gradNorm } = await model.adamW({ ...golden.optimizer, step, skipNonFinite: false });
          if (step === 0) assertNear('gradient norm', [gradNorm], [golden.gradNorm], 1e-5);
        }
        for (const parameter of model.parameters) {
          const before = tensors.get(`weight.${parameter.name}`)!;
          const expected = tensors.get(`stepped.${parameter.name}`)!;
          const actual = await model.read(parameter.name, 'weight');
          const change = (values: Float32Array): Float64Array =>
            Float64Array.from(values, (x, i) => x - before[i]!);
          assertNear(`${parameter.name} after the steps`, actual, expected, 2e-6);
          assertNear(`change of ${parameter.name}`, change(actual), change(expected), 3e-4);
        }
      } finally {
        await model.close();
      }
    });
