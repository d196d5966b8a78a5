// Planned against measured memory, each row in a process of its own:
//   node test/bench/memory.ts [--only NAME[,NAME]]
// Measured is the peak resident set above the process's size before planning: opening, random weights, steps, and where
// the row says so a checkpoint written and read. It asserts nothing. The large rows take minutes and up to 6 GiB.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { modelPresets } from '../../src/core/modelPresets.ts';
import type { ModelPurpose } from '../../src/core/plannedBytes.ts';
import { readCheckpoint, writeCheckpoint } from '../../src/trainer/checkpoints/checkpointFolder.ts';
import { openPretrainingModel } from '../../src/trainer/model/openModel.ts';
import { limitsOf } from '../../src/trainer/model/paddedBatch.ts';
import { configOf, fullStep, randomBatch, type StepShape } from '../../src/trainer/training/measuredStep.ts';

interface Row {
  name: string;
  shape: StepShape;
  engine: 'wasm' | 'blas';
  purpose: ModelPurpose;
  steps: number;
  checkpoint: boolean;
}

interface Measured {
  planned: number;
  peak: number;
  losses: number[];
  /** Seconds of the last step or evaluation. */
  seconds: number;
}

const THREADS = 2;

const preset = (name: '210m' | '610m', length: number): StepShape => {
  const { shape, vocabSize } = modelPresets[name];
  return {
    hidden: shape.hiddenSize,
    layers: shape.layers,
    heads: shape.heads,
    kvHeads: shape.kvHeads,
    ffn: shape.intermediateSize,
    ...{ vocab: vocabSize!, samples: 1, length, objective: 'mlm' },
  };
};
const small = { hidden: 64, layers: 2, heads: 4, kvHeads: 4, ffn: 176, vocab: 256, samples: 16, length: 64 };
const middle = {
  hidden: 256,
  layers: 4,
  heads: 4,
  kvHeads: 4,
  ffn: 1024,
  vocab: 8192,
  samples: 16,
  length: 128,
};
const large = {
  hidden: 512,
  layers: 6,
  heads: 8,
  kvHeads: 8,
  ffn: 2048,
  vocab: 16384,
  samples: 8,
  length: 256,
};
const train = { purpose: 'train', steps: 4, checkpoint: false } as const;

const rows: Row[] = [
  { ...train, name: '0.2M, 16 × 64', engine: 'wasm', shape: { ...small, objective: 'mlm' } },
  { ...train, name: '8.4M, 16 × 128', engine: 'wasm', shape: { ...middle, objective: 'mlm' } },
  { ...train, name: '8.4M, 16 × 128', engine: 'blas', shape: { ...middle, objective: 'clm' } },
  { ...train, name: '42M, 8 × 256', engine: 'wasm', shape: { ...large, objective: 'mlm' } },
  { ...train, name: '42M, 8 × 256', engine: 'blas', shape: { ...large, objective: 'clm' } },
  { ...train, name: '210m, 1 × 512', engine: 'wasm', shape: preset('210m', 512) },
  { ...train, name: '210m, 1 × 512', engine: 'blas', shape: preset('210m', 512), checkpoint: true },
  {
    ...{ name: '610m, 1 × 512', engine: 'blas', purpose: 'evaluate', steps: 2, checkpoint: false },
    shape: preset('610m', 512),
  },
];

/** A checkpoint of the model, and back. */
async function throughCheckpoint(model: Parameters<typeof writeCheckpoint>[2]): Promise<void> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-memory-'));
  try {
    const state = {
      ...{ schema: 1, run: 'bench', name: 'bench', step: 1, tokens: 0, samples: 0, elapsed: 0 },
      ...{ optimizerStep: 1, lineageSteps: 1, decayed: false, validationPending: false, seed: 0 },
      ...{ tokenizerHash: '', trainHash: '' },
    };
    await writeCheckpoint(folder, state, model, { json: '{}', eos: 0, mask: 1 });
    await readCheckpoint(path.join(folder, 'checkpoints/step-000001'), model, { optimizer: true });
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

async function measure({ shape, engine, purpose, steps, checkpoint }: Row): Promise<Measured> {
  const batch = randomBatch(shape);
  const before = process.memoryUsage.rss();
  const options = { config: configOf(shape), limits: limitsOf(batch), engine, purpose, threads: THREADS };
  const model = await openPretrainingModel(options);
  const losses: number[] = [];
  let seconds = 0;
  try {
    await model.initialize(0);
    for (let step = 0; step < steps; step++) {
      const began = performance.now();
      if (purpose === 'evaluate') losses.push((await model.evaluate(batch)).lossSum / batch.lossRows.length);
      else losses.push(await fullStep(model, batch, step));
      seconds = (performance.now() - began) / 1000;
    }
    if (checkpoint) await throughCheckpoint(model);
    const peak = process.resourceUsage().maxRSS * 1024 - before;
    return { planned: model.plannedBytes, peak, losses, seconds };
  } finally {
    await model.close();
  }
}

const { values } = parseArgs({ options: { only: { type: 'string' }, row: { type: 'string' } } });
if (values.row !== undefined) console.log(JSON.stringify(await measure(rows[Number(values.row)]!)));
else {
  const mib = (bytes: number): string => Math.round(bytes / 2 ** 20).toLocaleString('en');
  console.log(
    '| model, batch | engine | for | planned, MiB | measured peak, MiB | measured ÷ planned | loss by step | s a step |',
  );
  console.log('|---|---|---|---|---|---|---|---|');
  for (const [index, row] of rows.entries()) {
    if (values.only && !values.only.split(',').some((name) => row.name.startsWith(name))) continue;
    const child = spawnSync(process.execPath, [import.meta.filename, '--row', String(index)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (child.status !== 0) continue;
    const { planned, peak, losses, seconds } = JSON.parse(child.stdout) as Measured;
    const purpose = row.checkpoint ? `${row.purpose}, checkpoint` : row.purpose;
    console.log(
      `| ${row.name} | ${row.engine} | ${purpose} | ${mib(planned)} | ${mib(peak)} | ${(peak / planned).toFixed(3)} | ` +
        `${losses.map((loss) => loss.toFixed(2)).join(' → ')} | ${seconds.toFixed(2)} |`,
    );
  }
}
