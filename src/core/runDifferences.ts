import type { ResolvedPhase, ResolvedRunFile } from '../protocol/runFile.ts';
import { formatCount, formatLearningRate, formatShare } from './numberFormat.ts';
import { phaseStart } from './phases.ts';

/** One thing by which runs are told apart. It is compared as it is shown, so its text is exact. */
type Aspect<T> = readonly [label: string, of: (of: T) => string];

const yesNo = (value: boolean): string => (value ? 'yes' : 'no');

/** Of a preset its name says all of this. */
const shapeAspects: readonly Aspect<ResolvedRunFile>[] = [
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
];

const aspects: readonly Aspect<ResolvedRunFile>[] = [
  ['starts from', startText],
  ['data', ({ data }) => data.source],
  ['text column', ({ data }) => data.column],
  ['training tokens at most', ({ data }) => (data.tokens === null ? 'no limit' : formatCount(data.tokens))],
  ['tokenizer', tokenizerText],
  ['block length', ({ data }) => `${formatCount(data.packing.length)} tokens`],
  ['sample sizes', ({ data }) => data.packing.sizes],
  ['attention within documents only', ({ data }) => yesNo(data.packing.documentAttention)],
  ['validation tokens at most', ({ data }) => formatCount(data.validation.tokens)],
  ['batch', ({ batch }) => `${formatCount(batch.samples)} samples`],
  ['loss averaged over', ({ loss }) => (loss.average === 'tokens' ? 'tokens' : 'micro-batches')],
];

const laterAspects: readonly Aspect<ResolvedRunFile>[] = [
  ['peak learning rate', ({ schedule }) => formatLearningRate(schedule.peak)],
  ['warm-up', ({ schedule }) => `${formatCount(schedule.warmup)} steps`],
  ['decay', ({ schedule }) => `${formatCount(schedule.decay)} steps`],
  ['shape of the decay', ({ schedule }) => schedule.shape],
  ["AdamW's β₁ and β₂", ({ optimizer }) => optimizer.betas.join(' and ')],
  ["AdamW's ε", ({ optimizer }) => String(optimizer.eps)],
  ['weight decay', ({ optimizer }) => String(optimizer.weightDecay)],
  ['weight decay of', ({ optimizer }) => (optimizer.decay === 'all' ? 'all parameters' : 'matrices')],
  ['gradient clip', ({ optimizer }) => (optimizer.clip === 0 ? 'off' : String(optimizer.clip))],
  ['checkpoint every', ({ checkpoints }) => `${formatCount(checkpoints.every)} steps`],
  ['checkpoints kept', ({ checkpoints }) => formatCount(checkpoints.keep)],
  ['checkpoints always kept', ({ checkpoints }) => checkpoints.at.map(formatCount).join('; ') || 'none'],
  ['validation every', ({ validate }) => `${formatCount(validate.every)} steps`],
  ['non-finite loss or gradient', ({ nonFinite }) => (nonFinite === 'stop' ? 'stops' : 'is skipped')],
  ['seed', ({ seed }) => String(seed)],
];

const phaseAspects: readonly Aspect<ResolvedPhase>[] = [
  ['ends at step', (phase) => formatCount(phase.until)],
  ['masked', (phase) => (phase.objective === 'clm' ? '' : maskText(phase))],
  ['mask, random and kept', (phase) => (phase.objective === 'clm' ? '' : replacementText(phase))],
  ['CLM and MLM', (phase) => (phase.objective === 'mixed' ? shareText(phase) : '')],
  ["AdamW's moments", (phase) => phase.optimizer],
];

/**
 * What makes a run another experiment than one before it, as "peak learning rate: 1e-3 → 3e-3". Defaults count as if
 * they were written out. The name and how it is computed (engine, threads, micro-batch) are left out.
 */
export function runDifferences(before: ResolvedRunFile, now: ResolvedRunFile): string[] {
  const ownShape = [before, now].some(({ modelName }) => modelName === 'custom');
  return [
    ...changes([['model', (file) => file.modelName]], before, now),
    ...(ownShape ? changes(shapeAspects, before, now) : []),
    ...changes(aspects, before, now),
    ...phaseChanges(before.phases, now.phases),
    ...changes(laterAspects, before, now),
  ];
}

function changes<T>(of: readonly Aspect<T>[], before: T, now: T): string[] {
  return of
    .map(([label, text]) => ({ label, old: text(before), fresh: text(now) }))
    .filter(({ old, fresh }) => old !== fresh)
    .map(({ label, old, fresh }) => `${label}: ${old} → ${fresh}`);
}

/** Phases at both ends that have the same objective are the same phase; of the others the old ones were removed. */
function phaseChanges(before: readonly ResolvedPhase[], now: readonly ResolvedPhase[]): string[] {
  const shorter = Math.min(before.length, now.length);
  const same = (i: number, j: number): boolean => before.at(i)?.objective === now.at(j)?.objective;
  let first = 0;
  while (first < shorter && same(first, first)) first++;
  let last = 0;
  while (last < shorter - first && same(-1 - last, -1 - last)) last++;
  const pairs = [
    ...Array.from({ length: first }, (_, i): [number, number] => [i, i]),
    ...Array.from({ length: last }, (_, i): [number, number] => [
      before.length - last + i,
      now.length - last + i,
    ]),
  ];
  const changed = pairs.flatMap(([i, j]) =>
    changes(phaseAspects, before[i], now[j]).map(
      (change) => `phase ${j + 1} (${now[j].objective}), ${change}`,
    ),
  );
  const between = (phases: readonly ResolvedPhase[], what: string): string[] =>
    phases
      .slice(first, phases.length - last)
      .map((phase, i) => `phase ${what}: ${phaseText(phase, phaseStart(phases, first + i))}`);
  return [...between(before, 'removed'), ...between(now, 'added'), ...changed];
}

function phaseText(phase: ResolvedPhase, start: number): string {
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
