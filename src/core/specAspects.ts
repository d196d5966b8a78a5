import type { ResolvedPhase, ResolvedRunFile } from '../protocol/runFile.ts';
import { formatCompact, formatCount, formatLearningRate, formatShare } from './numberFormat.ts';
import { parameterCounts } from './parameterCounts.ts';
import { objectiveName, stepsName } from './runNames.ts';

/** Why two runs differ: another setup, other data, other code, another seed, or only another place. */
export const reasons = ['setup', 'data', 'code', 'seed', 'place'] as const;
export type Reason = (typeof reasons)[number];

/** One thing by which runs are told apart. It is compared as it is shown, so its text is exact. */
export interface Aspect<T> {
  reason: Reason;
  section: string;
  label: string;
  of: (of: T) => string;
}

type Labelled<T> = readonly [label: string, of: (of: T) => string];

function aspectsOf<T>(reason: Reason, section: string, list: readonly Labelled<T>[]): Aspect<T>[] {
  return list.map(([label, of]) => ({ reason, section, label, of }));
}

const yesNo = (value: boolean): string => (value ? 'yes' : 'no');

export const modelAspects = aspectsOf<ResolvedRunFile>('setup', 'Model', [
  ['model', ({ modelName }) => modelName],
]);

/** Of a preset its name says all of this. */
export const shapeAspects = aspectsOf<ResolvedRunFile>('setup', 'Model', [
  ['hidden size', ({ model }) => formatCount(model.hiddenSize)],
  ['layers', ({ model }) => formatCount(model.layers)],
  ['heads', ({ model }) => formatCount(model.heads)],
  ['key/value heads', ({ model }) => formatCount(model.kvHeads)],
  ['head width', ({ model }) => formatCount(model.headDim)],
  ['feed-forward width', ({ model }) => formatCount(model.intermediateSize)],
  ['rows of the embedding', embeddingRows],
  ['tied embeddings', ({ model }) => yesNo(model.tieEmbeddings)],
  ['rotary base', ({ model }) => String(model.ropeTheta)],
  ['norm ε', ({ model }) => String(model.normEps)],
  [
    'longest sample',
    ({ model, data }) =>
      model.context === data.packing.length ? 'the block length' : formatCount(model.context),
  ],
]);

export const fileAspects: readonly Aspect<ResolvedRunFile>[] = [
  ...aspectsOf<ResolvedRunFile>('setup', 'Start', [['starts from', startText]]),
  ...aspectsOf<ResolvedRunFile>('data', 'Data', [
    ['data', ({ data }) => data.source],
    ['text column', ({ data }) => data.column],
    ['training tokens at most', ({ data }) => (data.tokens === null ? 'no limit' : formatCount(data.tokens))],
    ['tokenizer', tokenizerText],
    ['block length', ({ data }) => `${formatCount(data.packing.length)} tokens`],
    ['sample sizes', ({ data }) => data.packing.sizes],
    ['attention within documents only', ({ data }) => yesNo(data.packing.documentAttention)],
    ['validation tokens at most', ({ data }) => formatCount(data.validation.tokens)],
  ]),
  ...aspectsOf<ResolvedRunFile>('setup', 'Batch and loss', [
    ['batch', ({ batch }) => `${formatCount(batch.samples)} samples`],
    ['loss averaged over', ({ loss }) => (loss.average === 'tokens' ? 'tokens' : 'micro-batches')],
  ]),
];

export const laterAspects: readonly Aspect<ResolvedRunFile>[] = [
  ...aspectsOf<ResolvedRunFile>('setup', 'Schedule', [
    ['peak learning rate', ({ schedule }) => formatLearningRate(schedule.peak)],
    ['warm-up', ({ schedule }) => `${formatCount(schedule.warmup)} steps`],
    ['decay', ({ schedule }) => `${formatCount(schedule.decay)} steps`],
    ['shape of the decay', ({ schedule }) => schedule.shape],
  ]),
  ...aspectsOf<ResolvedRunFile>('setup', 'Optimizer', [
    ["AdamW's β₁ and β₂", ({ optimizer }) => optimizer.betas.join(' and ')],
    ["AdamW's ε", ({ optimizer }) => String(optimizer.eps)],
    ['weight decay', ({ optimizer }) => String(optimizer.weightDecay)],
    ['weight decay of', ({ optimizer }) => (optimizer.decay === 'all' ? 'all parameters' : 'matrices')],
    ['gradient clip', ({ optimizer }) => (optimizer.clip === 0 ? 'off' : String(optimizer.clip))],
  ]),
  ...aspectsOf<ResolvedRunFile>('setup', 'Checkpoints and validation', [
    ['checkpoint every', ({ checkpoints }) => `${formatCount(checkpoints.every)} steps`],
    ['checkpoints kept', ({ checkpoints }) => formatCount(checkpoints.keep)],
    ['checkpoints always kept', ({ checkpoints }) => checkpoints.at.map(formatCount).join('; ') || 'none'],
    ['validation every', ({ validate }) => `${formatCount(validate.every)} steps`],
    ['non-finite loss or gradient', ({ nonFinite }) => (nonFinite === 'stop' ? 'stops' : 'is skipped')],
  ]),
  ...aspectsOf<ResolvedRunFile>('seed', 'Seed', [['seed', ({ seed }) => String(seed)]]),
];

export const phaseAspects = aspectsOf<ResolvedPhase>('setup', 'Phases', [
  ['ends at step', (phase) => formatCount(phase.until)],
  ['masked', (phase) => (phase.objective === 'clm' ? '' : maskText(phase))],
  ['mask, random and kept', (phase) => (phase.objective === 'clm' ? '' : replacementText(phase))],
  ['CLM and MLM', (phase) => (phase.objective === 'mixed' ? shareText(phase) : '')],
  ["AdamW's moments", (phase) => phase.optimizer],
]);

/** What a comparison says beside what tells experiments apart: sums of it, and how it is computed. */
export const overviewAspects: readonly Aspect<ResolvedRunFile>[] = [
  ...aspectsOf<ResolvedRunFile>('setup', 'Model', [
    ['parameters', ({ model }) => formatCompact(parameterCounts(model).total)],
  ]),
  ...aspectsOf<ResolvedRunFile>('setup', 'Phases', [
    [
      'objectives',
      ({ phases }) => phases.map((phase) => `${objectiveName(phase)}-${stepsName(phase.until)}`).join(' → '),
    ],
  ]),
];

export const engineAspects = aspectsOf<ResolvedRunFile>('place', 'Place', [
  ['engine', ({ engine }) => engine.name],
  ['precision', ({ engine }) => engine.precision],
  ['threads', ({ engine }) => String(engine.threads)],
  ['samples a pass', ({ engine }) => String(engine.microBatch)],
]);

export function phaseText(phase: ResolvedPhase, start: number): string {
  const masked = phase.objective === 'clm' ? '' : `, ${maskText(phase)} masked`;
  return `${phase.objective}${masked}, steps ${formatCount(start)} to ${formatCount(phase.until)}`;
}

type MaskingPhase = Exclude<ResolvedPhase, { objective: 'clm' }>;

function maskText({ maskRatio }: MaskingPhase): string {
  return [...new Set(maskRatio)].map(formatShare).join(' to ');
}

function replacementText({ replacement: { mask, random, keep } }: MaskingPhase): string {
  return [mask, random, keep].map(formatShare).join(', ');
}

function shareText({ share: { clm, mlm } }: Extract<ResolvedPhase, { objective: 'mixed' }>): string {
  return `${formatShare(clm)} and ${formatShare(mlm)}`;
}

function startText({ from }: ResolvedRunFile): string {
  if (!from) return 'random weights';
  return [
    from.checkpoint,
    ...(from.optimizer === 'fresh' ? ['fresh moments'] : []),
    ...(from.schedule === 'continue' ? ['schedule continued'] : []),
    ...(from.data === 'restart' ? ['samples from the first on'] : []),
  ].join(', ');
}

function tokenizerText({ data: { tokenizer } }: ResolvedRunFile): string {
  return typeof tokenizer === 'string'
    ? tokenizer
    : `trained, ${formatCount(tokenizer.train.vocabSize)} tokens`;
}

function embeddingRows({ model, data: { tokenizer } }: ResolvedRunFile): string {
  const own = typeof tokenizer === 'string' || tokenizer.train.vocabSize !== model.vocabSize;
  return own ? formatCount(model.vocabSize) : "the tokenizer's size";
}
