import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { command } from '../../../src/cli/commands/loss.ts';
import { BiphaseError } from '../../../src/core/errors.ts';
import { packPaddedBatch } from '../../../src/trainer/model/paddedBatch.ts';
import { availableEngines } from '../../support/engines.ts';
import { goldenFixtures, readGolden, readTensors } from '../../support/golden.ts';
import { printed } from '../../support/printed.ts';
import { assertNear } from '../../support/relativeError.ts';

// `biphase loss` on folders as transformers and Optimus write them, against what test/golden/make_golden.py computed.

const main = fileURLToPath(new URL('../../../src/cli/nodeMain.ts', import.meta.url));
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-loss-'));
after(() => fs.rmSync(scratch, { recursive: true }));

interface Printed {
  loss: number;
  gradNorm: number;
  losses: number[];
}

async function loss(...args: string[]): Promise<Printed> {
  return JSON.parse(await printed(command, [...args, '--json'])) as Printed;
}

function written(name: string, content: unknown): string {
  const file = path.join(scratch, name);
  fs.writeFileSync(file, JSON.stringify(content));
  return file;
}

const folders = ['folder-bf16-sharded', 'folder-f16-tied', 'folder-optimus'];
for (const [index, name] of folders.entries())
  for (const engine of availableEngines())
    test(`biphase loss on ${name} with ${engine} agrees with PyTorch`, async () => {
      const golden = readGolden(name);
      const [gradients, saved] = ['gradients', 'saved'].map((what) =>
        path.join(scratch, `${name}-${engine}-${what}.safetensors`),
      );
      const result = await loss(
        ...['--model', path.join(goldenFixtures, name), '--objective', golden.objective],
        ...['--batch', written(`${name}.json`, golden.batch), '--engine', engine, '--threads', '1'],
        ...['--gradients', gradients, '--steps', String(golden.losses.length), '--save', saved],
        // The paper's optimizer is also the default.
        ...(index === 0 ? ['--optimizer', JSON.stringify(golden.optimizer)] : []),
      );
      assertNear('loss', [result.loss], [golden.loss], 1e-5);
      assertNear('gradient norm', [result.gradNorm], [golden.gradNorm], 1e-5);
      assert.equal(result.losses.length, golden.losses.length);
      result.losses.forEach((value, step) => {
        assertNear(`loss before step ${step}`, [value], [golden.losses[step]!], 1e-5);
      });
      const expected = await readTensors(path.join(goldenFixtures, `${name}.safetensors`));
      const [actualGradients, actualWeights] = [await readTensors(gradients), await readTensors(saved)];
      const names = [...expected.keys()].flatMap((key) => key.match(/^weight\.(.*)$/)?.[1] ?? []);
      assert.deepEqual([...actualGradients.keys()].sort(), [...names].sort());
      assert.deepEqual([...actualWeights.keys()].sort(), [...names].sort());
      for (const parameter of names) {
        const before = expected.get(`weight.${parameter}`)!;
        const change = (values: Float32Array): Float64Array =>
          Float64Array.from(values, (x, i) => x - before[i]!);
        const stepped = expected.get(`stepped.${parameter}`)!;
        const after = actualWeights.get(parameter)!;
        assertNear(
          `gradient of ${parameter}`,
          actualGradients.get(parameter)!,
          expected.get(`gradient.${parameter}`)!,
          1e-5,
        );
        assertNear(`${parameter} after the steps`, after, stepped, 2e-6);
        assertNear(`change of ${parameter}`, change(after), change(stepped), 3e-4);
      }
    });

test('a batch without loss positions has loss and gradient 0, in CLM also one of single tokens', async () => {
  const folder = path.join(goldenFixtures, 'folder-f16-tied');
  const silent = { input_ids: [[5, 6, 7]], labels: [[-100, -100, -100]] };
  const single = { input_ids: [[5], [6]], labels: [[5], [6]] };
  const cases = [
    ['mlm', silent],
    ['clm', silent],
    ['clm', single],
  ] as const;
  for (const [objective, batch] of cases) {
    const result = await loss(
      ...['--model', folder, '--objective', objective, '--batch', written('silent.json', batch)],
      ...['--steps', '1', '--engine', 'reference'],
    );
    assert.deepEqual(result, { loss: 0, gradNorm: 0, losses: [0] });
  }
});

test('the command prints one line and exits with 0, or one sentence and exits with 2', () => {
  const folder = path.join(goldenFixtures, 'folder-f16-tied');
  const batch = written('line.json', { input_ids: [[5, 6]], labels: [[5, 6]] });
  const run = (objective: string) =>
    spawnSync(
      process.execPath,
      [main, 'loss', '--model', folder, '--batch', batch, '--objective', objective, '--json'],
      { encoding: 'utf8' },
    );
  const good = run('clm');
  assert.equal(good.status, 0, good.stderr);
  assert.match(good.stdout, /^\{"loss":[\d.]+,"gradNorm":[\d.]+,"losses":\[\]\}\n$/);
  const bad = run('cml');
  assert.deepEqual([bad.status, bad.stdout], [2, '']);
  assert.equal(bad.stderr, 'Option --objective is clm or mlm, not "cml".\n');
});

test('padding may lie on either side of a row', () => {
  const row = [5, 9, 11, 30];
  const sides = { left: [0, 0, ...row], right: [...row, 0, 0] };
  const losses = Object.values(sides).map((ids) => {
    const real = ids.map((id) => (id === 0 ? 0 : 1));
    const labels = ids.map((id) => (id === 0 ? -100 : id));
    const batch = { input_ids: [ids], labels: [labels], attention_mask: [real] };
    return packPaddedBatch(batch, 'clm');
  });
  assert.deepEqual(losses[0], losses[1]);
});

test('what cannot be computed is refused in one sentence', async () => {
  const hole = {
    input_ids: [
      [5, 6, 7],
      [5, 6, 7],
    ],
    labels: [
      [5, 6, 7],
      [5, 6, 7],
    ],
    attention_mask: [
      [0, 1, 1],
      [1, 0, 1],
    ],
  };
  const folder = path.join(goldenFixtures, 'folder-f16-tied');
  const batch = written('batch.json', { input_ids: [[5, 6]], labels: [[5, 6]] });
  const cases: [string[], RegExp][] = [
    [['--batch', batch, '--objective', 'clm'], /^Option --model is needed\.$/],
    [
      ['--model', folder, '--batch', batch, '--objective', 'cml'],
      /^Option --objective is clm or mlm, not "cml"\.$/,
    ],
    [
      [
        '--model',
        folder,
        '--batch',
        written('far.json', { input_ids: [[53]], labels: [[1]] }),
        '--objective',
        'mlm',
      ],
      /outside the vocabulary of 53/,
    ],
    [
      ['--model', folder, '--batch', batch, '--objective', 'clm', '--optimizer', '{"learningrate":1}'],
      /^Unknown optimizer key learningrate\. Did you mean learningRate\?$/,
    ],
    [
      ['--model', folder, '--batch', written('hole.json', hole), '--objective', 'clm'],
      /^attention_mask has a hole in row 2/,
    ],
  ];
  for (const [args, sentence] of cases)
    await assert.rejects(
      command.run([...args, '--engine', 'reference']),
      (error) => error instanceof BiphaseError && error.kind === 'usage' && sentence.test(error.message),
    );
});
