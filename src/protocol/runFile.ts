import * as z from 'zod';

/** Version of every file and message schema; a newer major one is shown read-only. */
export const schemaVersion = 1;

const positive = z.number().int().positive();
/** Of one dimension of a model: far above any real one, low enough that planning a refused one takes no time. */
const dimension = positive.max(0x100000);
/** Steps are stored as 32-bit numbers. */
const lastStep = positive.max(0xffffffff);
const unit = z.number().min(0).max(1);
/** Adam's β: at 1 nothing would ever be forgotten, and its bias correction divides by 0. */
const beta = z.number().min(0).lt(1);
/** Characters of a run's name. */
export const longestName = 200;
/** Written on terminals, in trees and in titles: no control characters, and none that turn the direction of text. */
const labelPattern = /^[^\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]*$/u;

/** Sizes that `model:` may name; their shapes are in `core/modelPresets.ts`. */
export const modelPresetNames = ['micro', 'mini', 'small', '210m', '610m', '1b'] as const;

const modelShape = z.strictObject({
  hiddenSize: dimension.describe('Width of the residual stream.'),
  layers: positive.max(4096).describe('Number of transformer blocks.'),
  heads: dimension.describe('Query heads.'),
  kvHeads: dimension.optional().describe('Key/value heads; divides heads. Default: heads.'),
  headDim: dimension.optional().describe('Width of one head, even. Default: hiddenSize / heads.'),
  intermediateSize: dimension.describe('Width of the SwiGLU feed-forward.'),
  vocabSize: positive
    .max(0x1000000)
    .optional()
    .describe("Rows of the embedding. Default: the tokenizer's size."),
  tieEmbeddings: z.boolean().optional().describe('Head = input embedding transposed. Default: false.'),
  ropeTheta: z.number().positive().optional().describe('Base of the rotary positions. Default: 10000.'),
  context: dimension.optional().describe('Longest sample. Default: packing.length.'),
});

const maskRatio = z
  .union([unit, z.tuple([unit, unit])])
  .optional()
  .describe('Share of the tokens that are chosen, or [from, to] over the phase. Default: 0.4.');

const replacement = z
  .strictObject({ mask: unit.optional(), random: unit.optional(), keep: unit.optional() })
  .optional()
  .describe(
    'What becomes of a chosen token: the mask, a random ordinary token, or itself; adds up to 1. Default: {mask: 1, random: 0, keep: 0}.',
  );

const phaseOptimizer = z
  .enum(['keep', 'fresh'])
  .optional()
  .describe("fresh: AdamW's moments begin at zero with this phase. Default: keep.");

const phase = z.discriminatedUnion('objective', [
  z.strictObject({
    objective: z
      .literal('clm')
      .describe('Causal language modeling: predict the next token, attend to the left.'),
    until: lastStep.describe('Absolute step at which this phase ends.'),
    optimizer: phaseOptimizer,
  }),
  z.strictObject({
    objective: z
      .literal('mlm')
      .describe('Masked language modeling: predict chosen tokens, attend both ways.'),
    until: lastStep.describe('Absolute step at which this phase ends.'),
    maskRatio,
    replacement,
    optimizer: phaseOptimizer,
  }),
  z.strictObject({
    objective: z.literal('mixed').describe('Both objectives in one batch, by share of its samples.'),
    until: lastStep.describe('Absolute step at which this phase ends.'),
    share: z.strictObject({ clm: unit, mlm: unit }).describe('Shares of the samples; add up to 1.'),
    maskRatio,
    replacement,
    optimizer: phaseOptimizer,
  }),
]);

/** A run file as a person writes it (`*.run.yaml`): every key but model, data.source and phases has a default. */
export const runFileSchema = z.strictObject({
  schema: z.literal(schemaVersion).optional().describe('Version of this file format.'),
  kind: z.literal('pretrain').optional().describe('Kind of run.'),
  name: z
    .string()
    .min(1)
    .max(longestName)
    .regex(labelPattern, 'must be one line without control characters')
    .optional()
    .describe('A label. Default: derived, as the paper names runs.'),
  model: z.union([z.enum(modelPresetNames), modelShape]).describe('A preset or a shape of your own.'),
  from: z
    .strictObject({
      checkpoint: z
        .string()
        .min(1)
        .describe(
          '<run id>@<step>, or a folder on the node: a checkpoint, or a EuroBERT as transformers keeps it.',
        ),
      optimizer: z
        .enum(['keep', 'fresh'])
        .optional()
        .describe('Moments of AdamW. Default: keep; fresh where the folder has none.'),
      schedule: z
        .enum(['continue', 'restart'])
        .optional()
        .describe(
          "continue: steps count on from the checkpoint's, as if its run had been this one; restart: warm-up and decay of this run's own. Default: restart.",
        ),
      data: z.enum(['continue', 'restart']).optional().describe('Order of the samples. Default: continue.'),
    })
    .optional()
    .describe('Start from a checkpoint instead of random weights.'),
  data: z
    .strictObject({
      source: z
        .string()
        .min(1)
        .describe(
          'world (built in), a path on the node, local:PATH (on the machine that launches; copied to the node once), hub:OWNER/NAME[/CONFIG][@REVISION], or cache:SHA256 (a copy that is there).',
        ),
      column: z
        .string()
        .min(1)
        .optional()
        .describe('Column of parquet files, or key of JSON lines, that holds the text. Default: text.'),
      tokens: positive
        .optional()
        .describe(
          "Training tokens at most, from the source's beginning; a longer run reads them again. Default: all of the source, tokenized as far as the run needs.",
        ),
      tokenizer: z
        .union([
          z.string().min(1),
          z.strictObject({ train: z.strictObject({ vocabSize: positive.min(260).max(0x1000000) }) }),
        ])
        .optional()
        .describe(
          "A path to tokenizer.json, hub:OWNER/NAME[@REVISION], checkpoint (the one of `from`), or {train: {vocabSize}} for byte-level BPE on the corpus. Default: the checkpoint's with `from`, else train 8192 (micro 1024, mini 4096).",
        ),
      packing: z
        .strictObject({
          length: dimension
            .min(8)
            .optional()
            .describe('Tokens of a block. Default: 2048 (micro 128, mini 256, small and own shapes 512).'),
          sizes: z
            .enum(['random', 'fixed'])
            .optional()
            .describe('random: each block is cut in two at a random place. Default: random.'),
          documentAttention: z
            .boolean()
            .optional()
            .describe('true: documents of one sample do not see each other. Default: false.'),
        })
        .optional()
        .describe('How documents become samples.'),
      validation: z
        .strictObject({
          tokens: positive
            .optional()
            .describe(
              'Held out by document hash, at most. Default: 200000 (micro 8192, mini 32768, small 65536).',
            ),
        })
        .optional()
        .describe('Documents that no run trains on.'),
    })
    .describe('What the run reads.'),
  batch: z
    .strictObject({
      samples: dimension.describe(
        'Samples an update, over all devices; a block gives two with random sizes. Default: 2304 (micro and mini 32, small and own shapes 64).',
      ),
    })
    .optional()
    .describe('Global batch.'),
  loss: z
    .strictObject({ average: z.enum(['tokens', 'microbatch']).optional().describe('Default: tokens.') })
    .optional()
    .describe('How the loss is averaged.'),
  phases: z.array(phase).min(1).max(1000).describe('Objectives in order; steps are absolute.'),
  schedule: z
    .strictObject({
      peak: z
        .number()
        .positive()
        .optional()
        .describe('Peak learning rate. Default: 5e-4 (micro 5e-3, mini 2e-3, small 1e-3).'),
      warmup: z
        .number()
        .int()
        .min(0)
        .optional()
        .describe('Steps of linear warm-up. Default: 2000, at most a sixth of the run.'),
      decay: z
        .number()
        .int()
        .min(0)
        .optional()
        .describe('Last steps, falling to 0. Default: 2000, at most a sixth of the run.'),
      shape: z.enum(['linear', '1-sqrt']).optional().describe('Shape of the decay. Default: linear.'),
    })
    .optional()
    .describe('Warm-up, stable, decay.'),
  optimizer: z
    .strictObject({
      betas: z.tuple([beta, beta]).optional().describe('Default: [0.9, 0.95].'),
      eps: z.number().positive().optional().describe('Default: 1e-5.'),
      weightDecay: z.number().min(0).optional().describe('Default: 0.1.'),
      decay: z
        .enum(['all', 'matrices'])
        .optional()
        .describe('Which parameters decay. Default: all (the paper).'),
      clip: z.number().min(0).optional().describe('Maximum gradient norm, 0 = off. Default: 1.'),
    })
    .optional()
    .describe('AdamW.'),
  checkpoints: z
    .strictObject({
      every: positive.optional().describe('Default: 1000, at most a fifth of the run.'),
      keep: positive.optional().describe('Newest that are kept beside those in `at`. Default: 3.'),
      at: z.array(positive).optional().describe('Steps whose checkpoints are always kept.'),
    })
    .optional()
    .describe('When weights and optimizer state are saved.'),
  validate: z
    .strictObject({ every: positive.optional().describe('Default: 500, at most a tenth of the run.') })
    .optional()
    .describe('Validation.'),
  nonFinite: z
    .enum(['stop', 'skip'])
    .optional()
    .describe('What a non-finite loss or gradient does. Default: stop.'),
  engine: z
    .strictObject({
      name: z
        .enum(['auto', 'reference', 'wasm', 'blas'])
        .optional()
        .describe(
          'blas: matrix products by OpenBLAS, MKL or Accelerate of the node. Default: auto (blas where there is one and the model is wide enough to gain, else wasm).',
        ),
      precision: z.enum(['auto', 'fp32']).optional().describe('Default: auto (fp32 on a CPU).'),
      threads: z
        .union([z.literal('auto'), positive.max(256)])
        .optional()
        .describe('Default: auto (all cores).'),
      microBatch: z
        .union([z.literal('auto'), dimension])
        .optional()
        .describe('Samples a pass. Default: auto.'),
    })
    .optional()
    .describe('How it is computed; not part of the identity of a run.'),
  seed: z.number().int().min(0).max(0xffffffff).optional().describe('Default: 0.'),
});
export type RunFile = z.infer<typeof runFileSchema>;
export type RunFilePhase = RunFile['phases'][number];

/** A run file with every default filled in: what the trainer computes with and what `resolved-*.json` holds. */
export interface ResolvedRunFile {
  schema: number;
  kind: 'pretrain';
  name: string;
  model: import('./modelConfig.ts').ModelConfig;
  /** Preset the shape came from, or `custom`. */
  modelName: string;
  from: {
    checkpoint: string;
    optimizer: 'keep' | 'fresh';
    schedule: 'continue' | 'restart';
    data: 'continue' | 'restart';
  } | null;
  data: {
    source: string;
    column: string;
    /** Training tokens at most; null: no limit. */
    tokens: number | null;
    tokenizer: string | { train: { vocabSize: number } };
    packing: { length: number; sizes: 'random' | 'fixed'; documentAttention: boolean };
    validation: { tokens: number };
  };
  batch: { samples: number };
  loss: { average: 'tokens' | 'microbatch' };
  phases: ResolvedPhase[];
  schedule: { peak: number; warmup: number; decay: number; shape: 'linear' | '1-sqrt' };
  optimizer: {
    betas: [number, number];
    eps: number;
    weightDecay: number;
    decay: 'all' | 'matrices';
    clip: number;
  };
  checkpoints: { every: number; keep: number; at: number[] };
  validate: { every: number };
  nonFinite: 'stop' | 'skip';
  engine: {
    name: 'auto' | 'reference' | 'wasm' | 'blas';
    precision: 'auto' | 'fp32';
    threads: 'auto' | number;
    microBatch: 'auto' | number;
  };
  seed: number;
}
export interface Replacement {
  mask: number;
  random: number;
  keep: number;
}
interface PhaseBase {
  until: number;
  /** fresh: the moments begin at zero at the phase's first update. */
  optimizer: 'keep' | 'fresh';
}
interface MaskingPhase extends PhaseBase {
  /** At the phase's first and last update. */
  maskRatio: [number, number];
  replacement: Replacement;
}
export type ResolvedPhase =
  | (PhaseBase & { objective: 'clm' })
  | (MaskingPhase & { objective: 'mlm' })
  | (MaskingPhase & { objective: 'mixed'; share: { clm: number; mlm: number } });
