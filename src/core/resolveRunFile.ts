import type { ModelConfig } from '../protocol/modelConfig.ts';
import type {
  Replacement,
  ResolvedPhase,
  ResolvedRunFile,
  RunFile,
  RunFilePhase,
} from '../protocol/runFile.ts';
import { longestName, schemaVersion } from '../protocol/runFile.ts';
import { BiphaseError } from './errors.ts';
import { customDefaults, modelPresets, type RunDefaults } from './modelPresets.ts';
import { totalSteps } from './phases.ts';
import { deriveName, type NamedParent } from './runNames.ts';
import { worldDocumentCount } from './worldSource.ts';

/** What only the machine that runs it knows; without it the plan is as good as the file. */
export interface ResolveContext {
  /** Ids of the tokenizer, special ones included. */
  tokenizerSize?: number;
  /** The checkpoint that `from` names. */
  parent?: NamedParent;
}

function wrong(message: string): never {
  throw new BiphaseError('usage', message);
}

/** Defaults of the run file for a model: the preset's, or those for a shape of one's own. */
export function runDefaults(model: RunFile['model']): RunDefaults {
  return typeof model === 'string' ? modelPresets[model].defaults : customDefaults;
}

function resolveModel(
  file: RunFile,
  trainedVocab: number,
  length: number,
  context: ResolveContext,
): ModelConfig {
  const written = file.model;
  const common = { ropeTheta: 10_000, normEps: 1e-5, tieEmbeddings: false };
  const tokenizerSize = context.tokenizerSize ?? trainedVocab;
  if (typeof written === 'string') {
    const { shape, vocabSize } = modelPresets[written];
    return checkModel(
      { ...shape, ...common, vocabSize: vocabSize ?? tokenizerSize, context: length },
      context,
      length,
    );
  }
  const heads = written.heads;
  const headDim = written.headDim ?? written.hiddenSize / heads;
  if (!Number.isInteger(headDim))
    wrong(
      `"model.heads" (${heads}) does not divide "model.hiddenSize" (${written.hiddenSize}); give "model.headDim".`,
    );
  const config = {
    hiddenSize: written.hiddenSize,
    layers: written.layers,
    heads,
    kvHeads: written.kvHeads ?? heads,
    headDim,
    intermediateSize: written.intermediateSize,
    vocabSize: written.vocabSize ?? tokenizerSize,
    tieEmbeddings: written.tieEmbeddings ?? common.tieEmbeddings,
    ropeTheta: written.ropeTheta ?? common.ropeTheta,
    normEps: common.normEps,
    context: written.context ?? length,
  };
  return checkModel(config, context, length);
}

function checkModel(config: ModelConfig, context: ResolveContext, length: number): ModelConfig {
  if (config.headDim % 2 !== 0)
    wrong(`The head width of ${config.headDim} must be even: rotary positions need pairs.`);
  if (config.heads % config.kvHeads !== 0)
    wrong(`"model.kvHeads" (${config.kvHeads}) does not divide "model.heads" (${config.heads}).`);
  if (context.tokenizerSize !== undefined && config.vocabSize < context.tokenizerSize)
    wrong(`The tokenizer has ${context.tokenizerSize} ids, but "model.vocabSize" is ${config.vocabSize}.`);
  if (config.context < length)
    wrong(`"data.packing.length" (${length}) is more than "model.context" (${config.context}).`);
  return config;
}

/** A derived name is no longer than a written one may be; of many phases the last ones tell runs apart. */
function shortened(name: string): string {
  return name.length <= longestName ? name : `${name.slice(0, 60)}…${name.slice(61 - longestName)}`;
}

function sumsToOne(values: number[]): boolean {
  return Math.abs(values.reduce((a, b) => a + b, 0) - 1) < 1e-9;
}

function resolvePhase(phase: RunFilePhase, path: string): ResolvedPhase {
  const optimizer = phase.optimizer ?? 'keep';
  const { until } = phase;
  if (phase.objective === 'clm') return { objective: 'clm', until, optimizer };
  const ratio = phase.maskRatio ?? 0.4;
  const maskRatio: [number, number] = typeof ratio === 'number' ? [ratio, ratio] : ratio;
  if (maskRatio.some((r) => r <= 0))
    wrong(`"${path}.maskRatio" must be above 0: without a mask there is no loss.`);
  if (phase.objective === 'mixed' && !sumsToOne([phase.share.clm, phase.share.mlm]))
    wrong(`The shares of "${path}.share" do not add up to 1.`);
  const written = phase.replacement;
  const replacement: Replacement = written
    ? {
        mask: written.mask ?? Math.max(0, 1 - (written.random ?? 0) - (written.keep ?? 0)),
        random: written.random ?? 0,
        keep: written.keep ?? 0,
      }
    : { mask: 1, random: 0, keep: 0 };
  if (!sumsToOne([replacement.mask, replacement.random, replacement.keep]))
    wrong(`The shares of "${path}.replacement" do not add up to 1.`);
  const masking = { until, maskRatio, replacement, optimizer };
  return phase.objective === 'mixed'
    ? { objective: 'mixed', ...masking, share: phase.share }
    : { objective: 'mlm', ...masking };
}

function resolvePhases(phases: RunFilePhase[]): ResolvedPhase[] {
  phases.forEach((phase, index) => {
    if (index > 0 && phase.until <= phases[index - 1].until)
      wrong(
        `"phases[${index}].until" (${phase.until}) must be more than the phase's before (${phases[index - 1].until}): steps are absolute.`,
      );
  });
  return phases.map((phase, index) => resolvePhase(phase, `phases[${index}]`));
}

/** Warm-up and decay default to 2,000 steps as in the paper, at most a sixth of the run each. */
function resolveSchedule(file: RunFile, peak: number, steps: number): ResolvedRunFile['schedule'] {
  const share = Math.min(2000, Math.floor(steps / 6));
  const written = file.schedule ?? {};
  const schedule = {
    peak: written.peak ?? peak,
    warmup: written.warmup ?? share,
    decay: written.decay ?? share,
    shape: written.shape ?? ('linear' as const),
  };
  if (schedule.warmup + schedule.decay > steps)
    wrong(
      `"schedule.warmup" and "schedule.decay" together are ${schedule.warmup + schedule.decay} steps, more than the run's ${steps}.`,
    );
  return schedule;
}

function resolveData(file: RunFile, defaults: RunDefaults): ResolvedRunFile['data'] {
  const { source, column, tokens, tokenizer, packing, validation } = file.data;
  // Refused before anything is launched.
  worldDocumentCount(source);
  return {
    source,
    column: column ?? 'text',
    tokens: tokens ?? null,
    tokenizer:
      tokenizer ?? (file.from ? 'checkpoint' : { train: { vocabSize: defaults.tokenizerVocabSize } }),
    packing: {
      length: packing?.length ?? defaults.packingLength,
      sizes: packing?.sizes ?? 'random',
      documentAttention: packing?.documentAttention ?? false,
    },
    validation: { tokens: validation?.tokens ?? defaults.validationTokens },
  };
}

/** Vocabulary that the file itself tells: that of a tokenizer to be trained, or the default's. */
export function expectedVocabSize(file: RunFile): number {
  const tokenizer = file.data.tokenizer;
  return typeof tokenizer === 'object'
    ? tokenizer.train.vocabSize
    : runDefaults(file.model).tokenizerVocabSize;
}

/**
 * Fills in every default and checks what no single key can tell.
 * @throws BiphaseError `usage`, one sentence
 */
export function resolveRunFile(file: RunFile, context: ResolveContext = {}): ResolvedRunFile {
  const defaults = runDefaults(file.model);
  const phases = resolvePhases(file.phases);
  const steps = totalSteps(phases);
  const data = resolveData(file, defaults);
  const modelName = typeof file.model === 'string' ? file.model : 'custom';
  const from = file.from
    ? {
        checkpoint: file.from.checkpoint,
        optimizer: file.from.optimizer ?? ('keep' as const),
        schedule: file.from.schedule ?? ('restart' as const),
        data: file.from.data ?? ('continue' as const),
      }
    : null;
  const continued = from !== null && from.schedule === 'continue';
  const name = file.name ?? shortened(deriveName(modelName, phases, context.parent ?? null, continued));
  return {
    schema: schemaVersion,
    kind: 'pretrain',
    name,
    model: resolveModel(file, expectedVocabSize(file), data.packing.length, context),
    modelName,
    from,
    data,
    batch: { samples: file.batch?.samples ?? defaults.batchSamples },
    loss: { average: file.loss?.average ?? 'tokens' },
    phases,
    schedule: resolveSchedule(file, defaults.peak, steps),
    optimizer: {
      betas: file.optimizer?.betas ?? [0.9, 0.95],
      eps: file.optimizer?.eps ?? 1e-5,
      weightDecay: file.optimizer?.weightDecay ?? 0.1,
      decay: file.optimizer?.decay ?? 'all',
      clip: file.optimizer?.clip ?? 1,
    },
    checkpoints: {
      every: file.checkpoints?.every ?? Math.min(1000, Math.max(1, Math.ceil(steps / 5))),
      keep: file.checkpoints?.keep ?? 3,
      at: [...(file.checkpoints?.at ?? [])].sort((a, b) => a - b),
    },
    validate: { every: file.validate?.every ?? Math.min(500, Math.max(1, Math.ceil(steps / 10))) },
    nonFinite: file.nonFinite ?? 'stop',
    engine: {
      name: file.engine?.name ?? 'auto',
      precision: file.engine?.precision ?? 'auto',
      threads: file.engine?.threads ?? 'auto',
      microBatch: file.engine?.microBatch ?? 'auto',
    },
    seed: file.seed ?? 0,
  };
}
