// How far pretraining on real English text gets below what token frequencies alone tell:
//   node test/bench/realText.ts [--doc FOLDER] [--model micro] [--vocab 2048] [--clm-steps N] [--mlm-steps N] [--peak R]
// Gathers prose from the documentation that a Debian system brings along, pretrains on it once with CLM and once with
// MLM through the bundled command line, and prints held-out losses beside the cross-entropy of the same targets under
// the training split's unigram distribution. It asserts nothing.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { gatherProse } from '../../scripts/lib/englishProse.ts';
import { metricLineSchema, metricNames, runFiles } from '../../src/protocol/runDirectory.ts';
import type { ResolvedRunFile } from '../../src/protocol/runFile.ts';
import type { TokenSource } from '../../src/trainer/data/packing.ts';
import { readShardIndex } from '../../src/trainer/data/shardIndex.ts';
import { loadTokenizerFile } from '../../src/trainer/data/tokenizer.ts';
import { readValidation, TokenShards } from '../../src/trainer/data/tokenShards.ts';
import type { PretrainingModel } from '../../src/trainer/model/pretrainingModel.ts';
import { Masker } from '../../src/trainer/objectives/masking.ts';
import type { Objective } from '../../src/trainer/objectives/microBatches.ts';
import { Validator } from '../../src/trainer/training/validation.ts';

const built = path.resolve(import.meta.dirname, '../../dist/bundle');

const { values: options } = parseArgs({
  options: {
    doc: { type: 'string', default: '/usr/share/doc' },
    model: { type: 'string', default: 'micro' },
    vocab: { type: 'string', default: '2048' },
    'clm-steps': { type: 'string', default: '800' },
    'mlm-steps': { type: 'string', default: '1500' },
    peak: { type: 'string', default: '5e-3' },
    threads: { type: 'string', default: '1' },
  },
});

function runFile(text: string, phase: string, steps: number): string {
  return `model: ${options.model}
data:
  source: ${JSON.stringify(text)}
  tokenizer: {train: {vocabSize: ${options.vocab}}}
  packing: {length: 128}
  validation: {tokens: 32768}
phases:
  - {${phase}, until: ${steps}}
schedule: {peak: ${Number(options.peak).toExponential(1)}, warmup: ${Math.floor(steps / 20)}, decay: ${Math.floor(steps / 4)}}
validate: {every: ${Math.ceil(steps / 5)}}
checkpoints: {every: ${steps}, keep: 1}
engine: {threads: ${options.threads}}
`;
}

interface Outcome {
  resolved: {
    file: ResolvedRunFile;
    microBatch: number;
    data: {
      folder: string;
      trainTokens: number;
      validationTokens: number;
      tokenizerSize: number;
    };
  };
  validation: { step: number; loss: number }[];
  steps: number;
  tokens: number;
  seconds: number;
}

async function pretrain(root: string, file: string, objective: Objective): Promise<Outcome> {
  const folder = path.join(root, objective);
  fs.mkdirSync(folder);
  const child = spawn(
    process.execPath,
    [path.join(root, 'bundle/biphase.mjs'), 'pretrain', file, '--run-dir', folder],
    {
      env: { ...process.env, BIPHASE_ROOT: root },
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  const end = await new Promise<number | string | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? signal));
  });
  if (end !== 0) throw new Error(`The ${objective} run ended with ${end}.`);
  const lines = fs
    .readFileSync(path.join(folder, runFiles.metrics), 'utf8')
    .trim()
    .split('\n')
    .map((line) => metricLineSchema.parse(JSON.parse(line)));
  const validation = lines.flatMap(({ step, metrics }) => {
    const loss = metrics[metricNames.validationLoss(objective)];
    return loss === undefined ? [] : [{ step, loss: Number(loss) }];
  });
  const resolved = fs.readdirSync(folder).find((name) => /^resolved-\d+\.json$/.test(name))!;
  const { step, tokens, elapsed } = lines.at(-1)!;
  return {
    resolved: JSON.parse(fs.readFileSync(path.join(folder, resolved), 'utf8')) as Outcome['resolved'],
    validation,
    steps: step,
    tokens,
    seconds: elapsed,
  };
}

/** −log p of each id in nats, from counts over the whole training split, one added to each. */
function unigramCosts(train: TokenSource, vocabSize: number): Float64Array {
  const ids = new Int32Array(train.length);
  train.read(0, ids);
  const counts = new Float64Array(vocabSize).fill(1);
  for (const id of ids) counts[id]++;
  return counts.map((count) => -Math.log(count / (ids.length + vocabSize)));
}

interface Unigram {
  /** Mean over every held-out token. */
  all: number;
  /** Mean over the very targets that the run's validation loss is taken over. */
  atTargets: number;
}

async function unigram(outcome: Outcome, objective: Objective): Promise<Unigram> {
  const { file, data, microBatch } = outcome.resolved;
  const tokenizer = loadTokenizerFile(path.join(data.folder, 'tokenizer.json'));
  const index = readShardIndex(data.folder)!;
  const train = new TokenShards(data.folder, index, data.trainTokens);
  const heldOut = readValidation(data.folder, index);
  const costs = unigramCosts(train, tokenizer.size);
  const sum = (ids: Int32Array): number => ids.reduce((total, id) => total + costs[id], 0);
  const ids = new Int32Array(heldOut.length);
  heldOut.read(0, ids);
  // Validation runs over a "model" that knows frequencies only, so samples, masks and targets are the run's own.
  const frequencies: Pick<PretrainingModel, 'evaluate'> = {
    evaluate: async ({ targets }) => ({ lossSum: sum(targets), lossPositions: targets.length }),
  };
  const validator = new Validator(file, heldOut, {
    microBatch,
    documentAttention: file.data.packing.documentAttention,
    eos: tokenizer.eos,
    masker: new Masker(0, tokenizer),
  });
  const measure = validator.measures.find(({ name }) => name === objective)!;
  const atTargets = await validator.loss(frequencies as PretrainingModel, measure, async () => {});
  train.close();
  return { all: sum(ids) / ids.length, atTargets };
}

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-real-text-'));
try {
  // Its own copy: a build that overwrites a loaded library kills the process.
  fs.cpSync(built, path.join(root, 'bundle'), { recursive: true });
  const text = path.join(root, 'text');
  const gathered = gatherProse(options.doc, text);
  console.log(`${gathered.documents} documents of ${gathered.files} files, ${gathered.bytes} bytes of prose`);
  const rows: Record<string, Record<string, string | number>> = {};
  for (const [objective, phase] of [
    ['clm', 'objective: clm'],
    ['mlm', 'objective: mlm, maskRatio: 0.4'],
  ] as const) {
    const file = path.join(root, `${objective}.run.yaml`);
    fs.writeFileSync(file, runFile(text, phase, Number(options[`${objective}-steps`])));
    console.log(`\n${fs.readFileSync(file, 'utf8')}`);
    const outcome = await pretrain(root, file, objective);
    const { trainTokens, validationTokens, tokenizerSize } = outcome.resolved.data;
    const baseline = await unigram(outcome, objective);
    const { loss } = outcome.validation.at(-1)!;
    console.log(`tokens: ${trainTokens} training, ${validationTokens} held out, vocabulary ${tokenizerSize}`);
    console.log(`unigram cross-entropy of all held-out tokens: ${baseline.all.toFixed(3)}`);
    console.log(
      `validation: ${outcome.validation.map((v) => `${v.loss.toFixed(3)} at ${v.step}`).join(', ')}`,
    );
    rows[objective.toUpperCase()] = {
      'validation loss': loss.toFixed(3),
      'unigram at its targets': baseline.atTargets.toFixed(3),
      'nats below': (baseline.atTargets - loss).toFixed(3),
      'nats below, all tokens': (baseline.all - loss).toFixed(3),
      steps: outcome.steps,
      'tokens trained on': outcome.tokens,
      seconds: Math.round(outcome.seconds),
    };
  }
  console.table(rows);
} finally {
  fs.rmSync(root, { recursive: true, force: true });
}
