import fs from 'node:fs';
import path from 'node:path';
import { whyEpochs } from '../../core/epochs.ts';
import { BiphaseError, toBiphaseError } from '../../core/errors.ts';
import { parseRunFile } from '../../core/parseRunFile.ts';
import { totalSteps } from '../../core/phases.ts';
import { resolveRunFile } from '../../core/resolveRunFile.ts';
import type { NamedParent } from '../../core/runNames.ts';
import { checkpointFiles, exitCodes, type Progress, runFiles } from '../../protocol/runDirectory.ts';
import type { ResolvedRunFile, RunFile } from '../../protocol/runFile.ts';
import {
  completeCheckpoints,
  pruneCheckpoints,
  readCheckpoint,
  readTrainerState,
  type TrainerState,
  writeCheckpoint,
} from '../checkpoints/checkpointFolder.ts';
import { neededSamples, neededTokens } from '../data/dataNeed.ts';
import { SamplePacker } from '../data/packing.ts';
import { type PreparedData, prepareData } from '../data/prepareData.ts';
import { SampleStream } from '../data/sampleStream.ts';
import { openPretrainingModel } from '../model/openModel.ts';
import type { PretrainingModel } from '../model/pretrainingModel.ts';
import { Masker } from '../objectives/masking.ts';
import { machineIdentity } from './bundleIdentity.ts';
import { type ComputePlan, planCompute } from './computePlan.ts';
import { checkSameShape, type Origin, readOrigin } from './origin.ts';
import { pinnedSource } from './pinnedSource.ts';
import { ProgressTicker } from './progressTicker.ts';
import { RunWriter } from './runWriter.ts';
import { begunSegments, nextSegment, readWrapperState } from './segments.ts';
import { StopRequest, StopRequested } from './stopRequest.ts';
import { TrainingLoop, type TrainingState } from './trainingLoop.ts';
import { Validator } from './validation.ts';

export interface PretrainOptions {
  /** What the person wrote, not yet checked. */
  file: unknown;
  /** Exists. */
  runFolder: string;
  /** Run id, or any label for a folder outside a root. */
  runId: string;
  /** Place of `cache/` and of the runs that `from` may name. */
  root: string;
  resume: boolean;
  onProgress(progress: Progress): void;
  /** One sentence that a person should read before the first step. */
  onNotice(sentence: string): void;
  /** Called once with what a signal handler has to call for a clean stop. */
  onStoppable(stop: () => void): void;
}

/** Everything that is known before the first update. */
interface Prepared {
  file: ResolvedRunFile;
  plan: ComputePlan;
  data: PreparedData;
  origin: Origin | null;
}

function namedParent(origin: Origin | null): NamedParent | undefined {
  if (!origin) return undefined;
  const { name, lineageSteps, decayed } = origin.state;
  return { name, steps: lineageSteps, decayed };
}

async function prepare(
  written: RunFile,
  options: PretrainOptions,
  ticker: ProgressTicker,
): Promise<Prepared> {
  const origin = written.from ? await readOrigin(written.from.checkpoint, options.root) : null;
  const parent = namedParent(origin);
  const draft = resolveRunFile(written, parent ? { parent } : {});
  // Before any work: a vocabulary that is trained later can only be smaller than planned here.
  if (!origin) planCompute(draft);
  const tokenizer =
    draft.data.tokenizer === 'checkpoint'
      ? path.join(origin?.folder ?? options.runFolder, checkpointFiles.tokenizer)
      : draft.data.tokenizer;
  if (draft.data.tokenizer === 'checkpoint' && !origin)
    throw new BiphaseError('usage', '"data.tokenizer" is "checkpoint", but the run file has no "from".');
  const samples = neededSamples(draft, firstState(draft, origin));
  const { packing, column } = draft.data;
  const data = await prepareData(
    {
      source: (options.resume ? pinnedSource(options.runFolder) : undefined) ?? draft.data.source,
      column,
      tokenizer,
      tokens: neededTokens(packing, samples, draft.data.tokens),
    },
    path.join(options.root, 'cache'),
    async (doing) => {
      if (ticker.now.doing !== doing) ticker.now.doing = doing;
      await ticker.tick();
    },
  );
  const file = resolveRunFile(written, { tokenizerSize: data.tokenizer.size, ...(parent ? { parent } : {}) });
  if (data.train.length < file.data.packing.length)
    throw new BiphaseError(
      'usage',
      `The corpus has ${data.train.length} training tokens, less than one block of ${file.data.packing.length}.`,
    );
  if (origin) {
    checkSameShape(file.model, origin);
    if (origin.state.tokenizerHash !== data.tokenizer.hash)
      throw new BiphaseError('usage', `The tokenizer is not the one of the checkpoint ${origin.folder}.`);
    if (file.from?.schedule === 'continue' && totalSteps(file.phases) <= origin.state.step)
      throw new BiphaseError(
        'usage',
        `The checkpoint is at step ${origin.state.step}, but the last phase ends at ${totalSteps(file.phases)}; with schedule: continue steps count on.`,
      );
  }
  return { file, plan: planCompute(file), data, origin };
}

/** The state that a run begins with: zero, or what `from` continues. */
export function firstState(file: ResolvedRunFile, origin: Origin | null): TrainingState {
  const zero = { step: 0, tokens: 0, samples: 0, elapsed: 0, optimizerStep: 0, validationPending: false };
  if (!origin || !file.from) return zero;
  const { state } = origin;
  const counted = file.from.schedule === 'continue' ? { step: state.step, tokens: state.tokens } : {};
  return {
    ...zero,
    ...counted,
    samples: file.from.data === 'continue' ? state.samples : 0,
    optimizerStep: file.from.optimizer === 'keep' ? state.optimizerStep : 0,
    // The curve begins with a point, whatever step it begins at.
    validationPending: true,
  };
}

/** Fills the model and returns where training begins. */
async function fillModel(
  model: PretrainingModel,
  prepared: Prepared,
  runFolder: string,
  resumeStep: number | undefined,
): Promise<TrainingState> {
  const { file, origin, data } = prepared;
  if (resumeStep !== undefined) {
    const folder = path.join(runFolder, runFiles.checkpoint(resumeStep));
    const { step, tokens, samples, elapsed, optimizerStep, validationPending, ...rest } =
      readTrainerState(folder);
    if (rest.tokenizerHash !== data.tokenizer.hash || rest.trainHash !== data.meta.trainHash)
      throw new BiphaseError(
        'usage',
        `The data of ${file.data.source} are not those that this run began with.`,
        {
          next: 'Restore the corpus, or continue from the checkpoint in a new run.',
        },
      );
    await readCheckpoint(folder, model, { optimizer: true });
    return { step, tokens, samples, elapsed, optimizerStep, validationPending };
  }
  await model.initialize(file.seed);
  if (origin) await readCheckpoint(origin.folder, model, { optimizer: file.from?.optimizer === 'keep' });
  return firstState(file, origin);
}

function trainerState(state: TrainingState, prepared: Prepared, options: PretrainOptions): TrainerState {
  const { file, origin, data } = prepared;
  const continued = file.from?.schedule === 'continue';
  return {
    schema: 1,
    run: options.runId,
    name: file.name,
    ...state,
    lineageSteps: state.step + (origin && !continued ? origin.state.lineageSteps : 0),
    decayed: file.schedule.decay > 0 && state.step === totalSteps(file.phases),
    tokenizerHash: data.tokenizer.hash,
    trainHash: data.meta.trainHash,
    seed: file.seed,
  };
}

function writeResolved(writer: RunWriter, prepared: Prepared): void {
  const { file, plan, data, origin } = prepared;
  writer.resolved({
    schema: 1,
    segment: writer.segment,
    file,
    machine: machineIdentity(),
    engine: plan.engine,
    threads: plan.threads,
    microBatch: plan.microBatch,
    plannedBytes: plan.plannedBytes,
    data: {
      source: data.source,
      folder: data.folder,
      corpusHash: data.corpusHash,
      trainHash: data.meta.trainHash,
      validationHash: data.meta.validationHash,
      trainTokens: data.meta.trainTokens,
      validationTokens: data.meta.validationTokens,
      tokenizerHash: data.tokenizer.hash,
      tokenizerSize: data.tokenizer.size,
    },
    from: origin && {
      folder: origin.folder,
      run: origin.state.run,
      step: origin.state.step,
      weightsHash: origin.hash,
    },
  });
}

/** What changed since the segment before, where that can change bits; undefined where nothing did. */
function whyNotBitExact(runFolder: string, segment: number, plan: ComputePlan): string | undefined {
  const before = begunSegments(runFolder)
    .filter((s) => s < segment)
    .at(-1);
  if (before === undefined) return undefined;
  try {
    const old = JSON.parse(fs.readFileSync(path.join(runFolder, runFiles.resolved(before)), 'utf8'));
    const now: Record<string, unknown> = {
      ...machineIdentity(),
      engine: plan.engine,
      microBatch: plan.microBatch,
    };
    const was: Record<string, unknown> = { ...old.machine, engine: old.engine, microBatch: old.microBatch };
    const changed = Object.keys(now).filter((key) => now[key] !== was[key]);
    return changed.length === 0
      ? undefined
      : `Not bit-exact with the segment before: ${changed.join(', ')} changed.`;
  } catch {
    return undefined;
  }
}

/** Tells a person, and the run's events, where text will be read again. */
function sayEpochs(
  { file, data }: Prepared,
  samplesPerEpoch: number,
  state: TrainingState,
  options: PretrainOptions,
  writer: RunWriter,
): void {
  const sentence = whyEpochs(data.train.length, neededSamples(file, state) / samplesPerEpoch);
  if (!sentence) return;
  writer.event(state.step, 'epochs', sentence);
  options.onNotice(sentence);
}

async function train(
  prepared: Prepared,
  options: PretrainOptions,
  writer: RunWriter,
  ticker: ProgressTicker,
) {
  const { file, plan, data } = prepared;
  const { runFolder } = options;
  const resumeStep = options.resume ? completeCheckpoints(runFolder).at(-1) : undefined;
  ticker.doing('starting');
  const model = await openPretrainingModel({ config: file.model, ...plan });
  try {
    const state = await fillModel(model, prepared, runFolder, resumeStep);
    if (options.resume)
      writer.event(
        state.step,
        'resume',
        whyNotBitExact(runFolder, writer.segment, plan) ?? `From step ${state.step}.`,
      );
    else writer.event(state.step, 'start', file.name);
    const packer = new SamplePacker(data.train, file.data.packing, file.seed, { shuffle: true });
    if (!options.resume) sayEpochs(prepared, packer.samplesPerEpoch, state, options, writer);
    const samples = new SampleStream(packer, data.train, state.samples, file.batch.samples);
    await samples.ready();
    Object.assign(ticker.now, { step: state.step, tokens: state.tokens });
    const common = {
      microBatch: plan.microBatch,
      documentAttention: file.data.packing.documentAttention,
      eos: data.tokenizer.eos,
    };
    const loop = new TrainingLoop(
      {
        file,
        model,
        writer,
        ticker,
        samples,
        rules: { ...common, masker: new Masker(file.seed, data.tokenizer) },
        validator: new Validator(file, data.validation, { ...common, masker: new Masker(0, data.tokenizer) }),
        save: async (now) => {
          await writeCheckpoint(runFolder, trainerState(now, prepared, options), model, data.tokenizer);
          pruneCheckpoints(runFolder, file.checkpoints.keep, file.checkpoints.at);
          writer.event(now.step, 'checkpoint', runFiles.checkpoint(now.step));
        },
      },
      state,
    );
    const outcome = await loop.run();
    if (outcome === 'finished') writer.event(loop.state.step, 'finish');
    ticker.now.secondsLeft = outcome === 'finished' ? 0 : null;
    return outcome;
  } finally {
    data.train.close();
    await model.close();
  }
}

/** Says the failure in the run's own files as far as they can still be written. */
function recordFailure(error: BiphaseError, writer: RunWriter, ticker: ProgressTicker): void {
  try {
    writer.event(ticker.now.step, 'error', error.message);
  } catch {
    // The disk is full or the folder is gone: the sentence goes to stderr all the same.
  }
}

/**
 * One segment of a pretraining run in its folder. Returns the exit code: finished or stopped.
 * @throws BiphaseError with one sentence; `usage` where the run file or its data cannot be
 */
export async function runPretraining(options: PretrainOptions): Promise<number> {
  const written = parseRunFile(options.file);
  const { runFolder } = options;
  if (!options.resume && begunSegments(runFolder).length > 0)
    throw new BiphaseError('usage', `The run in ${runFolder} has begun already.`, {
      next: 'Add --resume to go on.',
    });
  const stop = new StopRequest(runFolder);
  if (options.resume) stop.forget(readWrapperState(runFolder)?.startedAt ?? Date.now() / 1000);
  options.onStoppable(() => stop.ask());
  const writer = new RunWriter(runFolder, nextSegment(runFolder));
  const ticker = new ProgressTicker(writer, stop, totalSteps(written.phases), options.onProgress);
  try {
    ticker.doing('preparing data');
    const prepared = await prepare(written, options, ticker);
    writeResolved(writer, prepared);
    const outcome = await train(prepared, options, writer, ticker);
    ticker.doing(outcome === 'finished' ? 'done' : 'stopped');
    stop.done();
    return outcome === 'finished' ? exitCodes.finished : exitCodes.stopped;
  } catch (thrown) {
    if (thrown instanceof StopRequested) {
      writer.event(0, 'stop', 'Stopped before the first step.');
      ticker.doing('stopped');
      stop.done();
      return exitCodes.stopped;
    }
    const error = toBiphaseError(thrown);
    recordFailure(error, writer, ticker);
    throw error;
  } finally {
    writer.close();
  }
}
