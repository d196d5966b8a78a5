import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { BiphaseError, type ErrorKind } from '../../../src/core/errors.ts';
import type { ModelConfig } from '../../../src/protocol/modelConfig.ts';
import { exportFolder } from '../../../src/trainer/model/exportFolder.ts';
import { openPretrainingModel } from '../../../src/trainer/model/openModel.ts';
import type { PretrainingModel } from '../../../src/trainer/model/pretrainingModel.ts';
import { SafetensorsFile, writeSafetensorsFile } from '../../../src/trainer/model/safetensorsFile.ts';
import {
  readTransformersConfig,
  readTransformersWeights,
  writeTransformersFolder,
} from '../../../src/trainer/model/transformersFolder.ts';
import { noise, oddConfig } from '../../support/models.ts';

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
    await writeTransformersFolder(folder, config, (name) => model.read(name, 'weight'), {
      ...{ bos: 1, eos: 2, pad: 0, mask: 3 },
    });
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

    const hostile: unknown[] = ['../a.safetensors', '/a.safetensors', '.', 'config.json', 3, null];
    for (const file of hostile) {
      await writeFile(index, JSON.stringify({ weight_map: { ...map, x: file } }));
      await assert.rejects(readTransformersWeights(folder, other), ofKind('damaged'), String(file));
    }
    for (const content of ['{}', '[]', '{"weight_map":["a.safetensors"]}', '{"weight_map":']) {
      await writeFile(index, content);
      await assert.rejects(readTransformersWeights(folder, other), ofKind('damaged'), content);
    }
    // The same tensor in two of the files.
    await writeSafetensorsFile(
      path.join(folder, 'c.safetensors'),
      shards['a.safetensors'].map(({ name, shape }) => ({
        name,
        shape,
        values: () => model.read(name, 'weight'),
      })),
    );
    await writeFile(index, JSON.stringify({ weight_map: { ...map, x: 'c.safetensors' } }));
    await assert.rejects(readTransformersWeights(folder, other), /twice/);
    await writeFile(index, JSON.stringify({ weight_map: { ...map, x: 'absent.safetensors' } }));
    await assert.rejects(readTransformersWeights(folder, other), ofKind('missing'));
  }));

for (const dtype of ['F32', 'BF16', 'F16'] as const)
  for (const naming of ['transformers', 'optimus'] as const)
    test(`${dtype} in shards under the names of ${naming} is read back as it was rounded`, () =>
      inFolder({ ...oddConfig, tieEmbeddings: dtype === 'F16' }, async (folder, model, other) => {
        await rm(path.join(folder, 'model.safetensors'));
        const format = { dtype, naming, shardBytes: 9000 };
        const values = (name: string) => model.read(name, 'weight');
        await writeTransformersFolder(folder, model.config, values, {}, format);
        const files = (await readdir(folder)).filter((name) => name.endsWith('.safetensors'));
        assert.ok(files.length > 2, `${files}`);
        for (const file of files) {
          const { entries } = (await openOnce(path.join(folder, file))).header;
          const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
          assert.ok(entries.length === 1 || bytes <= format.shardBytes, `${file} has ${bytes} bytes`);
          for (const entry of entries) {
            assert.equal(entry.dtype, dtype);
            assert.equal(entry.name.includes('qkv_proj'), naming === 'optimus' && entry.name.includes('qkv'));
          }
        }
        await readTransformersWeights(folder, other);
        const round = { F32: Math.fround, BF16: nearestBf16, F16: Math.f16round }[dtype];
        for (const { name } of model.parameters)
          assert.deepEqual(await other.read(name, 'weight'), (await values(name)).map(round), name);
      }));

/** The nearest number with 8 significant bits, ties to even; all weights are normal numbers or 0. */
function nearestBf16(x: number): number {
  if (x === 0) return x;
  const unit = 2 ** (Math.floor(Math.log2(Math.abs(x))) - 7);
  const below = Math.floor(x / unit);
  const rest = x / unit - below;
  const up = rest > 0.5 || (rest === 0.5 && below % 2 !== 0);
  return (below + (up ? 1 : 0)) * unit;
}

test('an exported folder has the weights, the configuration and the tokenizer, and never replaces one', () =>
  inFolder(oddConfig, async (folder, model, other) => {
    await writeFile(path.join(folder, 'tokenizer.json'), '{}');
    await writeFile(path.join(folder, 'trainer.json'), '{}');
    const target = path.join(folder, 'exported');
    const format = { dtype: 'F32', naming: 'transformers', shardBytes: 9000 } as const;
    await exportFolder(folder, target, format);
    const files = await readdir(target);
    assert.ok(files.includes('model.safetensors.index.json') && files.includes('tokenizer.json'), `${files}`);
    assert.ok(!files.includes('trainer.json'));
    const config = async (of: string) => await readFile(path.join(of, 'config.json'), 'utf8');
    assert.equal(await config(target), await config(folder));
    await readTransformersWeights(target, other);
    await sameWeights(other, model);
    await assert.rejects(exportFolder(folder, target, format), ofKind('usage'));
    await assert.rejects(exportFolder(target, folder, format), ofKind('usage'));
  }));

test('names with what torch.compile and data parallelism put before them are read', () =>
  inFolder(oddConfig, async (folder, model, other) => {
    await writeSafetensorsFile(
      path.join(folder, 'model.safetensors'),
      model.parameters.map(({ name, shape }) => ({
        name: `module._orig_mod.${name}`,
        shape,
        values: () => model.read(name, 'weight'),
      })),
    );
    await readTransformersWeights(folder, other);
    await sameWeights(other, model);
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
    await writeFile(weights, '');
    await assert.rejects(readTransformersWeights(folder, other), (error: BiphaseError) =>
      error.message.startsWith(`${weights} cannot be used. Not a usable safetensors file: it has 0 bytes`),
    );
    const bias = {
      name: 'model.layers.0.self_attn.q_proj.bias',
      shape: [1],
      values: async () => noise(1, 'b'),
    };
    await writeSafetensorsFile(weights, [...tensors, bias]);
    await assert.rejects(readTransformersWeights(folder, other), /q_proj\.bias/);
    await rm(weights);
    await assert.rejects(readTransformersWeights(folder, other), ofKind('missing'));

    const file = path.join(folder, 'config.json');
    const config = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    const changes = [
      { hidden_size: 0 },
      { num_hidden_layers: 1.5 },
      { vocab_size: '9' },
      { head_dim: -2 },
      { num_hidden_layers: 1e12 },
      { vocab_size: 2 ** 40 },
    ];
    for (const change of changes) {
      await writeFile(file, JSON.stringify({ ...config, ...change }));
      await assert.rejects(readTransformersConfig(folder), ofKind('damaged'), JSON.stringify(change));
    }
    const others = [
      { model_type: 'bert' },
      { hidden_act: 'gelu' },
      { attention_bias: true },
      { mlp_bias: true },
      { rope_scaling: { type: 'linear', factor: 2 } },
      { rope_parameters: { rope_type: 'yarn', rope_theta: 10000 } },
    ];
    for (const other of others) {
      await writeFile(file, JSON.stringify({ ...config, ...other }));
      await assert.rejects(readTransformersConfig(folder), /not a EuroBERT/, JSON.stringify(other));
    }
    await writeFile(file, '[]');
    await assert.rejects(readTransformersConfig(folder), ofKind('damaged'));
    await rm(file);
    await assert.rejects(readTransformersConfig(folder), ofKind('missing'));
  }));

test('whatever config.json and the index say, the answer is a model or one BiphaseError', () =>
  inFolder({ ...oddConfig, layers: 1 }, async (folder, _model, other) => {
    const [file, index] = ['config.json', 'model.safetensors.index.json'].map((f) => path.join(folder, f));
    const config = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.integer(),
      fc.double(),
      fc.constantFrom('model.safetensors', '../model.safetensors', 1e300, -1, 0, null),
    );
    const said = async (read: Promise<unknown>): Promise<void> => {
      await read.catch((error: unknown) => assert.ok(error instanceof BiphaseError, String(error)));
    };
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.keys(config), 'rope_scaling'),
        value,
        async (key, changed) => {
          await writeFile(file, JSON.stringify({ ...config, [key]: changed }));
          await said(readTransformersConfig(folder));
        },
      ),
    );
    await writeFile(file, JSON.stringify(config));
    await fc.assert(
      fc.asyncProperty(fc.oneof(value, fc.dictionary(fc.string(), value)), async (map) => {
        await writeFile(index, JSON.stringify({ weight_map: map }));
        await said(readTransformersWeights(folder, other));
      }),
    );
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
