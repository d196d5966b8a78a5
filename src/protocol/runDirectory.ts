import * as z from 'zod';
import { sha256Schema } from './fileList.ts';

/**
 * The run directory is the interface between all programs. Every file has one writer, named here.
 * Schemas are loose: unknown keys that a newer program wrote are kept and ignored.
 */
export const runFiles = {
  /** Launcher; never changed. */
  spec: 'spec.json',
  /** Trainer, one a segment. */
  resolved: (segment: number): string => `resolved-${segment}.json`,
  /** Trainer, append-only. */
  metrics: 'metrics.jsonl',
  events: 'events.jsonl',
  /** Trainer, by rename, every 2 s. */
  progress: 'progress.json',
  checkpoints: 'checkpoints',
  checkpoint: (step: number): string => `checkpoints/step-${String(step).padStart(6, '0')}`,
  /** Wrapper. */
  state: 'state.json',
  output: 'output.log',
  exit: 'exit.json',
  /** Anyone may ask for a stop by creating it. */
  stopRequest: 'requests/stop',
  /** Written before a kill, so that its end is not taken for a failure. */
  killRequest: 'requests/kill',
  /** Launcher: the node's setup lines, run by sh before the trainer. */
  setup: (segment: number): string => `setup-${segment}.sh`,
  /** Wrapper: who may start a segment. */
  locks: 'locks',
  /** Launcher: which ticket of the queue is this run's, so that it enters the queue once. */
  ticket: 'ticket',
  /** Launcher, on a node with Slurm: the job, `slurmRecordSchema` in slurm.ts; and the script that Slurm starts. */
  slurm: 'slurm.json',
  slurmScript: 'slurm.sh',
} as const;

/** Inside a checkpoint folder; `DONE` is written last. */
export const checkpointFiles = {
  config: 'config.json',
  weights: 'model.safetensors',
  tokenizer: 'tokenizer.json',
  tokenizerConfig: 'tokenizer_config.json',
  optimizer: 'trainer.safetensors',
  trainer: 'trainer.json',
  done: 'DONE',
} as const;

const runIdPattern = /^\d{8}-[0-9a-z]{8}$/;
/** `<yyyymmdd>-<8 random>`, chosen by the launcher before first contact. */
export const runIdSchema = z.string().regex(runIdPattern, 'not a run id');
export function isRunId(text: string): boolean {
  return runIdPattern.test(text);
}

/** JSON and SQLite turn NaN into null; so non-finite numbers travel as these strings. */
export const metricNumberSchema = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])]);
export type MetricNumber = z.infer<typeof metricNumberSchema>;

/** One line of metrics.jsonl. Losses in nats, times in seconds. */
export const metricLineSchema = z.looseObject({
  segment: z.number().int().min(0),
  /** Updates made when the line was written: the first update is step 1. */
  step: z.number().int().min(0),
  /** Tokens seen since step 0 of this run. */
  tokens: z.number().min(0),
  /** The node's clock, unix seconds. */
  time: z.number(),
  /** Seconds of training, all segments together. */
  elapsed: z.number(),
  metrics: z.record(z.string(), metricNumberSchema),
});
export type MetricLine = z.infer<typeof metricLineSchema>;

/** Names of the metrics that pretraining writes. */
export const metricNames = {
  loss: 'loss',
  gradNorm: 'gradNorm',
  learningRate: 'learningRate',
  tokensPerSecond: 'tokensPerSecond',
  /** Floating-point rate of the update ÷ that of the engine's product kernel on all threads, 0…1. */
  shareOfPeak: 'shareOfPeak',
  /** Resident bytes of the trainer. */
  memory: 'memory',
  /** Samples that a step had to wait for. */
  dataStalls: 'dataStalls',
  /** Mean over the loss positions of one objective: clm or mlm. */
  objectiveLoss: (objective: string): string => `loss/${objective}`,
  /** clm, mlm (40 % chosen), or mlm and a percentage. */
  validationLoss: (measure: string): string => `validation/loss/${measure}`,
} as const;

/** One line of events.jsonl. */
export const eventLineSchema = z.looseObject({
  segment: z.number().int().min(0),
  step: z.number().int().min(0),
  time: z.number(),
  /** start, resume, epochs, branch, phase, decay, optimizer, checkpoint, nonFinite, outlier, stop, finish, error … */
  type: z.string(),
  message: z.string().optional(),
});
export type EventLine = z.infer<typeof eventLineSchema>;

export const progressSchema = z.looseObject({
  schema: z.number(),
  segment: z.number().int(),
  step: z.number().int(),
  totalSteps: z.number().int(),
  phase: z.number().int(),
  tokens: z.number(),
  tokensPerSecond: z.number(),
  loss: metricNumberSchema.nullable(),
  secondsLeft: z.number().nullable(),
  /** starting, preparing data, training, validating, saving, stopping; at the end done or stopped */
  doing: z.string(),
  time: z.number(),
});
export type Progress = z.infer<typeof progressSchema>;

/**
 * Written by the wrapper before the trainer may do anything, again for each segment. In the foreground the trainer is its
 * own wrapper: both are the same process.
 */
export const wrapperStateSchema = z.looseObject({
  schema: z.number(),
  segment: z.number().int(),
  host: z.string(),
  bootId: z.string(),
  wrapper: z.object({ pid: z.number().int(), startTime: z.string() }),
  trainer: z.object({ pid: z.number().int(), startTime: z.string() }),
  jobId: z.string().optional(),
  bundle: z.string(),
  startedAt: z.number(),
});
export type WrapperState = z.infer<typeof wrapperStateSchema>;

/** Written by the wrapper when the trainer has ended. */
export const exitSchema = z.looseObject({
  schema: z.number(),
  segment: z.number().int(),
  code: z.number().int().nullable(),
  signal: z.string().nullable(),
  endedAt: z.number(),
  /** The node had no place for it: it asked the wrapper to end, and nobody had asked for a stop, or no slot was free. */
  preempted: z.boolean().optional(),
  /** Why the trainer could not be started at all, who has its slot, or, in the foreground, why it failed. */
  error: z.string().optional(),
});
export type Exit = z.infer<typeof exitSchema>;

/** Exit codes of `biphase pretrain`: what the wrapper's exit.json is read by. */
export const exitCodes = { finished: 0, failed: 1, usage: 2, stopped: 3 } as const;

/** Written by the launcher: `file` is what the person wrote, as JSON. */
export const specSchema = z.looseObject({
  schema: z.number(),
  id: runIdSchema,
  name: z.string(),
  kind: z.enum(['pretrain', 'finetune-grid']),
  createdAt: z.number(),
  bundle: z.string(),
  file: z.record(z.string(), z.unknown()),
  /** Where `file` names data of the launching machine: the copy of them in the root's cache, and where they came from. */
  staged: z.looseObject({ sha256: sha256Schema, from: z.string() }).optional(),
});
export type Staged = NonNullable<z.infer<typeof specSchema>['staged']>;
export type Spec = z.infer<typeof specSchema>;

/** State of a run, always rebuilt from its files. */
export const runStates = [
  'queued',
  'starting',
  'running',
  'stopping',
  'stopped',
  'finished',
  'failed',
  'preempted',
  'lost',
] as const;
export type RunState = (typeof runStates)[number];

/** The states of a run that may still have new points. */
export const activeStates: readonly RunState[] = ['queued', 'starting', 'running', 'stopping'];
