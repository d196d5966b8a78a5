import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { BiphaseError, type ErrorKind } from '../../../src/core/errors.ts';
import type { ModelConfig } from '../../../src/protocol/modelConfig.ts';
import { openPretrainingModel } from '../../../src/trainer/model/openModel.ts';
import type { PretrainingModel } from '../../../src/trainer/model/pretrainingModel.ts';
import { SafetensorsFile, writeSafetensorsFile } from '../../../src/trainer/model/safetensorsFile.ts';
import {
  readTransformersConfig,
  readTransformersWeights,
  writeTransformersFolder,
} from '../../../src/trainer/model/transformersFolder.ts';
import { oddConfig } from '../../support/models.ts';

const limits = { tokens: 8, length: 8, samples: 1, lossPositions: 8 };

const ofKind = (kind: ErrorKind) => (error: unknown) => error instanceof BiphaseError && error.kind === kind;

async function inFolder(
  config: ModelConfig,
  use: (folder: string, model: PretrainingModel, other: PretrainingModel) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'biphase-folder-'));
  const model = await openPretrainingModel({ config, limits, engine: 'wasm', threads: 1 });
  const other = await openPretrainingModel({ config, limits, engine: 'wasm', threads: 1 });
  try {
    await model.initialize(1);
    await other.initialize(2);
    await writeTransformersFolder(folder, model, { bos: 1, eos: 2, pad: 0, mask: 3 });
    await use(folder, model, other);
  } finally {
    await model.close();
    await other.close();
    await rm(folder, { recursive: true });
  }
}

async function sameWeights(a: PretrainingModel, b: PretrainingModel): Promise<void> {
  for (const { name } of a.parameters)
    assert.deepEqual(await a.read(name, 'weight'), await b.read(name, 'weight'), name);
}

for (const tieEmbeddings of [true, false])
  test(`a model comes back from its folder bit for bit, ${tieEmbeddings ? 'tied' : 'untied'}`, () =>
    inFolder({ ...oddConfig, tieEmbeddings }, async (folder, model, other) => {
      assert.deepEqual(await readTransformersConfig(folder), { ...oddConfig, tieEmbeddings });
      await readTransformersWeights(folder, other);
      await sameWeights(other, model);
      const { entries } = (await openOnce(path.join(folder, 'model.safetensors'))).header;
      assert.equal(
        entries.some(({ name }) => name === 'lm_head.weight'),
        !tieEmbeddings,
      );
    }));

/** The header alone; the file is closed again. */
async function openOnce(file: string): Promise<SafetensorsFile> {
  const opened = await SafetensorsFile.open(file);
  await opened.close();
  return opened;
}

test('weights in several files come back through their index', () =>
  inFolder(oddConfig, async (folder, model, other) => {
    const half = Math.floor(model.parameters.length / 2);
    const shards = {
      'a.safetensors': model.parameters.slice(half),
      'b.safetensors': model.parameters.slice(0, half),
    };
    const map: Record<string, string> = {};
    for (const [file, parameters] of Object.entries(shards)) {
      for (const { name } of parameters) map[name] = file;
      await writeSafetensorsFile(
        path.join(folder, file),
        parameters.map(({ name, shape }) => ({ name, shape, values: () => model.read(name, 'weight') })),
      );
    }
    await rm(path.join(folder, 'model.safetensors'));
    const index = path.join(folder, 'model.safetensors.index.json');
    await writeFile(index, JSON.stringify({ weight_map: map }));
    await readTransformersWeights(folder, other);
    await sameWeights(other, model);

    await writeFile(index, JSON.stringify({ weight_map: { ...map, x: '../a.safetensors' } }));
    await assert.rejects(readTransformersWeights(folder, other), ofKind('damaged'));
    await writeFile(index, JSON.stringify({ weight_map: { ...map, x: 'absent.safetensors' } }));
    await assert.rejects(readTransformersWeights(folder, other), ofKind('missing'));
  }));

test('a folder that does not fit its configuration is refused', () =>
  inFolder(oddConfig, async (folder, model, other) => {
    const weights = path.join(folder, 'model.safetensors');
    const tensors = model.parameters.map(({ name, shape }) => ({
      name,
      shape,
      values: () => model.read(name, 'weight'),
    }));
    await writeSafetensorsFile(weights, tensors.slice(1));
    await assert.rejects(readTransformersWeights(folder, other), ofKind('damaged'));
    const flat = tensors.map((tensor) => ({ ...tensor, shape: [tensor.shape.reduce((a, b) => a * b, 1)] }));
    await writeSafetensorsFile(weights, flat);
    await assert.rejects(readTransformersWeights(folder, other), ofKind('damaged'));
    await rm(weights);
    await assert.rejects(readTransformersWeights(folder, other), ofKind('missing'));

    const file = path.join(folder, 'config.json');
    const config = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    const changes = [{ hidden_size: 0 }, { num_hidden_layers: 1.5 }, { vocab_size: '9' }, { head_dim: -2 }];
    for (const change of changes) {
      await writeFile(file, JSON.stringify({ ...config, ...change }));
      await assert.rejects(readTransformersConfig(folder), ofKind('damaged'), JSON.stringify(change));
    }
    await writeFile(file, '[]');
    await assert.rejects(readTransformersConfig(folder), ofKind('damaged'));
    await rm(file);
    await assert.rejects(readTransformersConfig(folder), ofKind('missing'));
  }));

test('a file that shrinks after it was opened is damaged, not shorter weights', () =>
  inFolder(oddConfig, async (folder) => {
    const name = path.join(folder, 'model.safetensors');
    const file = await SafetensorsFile.open(name);
    try {
      const last = file.header.entries.at(-1)!;
      await truncate(name, last.offset + last.bytes - 4);
      await assert.rejects(file.read(last), ofKind('damaged'));
    } finally {
      await file.close();
    }
  }));
