import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseRunFile } from '../../src/core/parseRunFile.ts';
import { totalSteps } from '../../src/core/phases.ts';
import { resolveRunFile } from '../../src/core/resolveRunFile.ts';
import type { EventLine, MetricLine } from '../../src/protocol/runDirectory.ts';
import { runFiles } from '../../src/protocol/runDirectory.ts';
import type { ResolvedRunFile } from '../../src/protocol/runFile.ts';
import { SamplePacker, type TokenSource } from '../../src/trainer/data/packing.ts';
import { SampleStream } from '../../src/trainer/data/sampleStream.ts';
import { openPretrainingModel } from '../../src/trainer/model/openModel.ts';
import type { AdamWStep, PackedBatch, PretrainingModel } from '../../src/trainer/model/pretrainingModel.ts';
import { Masker, type MaskTokens } from '../../src/trainer/objectives/masking.ts';
import { ProgressTicker } from '../../src/trainer/training/progressTicker.ts';
import { RunWriter } from '../../src/trainer/training/runWriter.ts';
import { StopRequest } from '../../src/trainer/training/stopRequest.ts';
import { TrainingLoop } from '../../src/trainer/training/trainingLoop.ts';
import { Validator } from '../../src/trainer/training/validation.ts';
import { noise } from './models.ts';

export const eos = 1;
export const maskToken = 2;
/** 0, eos, mask and 3 are special. */
export const tinyTokens: MaskTokens = { mask: maskToken, special: new Set([0, eos, maskToken, 3]), size: 61 };

/** Random ordinary ids, an eos after every tenth or so. */
export function tinyCorpus(length: number): TokenSource {
  const random = noise(length, 'tiny corpus');
  const ids = Int32Array.from(random, (x) => (x > 0.8 ? eos : 4 + Math.floor(((x + 1) / 2) * 57)));
  return { length, read: (start, target) => target.set(ids.subarray(start, start + target.length)) };
}

/** One forward and backward pass as the model was asked for it. */
export interface RecordedPass {
  /** Updates made before. */
  step: number;
  batch: PackedBatch;
  gradientScale: number;
}

export interface RecordedRun {
  file: ResolvedRunFile;
  passes: RecordedPass[];
  /** With whether both moments were all zeros before. */
  updates: (AdamWStep & { momentsZero: boolean })[];
  evaluations: PackedBatch[];
  /** At the end, by parameter. */
  weights: Map<string, Float32Array>;
  lines: MetricLine[];
  events: EventLine[];
  /** What ended it other than the last step. */
  error: unknown;
}

/** What a run file says beside its phases, in the smallest size that trains. */
const tiny = {
  model: { hiddenSize: 8, layers: 1, heads: 2, intermediateSize: 12 },
  data: { source: 'world', packing: { length: 32 }, validation: { tokens: 64 } },
  batch: { samples: 8 },
  schedule: { warmup: 0, decay: 0, peak: 1e-2 },
};

/**
 * Trains on the reference engine, or on what `wrap` makes of it, and keeps everything that the model was asked for.
 * `written` goes over the defaults of a tiny run.
 */
export async function recordedRun(
  written: Record<string, unknown>,
  wrap: (model: PretrainingModel) => PretrainingModel = (model) => model,
  microBatch = 3,
): Promise<RecordedRun> {
  const file = resolveRunFile(parseRunFile({ ...tiny, ...written }), { tokenizerSize: tinyTokens.size });
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-recorded-'));
  const limits = { tokens: 256, length: 32, samples: 256, lossPositions: 256 };
  const trained = await openPretrainingModel({ config: file.model, limits, engine: 'reference', threads: 1 });
  const run: RecordedRun = {
    ...{ file, passes: [], updates: [], evaluations: [], lines: [], events: [], error: undefined },
    weights: new Map(),
  };
  const writer = new RunWriter(folder, 0);
  try {
    await trained.initialize(file.seed);
    const inner = wrap(trained);
    const momentsZero = async (): Promise<boolean> => {
      for (const { name } of trained.parameters)
        for (const kind of ['firstMoment', 'secondMoment'] as const)
          if ((await trained.read(name, kind)).some((x) => x !== 0)) return false;
      return true;
    };
    const model: PretrainingModel = Object.assign(Object.create(inner) as PretrainingModel, {
      forwardBackward: async (batch: PackedBatch, gradientScale: number) => {
        run.passes.push({ step: loop.state.step, batch, gradientScale });
        return await inner.forwardBackward(batch, gradientScale);
      },
      adamW: async (step: AdamWStep) => {
        run.updates.push({ ...step, momentsZero: await momentsZero() });
        return await inner.adamW(step);
      },
      evaluate: async (batch: PackedBatch) => {
        run.evaluations.push(batch);
        return await inner.evaluate(batch);
      },
    });
    const rules = { microBatch, documentAttention: file.data.packing.documentAttention, eos };
    const corpus = tinyCorpus(5000);
    const packer = new SamplePacker(corpus, file.data.packing, file.seed, { shuffle: true });
    const later = { readLater: async (start: number, target: Int32Array) => corpus.read(start, target) };
    const loop: TrainingLoop = new TrainingLoop(
      {
        ...{ file, model, writer, peak: null, save: async () => {} },
        ticker: new ProgressTicker(writer, new StopRequest(folder), totalSteps(file.phases), () => {}),
        samples: new SampleStream(packer, later, 0, file.batch.samples),
        rules: { ...rules, masker: new Masker(file.seed, tinyTokens) },
        validator: new Validator(file, tinyCorpus(300), { ...rules, masker: new Masker(0, tinyTokens) }),
      },
      { step: 0, tokens: 0, samples: 0, elapsed: 0, optimizerStep: 0, validationPending: false },
    );
    await loop.run().catch((error: unknown) => {
      run.error = error;
    });
    for (const { name } of trained.parameters) run.weights.set(name, await trained.read(name, 'weight'));
    run.lines = readLines<MetricLine>(path.join(folder, runFiles.metrics));
    run.events = readLines<EventLine>(path.join(folder, runFiles.events));
    return run;
  } finally {
    writer.close();
    await trained.close();
    fs.rmSync(folder, { recursive: true });
  }
}

function readLines<T>(file: string): T[] {
  const lines = fs.readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as T);
}
