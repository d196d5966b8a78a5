import fs from 'node:fs';
import path from 'node:path';
import { whyEpochs } from '../../core/epochs.ts';
import { BiphaseError, toBiphaseError } from '../../core/errors.ts';
import { parseRunFile } from '../../core/parseRunFile.ts';
import { totalSteps } from '../../core/phases.ts';
import { resolveRunFile } from '../../core/resolveRunFile.ts';
import { stagedSource } from '../../core/stagedSource.ts';
import { exitCodes, type Progress, runFiles, type Staged } from '../../protocol/runDirectory.ts';
import type { ResolvedRunFile, RunFile } from '../../protocol/runFile.ts';
import { pruneCheckpoints, type TrainerState, writeCheckpoint } from '../checkpoints/checkpointFolder.ts';
import { neededSamples, neededTokens } from '../data/dataNeed.ts';
import { SamplePacker } from '../data/packing.ts';
import { type PreparedData, prepareData } from '../data/prepareData.ts';
import { SampleStream } from '../data/sampleStream.ts';
import { openPretrainingModel } from '../model/openModel.ts';
import { Masker } from '../objectives/masking.ts';
import { machineIdentity } from './bundleIdentity.ts';
import { type ComputePlan, planCompute } from './computePlan.ts';
import { peakOf } from './peakRate.ts';
import { pinnedSource } from './pinnedSource.ts';
import { ProgressTicker } from './progressTicker.ts';
import { RunWriter } from './runWriter.ts';
import { begunSegments, checkNotBegun, nextSegment, readWrapperState } from './segments.ts';
import {
  checkpointTokenizer,
  checkStart,
  fillModel,
  findStart,
  firstState,
  lineageBefore,
  originRecord,
  resolvable,
  type Start,
  whyNotStraight,
} from './start.ts';
import { StopRequest, StopRequested } from './stopRequest.ts';
import { TrainingLoop, type TrainingState } from './trainingLoop.ts';
import { Validator } from './validation.ts';

export interface PretrainOptions {
  /** What the person wrote, not yet checked. */
  file: unknown;
  /** The copy, in the root's cache, of data that lay on the launching machine. */
  staged?: Staged | undefined;
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
  start: Start;
}

async function prepare(
  written: RunFile,
  options: PretrainOptions,
  ticker: ProgressTicker,
): Promise<Prepared> {
  const start = await findStart(written, options);
  const [named, context] = resolvable(written, start);
  const draft = resolveRunFile(named, context);
  // Before any work: a vocabulary that is trained later can only be smaller than planned here.
  if (start.kind === 'random') planCompute(draft);
  const tokenizer = draft.data.tokenizer === 'checkpoint' ? checkpointTokenizer(start) : draft.data.tokenizer;
  const samples = neededSamples(draft, firstState(start, draft));
  const { packing, column } = draft.data;
  const data = await prepareData(
    {
      source: sourceOf(draft, options),
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
  const file = resolveRunFile(named, { ...context, tokenizerSize: data.tokenizer.size });
  if (data.train.length < file.data.packing.length)
    throw new BiphaseError(
      'usage',
      `The corpus has ${data.train.length} training tokens, less than one block of ${file.data.packing.length}.`,
    );
  checkStart(start, file, data);
  return { file, plan: planCompute(file), data, start };
}

/** Where the text is read: the staged copy, or what the run's first segment read, or what the file says. */
function sourceOf(file: ResolvedRunFile, { staged, resume, runFolder }: PretrainOptions): string {
  if (staged) return stagedSource(staged.sha256);
  return (resume ? pinnedSource(runFolder) : undefined) ?? file.data.source;
}

function trainerState(state: TrainingState, prepared: Prepared, options: PretrainOptions): TrainerState {
  const { file, start, data } = prepared;
  return {
    schema: 1,
    run: options.runId,
    name: file.name,
    ...state,
    lineageSteps: state.step + lineageBefore(start, file),
    decayed: file.schedule.decay > 0 && state.step === totalSteps(file.phases),
    tokenizerHash: data.tokenizer.hash,
    trainHash: data.meta.trainHash,
    seed: file.seed,
  };
}

function writeResolved(writer: RunWriter, prepared: Prepared, staged: Staged | undefined): void {
  const { file, plan, data, start } = prepared;
  writer.resolved({
    schema: 1,
    segment: writer.segment,
    file,
    machine: machineIdentity(),
    engine: plan.engine,
    blas: plan.blas,
    precision: 'fp32',
    threads: plan.threads,
    microBatch: plan.microBatch,
    plannedBytes: plan.plannedBytes,
    /** What the process took before: the plan is what comes on top. */
    processBytes: process.memoryUsage.rss(),
    data: {
      source: data.source,
      ...(staged ? { stagedFrom: staged.from } : {}),
      folder: data.folder,
      corpusHash: data.corpusHash,
      trainHash: data.meta.trainHash,
      validationHash: data.meta.validationHash,
      trainTokens: data.meta.trainTokens,
      validationTokens: data.meta.validationTokens,
      tokenizerHash: data.tokenizer.hash,
      tokenizerSize: data.tokenizer.size,
    },
    from: originRecord(start, writer.folder),
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
      BLAS: plan.blas?.version,
      microBatch: plan.microBatch,
    };
    const was: Record<string, unknown> = {
      ...old.machine,
      engine: old.engine,
      BLAS: old.blas?.version,
      microBatch: old.microBatch,
    };
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
  const { file, plan, data, start } = prepared;
  const { runFolder } = options;
  ticker.doing(`starting: ${(plan.plannedBytes / 2 ** 30).toFixed(2)} GiB planned, engine ${plan.engine}`);
  const model = await openPretrainingModel({ config: file.model, ...plan });
  try {
    await fillModel(model, start, file);
    const state = firstState(start, file);
    if (options.resume)
      writer.event(
        state.step,
        'resume',
        whyNotBitExact(runFolder, writer.segment, plan) ?? `From step ${state.step}.`,
      );
    else {
      writer.event(state.step, 'start', file.name);
      const other = whyNotStraight(start, file, data);
      if (other) writer.event(state.step, 'branch', other);
      if (start.kind === 'from' && start.origin.state === null && file.from?.optimizer === 'keep')
        writer.event(
          state.step,
          'optimizer',
          `${start.origin.folder} has no optimizer state: the moments begin at zero, and the data at the first sample.`,
        );
    }
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
        peak: await peakOf(plan),
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
  if (!options.resume) checkNotBegun(runFolder);
  const stop = new StopRequest(runFolder);
  if (options.resume) stop.forget(readWrapperState(runFolder)?.startedAt ?? Date.now() / 1000);
  options.onStoppable(() => stop.ask());
  const writer = new RunWriter(runFolder, nextSegment(runFolder));
  const ticker = new ProgressTicker(writer, stop, totalSteps(written.phases), options.onProgress);
  try {
    ticker.doing('preparing data');
    const prepared = await prepare(written, options, ticker);
    writeResolved(writer, prepared, options.staged);
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
