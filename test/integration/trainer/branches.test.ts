import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { BiphaseError } from '../../../src/core/errors.ts';
import {
  checkpointFiles,
  type EventLine,
  type MetricLine,
  metricNames,
  runFiles,
} from '../../../src/protocol/runDirectory.ts';
import { runPretraining } from '../../../src/trainer/training/pretrain.ts';

// Runs that start from others: branches of one trunk, continued pretraining, folders that no trainer of ours wrote.

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-branches-'));
after(() => fs.rmSync(root, { recursive: true, force: true }));

const common = {
  model: { hiddenSize: 32, layers: 1, heads: 2, intermediateSize: 64 },
  data: { source: 'world:400', packing: { length: 32 }, validation: { tokens: 256 } },
  batch: { samples: 8 },
  validate: { every: 4 },
  engine: { threads: 1 },
};
const tokenizer = { train: { vocabSize: 300 } };
const schedule = { warmup: 3, decay: 4, shape: '1-sqrt' };
const clm = (until: number) => ({ objective: 'clm', until });

function folderOf(id: string): string {
  return path.join(root, 'runs', `20260101-${id}`);
}

async function run(id: string, file: object, resume = false): Promise<void> {
  fs.mkdirSync(folderOf(id), { recursive: true });
  const code = await runPretraining({
    ...{ file, runFolder: folderOf(id), runId: `20260101-${id}`, root, resume },
    onProgress: () => {},
    onNotice: () => {},
    onStoppable: () => {},
  });
  assert.equal(code, 0);
}

function lines<T>(id: string, name: string): T[] {
  const text = fs.readFileSync(path.join(folderOf(id), name), 'utf8').trim();
  return text.split('\n').map((line) => JSON.parse(line) as T);
}

/** Everything of the lines after a step but what measures the machine. */
function curve(id: string, after: number): [number, number, unknown][] {
  const { tokensPerSecond, shareOfPeak, memory, dataStalls } = metricNames;
  const measured: string[] = [tokensPerSecond, shareOfPeak, memory, dataStalls];
  return lines<MetricLine>(id, runFiles.metrics)
    .filter(({ step }) => step > after)
    .map(({ step, tokens, metrics }) => [
      step,
      tokens,
      Object.entries(metrics).filter(([name]) => !measured.includes(name)),
    ]);
}

function checkpoint(id: string, step: number): string {
  return path.join(folderOf(id), runFiles.checkpoint(step));
}

function bytes(id: string, step: number): Buffer[] {
  return [checkpointFiles.weights, checkpointFiles.optimizer].map((name) =>
    fs.readFileSync(path.join(checkpoint(id, step), name)),
  );
}

function state(id: string, step: number): Record<string, unknown> {
  return JSON.parse(fs.readFileSync(path.join(checkpoint(id, step), checkpointFiles.trainer), 'utf8'));
}

// A CLM run that never decays; its checkpoints are where every budget and split branches off.
before(async () => {
  await run('trunkrun', {
    ...common,
    data: { ...common.data, tokenizer },
    phases: [clm(14)],
    schedule: { ...schedule, decay: 0 },
    checkpoints: { every: 100, at: [5, 8] },
  });
});

const branches = [
  { name: 'another budget', at: 8, phases: [clm(12)] },
  { name: 'another split', at: 5, phases: [clm(5), { objective: 'mlm', until: 14 }] },
  {
    name: 'a split with fresh moments',
    at: 8,
    phases: [clm(8), { objective: 'mlm', maskRatio: [0.5, 0.2], optimizer: 'fresh', until: 14 }],
  },
  {
    name: 'a mixed end',
    at: 8,
    phases: [clm(10), { objective: 'mixed', share: { clm: 0.25, mlm: 0.75 }, until: 14 }],
  },
];
for (const [index, { name, at, phases }] of branches.entries())
  test(`a branch for ${name} has the bits and the name of the run that goes straight through`, async () => {
    const [straight, branch] = [`straigh${index}`, `branch0${index}`];
    const total = phases.at(-1)!.until;
    await run(straight, { ...common, data: { ...common.data, tokenizer }, phases, schedule });
    const from = { checkpoint: `20260101-trunkrun@${at}`, schedule: 'continue' };
    await run(branch, { ...common, from, phases, schedule });
    assert.deepEqual(curve(branch, at), curve(straight, at));
    assert.deepEqual(bytes(branch, total), bytes(straight, total));
    const { run: _run, elapsed: _elapsed, ...same } = state(branch, total);
    const { run: _other, elapsed: _seconds, ...expected } = state(straight, total);
    assert.deepEqual(same, expected);
    assert.equal(curve(branch, -1)[0][0], at, 'the curve begins at the branch with a validation');
    assert.ok(lines<EventLine>(branch, runFiles.events).every(({ type }) => type !== 'branch'));
  });

test('a branch that had another start than its trunk says what differs', async () => {
  const from = { checkpoint: '20260101-trunkrun@8', schedule: 'continue', optimizer: 'fresh' };
  await run('otherone', {
    ...common,
    from,
    phases: [clm(5), { objective: 'mlm', until: 14 }],
    schedule,
    seed: 5,
  });
  const event = lines<EventLine>('otherone', runFiles.events).find(({ type }) => type === 'branch');
  assert.match(event?.message ?? '', /\(from\.optimizer, seed, phases\)\.$/);
});

test('a branch is resumed from its own checkpoint, whatever has become of the one that it came from', async () => {
  const file = {
    ...{ ...common, schedule, phases: [clm(8), { objective: 'mlm', until: 14 }] },
    from: { checkpoint: '20260101-trunkrun@8', schedule: 'continue' },
    checkpoints: { every: 2 },
  };
  await run('orphanok', file);
  const whole = bytes('orphanok', 14);
  const { from: origin } = JSON.parse(
    fs.readFileSync(path.join(folderOf('orphanok'), runFiles.resolved(0)), 'utf8'),
  );
  for (const step of [14, 12]) fs.rmSync(checkpoint('orphanok', step), { recursive: true });
  const [place, elsewhere] = [folderOf('trunkrun'), path.join(root, 'elsewhere')];
  fs.renameSync(place, elsewhere);
  try {
    await run('orphanok', file, true);
  } finally {
    fs.renameSync(elsewhere, place);
  }
  assert.deepEqual(bytes('orphanok', 14), whole);
  const { name, lineageSteps } = state('orphanok', 14);
  assert.deepEqual([name, lineageSteps], ['custom-clm-8-mlm40-14', 14]);
  const resumed = JSON.parse(fs.readFileSync(path.join(folderOf('orphanok'), runFiles.resolved(1)), 'utf8'));
  assert.equal(origin.run, '20260101-trunkrun');
  assert.deepEqual(resumed.from, origin);
});

test('a checkpoint names its special tokens as transformers reads them', () => {
  const read = (name: string) =>
    JSON.parse(fs.readFileSync(path.join(checkpoint('trunkrun', 14), name), 'utf8'));
  const [config, names, tokenizer] = [
    read(checkpointFiles.config),
    read(checkpointFiles.tokenizerConfig),
    read(checkpointFiles.tokenizer),
  ];
  const id = (token: string): number =>
    tokenizer.added_tokens.find(({ content }: { content: string }) => content === token).id;
  assert.equal(id(names.eos_token), config.eos_token_id);
  assert.equal(id(names.pad_token), config.pad_token_id);
  assert.equal(id(names.mask_token), config.mask_token_id);
  assert.equal(names.model_max_length, config.max_position_embeddings);
});

test('continued pretraining warms up anew, with the moments kept or fresh, and counts its lineage', async () => {
  for (const [index, optimizer] of ['keep', 'fresh'].entries()) {
    const from = { checkpoint: '20260101-straigh0@12', optimizer };
    const phases = [{ objective: 'mlm', until: 6 }];
    await run(`continu${index}`, { ...common, from, phases, schedule: { peak: 1e-3, warmup: 2, decay: 2 } });
    const rates = lines<MetricLine>(`continu${index}`, runFiles.metrics)
      .filter(({ step }) => step > 0)
      .map(({ metrics }) => metrics[metricNames.learningRate]);
    assert.deepEqual(rates, [5e-4, 1e-3, 1e-3, 1e-3, 5e-4, 0]);
    const { name, lineageSteps, optimizerStep, decayed } = state(`continu${index}`, 6);
    assert.equal(name, 'custom-clm-dec12-mlm40-18');
    assert.equal(lineageSteps, 18);
    assert.equal(optimizerStep, optimizer === 'keep' ? 18 : 6);
    assert.equal(decayed, true);
  }
  assert.notDeepEqual(bytes('continu0', 6), bytes('continu1', 6));
});

test('a folder without trainer state is a start with fresh moments, and an event says so', async () => {
  const plain = path.join(root, 'eurobert');
  fs.mkdirSync(plain);
  for (const name of [checkpointFiles.config, checkpointFiles.weights, checkpointFiles.tokenizer])
    fs.copyFileSync(path.join(checkpoint('trunkrun', 8), name), path.join(plain, name));
  const phases = [{ objective: 'mlm', until: 8 }];
  await run('plainrun', { ...common, from: { checkpoint: plain }, phases, schedule });
  const events = lines<EventLine>('plainrun', runFiles.events);
  assert.deepEqual(
    events.slice(0, 3).map(({ type }) => type),
    ['start', 'optimizer', 'phase'],
  );
  assert.match(events[1].message ?? '', /no optimizer state/);
  assert.equal(state('plainrun', 8).name, 'eurobert-mlm40-8');
  // The same as from the checkpoint with nothing but its weights.
  const fresh = { checkpoint: '20260101-trunkrun@8', optimizer: 'fresh', data: 'restart' };
  await run('freshrun', { ...common, from: fresh, phases, schedule });
  assert.deepEqual(bytes('plainrun', 8), bytes('freshrun', 8));
});

test('what cannot be continued is one sentence', async () => {
  const plain = path.join(root, 'eurobert');
  const half = path.join(root, 'half');
  fs.cpSync(plain, half, { recursive: true });
  fs.copyFileSync(
    path.join(checkpoint('trunkrun', 8), checkpointFiles.trainer),
    path.join(half, checkpointFiles.trainer),
  );
  const phases = [{ objective: 'mlm', until: 6 }];
  const cases: [object, RegExp][] = [
    [{ from: { checkpoint: plain, schedule: 'continue' } }, /no trainer state.*schedule: restart/],
    [{ from: { checkpoint: half } }, /no complete checkpoint/],
    [
      { from: { checkpoint: '20260101-trunkrun@8', schedule: 'continue' } },
      /at step 8, but the last phase ends at 6/,
    ],
    [
      { from: { checkpoint: plain }, model: { ...common.model, intermediateSize: 65 } },
      /intermediateSize is 65/,
    ],
  ];
  for (const [index, [changes, sentence]] of cases.entries())
    await assert.rejects(
      run(`refused${index}`, { ...common, phases, ...changes }),
      (error) => error instanceof BiphaseError && sentence.test(error.message),
      String(sentence),
    );
});
