import * as z from 'zod';
import { folderListSchema, probeSchema } from './agentApi.ts';
import { comparedRunSchema, mostComparedAtOnce } from './comparison.ts';
import { method, nothing } from './contract.ts';
import { diskUseSchema, freedSchema, spaceItemSchema } from './diskSpace.ts';
import {
  exportRequestSchema,
  exportResultSchema,
  exportTableRequestSchema,
  importRequestSchema,
  importResultSchema,
} from './outsideRuns.ts';
import { prioritySchema, queueHoldSchema, queuePlaceSchema } from './queue.ts';
import { eventLineSchema, metricNumberSchema, runIdSchema, runStates } from './runDirectory.ts';
import { notesChangeSchema, runsOfChangeSchema } from './runNotes.ts';
import { slurmOptionsSchema } from './slurm.ts';

/** Compared at hello; a client of another version asks control to end and starts its own. */
export const controlProtocolVersion = 2;

/** A node as the user configured it. `local` is always there under the name "this computer". */
export const nodeConfigSchema = z.strictObject({
  name: z.string().min(1).max(100),
  kind: z.enum(['local', 'ssh']),
  host: z.string().optional().describe('Alias of ~/.ssh/config, or a host name.'),
  user: z.string().optional().describe('Login name; default: as ~/.ssh/config says.'),
  port: z.number().int().min(1).max(65535).optional().describe('Default: as ~/.ssh/config says, else 22.'),
  identityFile: z.string().optional().describe('Key file on this machine; default: as ~/.ssh/config says.'),
  root: z
    .string()
    .optional()
    .describe('Folder on the node that holds everything Biphase writes there; default ~/.biphase.'),
  setup: z
    .array(z.string())
    .optional()
    .describe('Lines that sh runs before each trainer, such as "module load cuda".'),
  environment: z
    .record(z.string(), z.string())
    .optional()
    .describe('Environment variables of each trainer, such as HF_HOME. Do not write secrets here.'),
  slots: z
    .number()
    .int()
    .min(1)
    .max(1000)
    .optional()
    .describe(
      'How many runs the node takes at once, each on a GPU of its own where there are GPUs; more wait in its queue. Default: runs start as they come.',
    ),
  slurm: slurmOptionsSchema
    .optional()
    .describe(
      "Runs are jobs of the node's Slurm, with these options of sbatch; slots and the queue are not used then.",
    ),
  nodePath: z
    .string()
    .optional()
    .describe('A Node 24 or newer on the node; default: found there, else uploaded.'),
});
export type NodeConfig = z.infer<typeof nodeConfigSchema>;

/** What a person edits of a node. */
export const nodeSettingsSchema = nodeConfigSchema.omit({ name: true, kind: true });

export const connectionStates = [
  'idle',
  'connecting',
  'preparing',
  'connected',
  'retrying',
  'needs-you',
  'refused',
] as const;

export const nodeSummarySchema = z.object({
  config: nodeConfigSchema,
  connection: z.enum(connectionStates),
  /** One sentence about the connection, where there is something to say. */
  message: z.string().optional(),
  next: z.string().optional(),
  /** 0…1 while a bundle or Node is uploaded. */
  progress: z.number().optional(),
  probe: probeSchema.nullable(),
  /** At work there, and in its queue. */
  runningRuns: z.number().int(),
  waitingRuns: z.number().int(),
  /** Why its queue starts nothing. */
  hold: queueHoldSchema.nullable(),
});
export type NodeSummary = z.infer<typeof nodeSummarySchema>;

/** What trees, pickers and legends show of a run. */
export const runSummarySchema = z.object({
  run: runIdSchema,
  node: z.string(),
  /** Its label, else the name it was launched with. */
  name: z.string(),
  launchedName: z.string(),
  /** Sorted. */
  tags: z.array(z.string()),
  /** The group that a person put it in. */
  group: z.string().nullable(),
  archived: z.boolean(),
  /** Pinned as the run that others are compared with; one at most. */
  baseline: z.boolean(),
  kind: z.enum(['pretrain', 'finetune-grid', 'imported']),
  state: z.enum(runStates),
  reason: z.string().optional(),
  /** Unix seconds of the newest news from the node; with `connected` false the state is "as of" then. */
  asOf: z.number(),
  connected: z.boolean(),
  createdAt: z.number(),
  segment: z.number().int(),
  step: z.number().int(),
  totalSteps: z.number().int(),
  tokens: z.number(),
  tokensPerSecond: z.number().nullable(),
  loss: metricNumberSchema.nullable(),
  secondsLeft: z.number().nullable(),
  doing: z.string().nullable(),
  checkpoints: z.array(z.number().int()),
  /** Steps at which an objective ends, with its name: marks in the chart. */
  phases: z.array(z.object({ objective: z.string(), until: z.number().int() })),
  /** First step of the learning rate's decay: a mark in the chart. */
  decayStart: z.number().int().optional(),
  metrics: z.array(z.string()),
  /** Training FLOPs a token, mean over the whole run as `core/flopsOfRun.ts` defines it; null where the run file is not known. */
  flopsPerToken: z.number().nullable(),
  seed: z.number().nullable(),
  /** Short hash of everything in the resolved run file but seed, names and places: equal for repeats with other seeds. */
  setup: z.string().nullable(),
  /** `<run>@<step>`: the checkpoint it began from; null where it did not begin from one of another run. */
  parent: z.string().nullable(),
  /** On the node's disk when it was last measured, checkpoints included; `at`: unix seconds. */
  disk: z.object({ bytes: z.number(), checkpointBytes: z.number(), at: z.number() }).optional(),
  /** Lines of metrics.jsonl that could not be parsed. */
  unreadableLines: z.number().int(),
  /** false: the run's directory is gone from the node; the store still has its curves. */
  onNode: z.boolean(),
  /** Of a queued run. */
  queue: queuePlaceSchema.optional(),
});
export type RunSummary = z.infer<typeof runSummarySchema>;

/** What a point's x is. share: step ÷ all steps of the run, 0…1. time: seconds of training (`elapsed` of the metric lines). */
export const seriesAxes = ['step', 'tokens', 'flops', 'time', 'share'] as const;

/**
 * State of the moving average of `core/smoothing.ts` after the newest point: with it, deltas are smoothed on exactly as
 * a snapshot would be.
 */
export const smoothingCarrySchema = z.object({
  /** Average so far, and the step it is of. */
  mean: z.number(),
  step: z.number().int(),
  /** Sum of the weights, above 0 and at most 1; 0: there is one point so far, whose weight the next one tells. */
  weight: z.number(),
});
export type SmoothingCarry = z.infer<typeof smoothingCarrySchema>;

/**
 * Header of a series answer. Beside it travel, little-endian: Float64 x[points], Float64 y[points], with smoothing
 * Float64 smooth[points], Uint32 step[points], Uint16 segment[points], in this order. Non-finite y are NaN/±Infinity in
 * the float itself; smooth is NaN where y is not finite.
 */
export const seriesHeaderSchema = z.object({
  run: runIdSchema,
  metric: z.string(),
  x: z.enum(seriesAxes),
  /** Number of this snapshot or delta; a delta says which it follows. */
  version: z.number().int(),
  /** Points in the store for the range. */
  total: z.number().int(),
  points: z.number().int(),
  /** Steps in one bucket: 1 = every point is here. */
  bucket: z.number().int(),
  /** Null: not smoothed. `phaseEnds`: last step of each phase but the last; the average restarts after each. */
  smoothing: z
    .object({
      /** In steps, as asked. */
      halfLife: z.number(),
      phaseEnds: z.array(z.number().int()),
      /** Of the newest point. Null: the next one begins anew, or the range ends before it. */
      carry: smoothingCarrySchema.nullable(),
    })
    .nullable(),
});
export type SeriesHeader = z.infer<typeof seriesHeaderSchema>;

/**
 * New points of a subscribed series since the last delta, in the layout of `seriesHeaderSchema` with x = step, never
 * smoothed. `follows`: version of the snapshot or delta before it; a gap or `reset` asks for a new snapshot.
 * `ends`: the newest point in the units of the other axes; null where control cannot tell.
 */
export const pointsDeltaSchema = seriesHeaderSchema.omit({ smoothing: true }).extend({
  follows: z.number().int(),
  reset: z.boolean(),
  ends: z.object({
    tokens: z.number(),
    flops: z.number().nullable(),
    time: z.number(),
    share: z.number().nullable(),
  }),
});
export type PointsDelta = z.infer<typeof pointsDeltaSchema>;

export const seriesRequestSchema = z.object({
  run: runIdSchema,
  metric: z.string(),
  /** flops and share are refused as `missing` for a run whose file is not known. */
  x: z.enum(seriesAxes),
  /** In steps; null = open. */
  from: z.number().nullable(),
  to: z.number().nullable(),
  /** Width it will be drawn at: at most 4 points a pixel come back. */
  pixels: z.number().int().min(1).max(16384),
  /** Half-life of the moving average, in steps; it is taken over all points, whatever the range. Null: none. */
  smoothing: z.number().positive().max(1e9).nullable(),
});
export type SeriesRequest = z.infer<typeof seriesRequestSchema>;

/** What the check page shows; parts that need the node are null until they are known. */
export const launchCheckSchema = z.object({
  name: z.string(),
  /** `data.source`, as the run will read it. */
  data: z.string(),
  steps: z.number().int(),
  tokens: z.number(),
  parameters: z.number(),
  phases: z.array(
    z.object({
      objective: z.string(),
      from: z.number().int(),
      until: z.number().int(),
      maskRatio: z.array(z.number()).optional(),
    }),
  ),
  schedule: z.object({ warmup: z.number().int(), decayStart: z.number().int(), peak: z.number() }),
  plannedBytes: z.number(),
  checkpointBytes: z.number(),
  memoryFreeBytes: z.number().nullable(),
  diskFreeBytes: z.number().nullable(),
  fits: z.boolean().nullable(),
  /** Why it does not fit and what to do, or a warning. */
  sentences: z.array(z.string()),
  /** From measured speed of the same shape on that node; null = unknown until it has run. */
  secondsExpected: z.number().nullable(),
  node: z.string(),
  setup: z.array(z.string()),
  /** Differences to the last run on any node, as "peak learning rate: 1e-3 → 3e-3". */
  differences: z.array(z.string()),
  lastRun: z.string().nullable(),
});
export type LaunchCheck = z.infer<typeof launchCheckSchema>;

/** A question for the person, sent to the focused window. */
export const promptSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('hostKey'),
    id: z.string(),
    node: z.string(),
    host: z.string(),
    keyType: z.string(),
    fingerprint: z.string(),
  }),
  z.object({
    kind: z.literal('secret'),
    id: z.string(),
    node: z.string(),
    /** passphrase of a key file, password, one-time code */
    purpose: z.enum(['passphrase', 'password', 'code']),
    title: z.string(),
    /** Name under which the window's SecretStorage may hold it; null: never stored. */
    storageKey: z.string().nullable(),
    /** true: what was stored was wrong. */
    retry: z.boolean(),
    /** true: nobody waits for it. What is stored is the answer, else null; nothing is shown. */
    quiet: z.boolean(),
  }),
  z.object({
    kind: z.literal('confirm'),
    id: z.string(),
    node: z.string(),
    title: z.string(),
    detail: z.string(),
    yes: z.string(),
  }),
]);
export type Prompt = z.infer<typeof promptSchema>;

/** How far a copy between this machine and nodes is; told to the client that asked for it. */
export const transferProgressSchema = z.object({
  /** Name of the copy: the run's id for a launch. */
  transfer: z.string(),
  /** As "copying the corpus to atlas". */
  doing: z.string(),
  /** Bytes; a total of 0 is not known yet. */
  done: z.number(),
  total: z.number(),
});
export type TransferProgress = z.infer<typeof transferProgressSchema>;

export const controlMethods = {
  /** `trusted`: a person works there in a workspace that they trust; no other client sees or answers a question. */
  hello: method(
    z.object({
      protocol: z.number().int(),
      version: z.string(),
      client: z.enum(['window', 'cli']),
      trusted: z.boolean().default(false),
    }),
    z.object({ protocol: z.number().int(), version: z.string(), pid: z.number().int() }),
  ),
  /** Ends control after its clients are told; used when versions differ. */
  shutdown: method(nothing, nothing),
  /** The person trusts this window's workspace from now on. */
  trust: method(nothing, nothing),
  /** This window has the focus: prompts go to it. */
  focus: method(nothing, nothing),
  /** `answer`: the secret; "yes" to a host key or a question; null = no, or closed. */
  answerPrompt: method(z.object({ id: z.string(), answer: z.string().nullable() }), nothing),

  /** Answers at once, and probes the connected nodes again: a `nodes` event tells what they say. */
  nodes: method(nothing, z.object({ nodes: z.array(nodeSummarySchema) })),
  addNode: method(z.object({ config: nodeConfigSchema }), nothing),
  /** `deleteRoot`: the root's absolute path as the person was shown it; it is deleted first. `left`: what stays in it. */
  removeNode: method(
    z.object({ name: z.string(), deleteRoot: z.string().optional() }),
    z.object({ left: z.array(z.string()) }),
  ),
  /** Connects if needed. `interrupt` with the same `ask` ends it as `cancelled`. */
  diskUse: method(z.object({ name: z.string(), ask: z.string().max(100) }), diskUseSchema),
  interrupt: method(z.object({ name: z.string(), ask: z.string().max(100) }), nothing),
  freeSpace: method(
    z.object({ name: z.string(), items: z.array(spaceItemSchema).min(1).max(100_000) }),
    freedSchema,
  ),
  /** Connects if needed, prepares bundle and Node, probes; one line a finding. */
  testNode: method(
    z.object({ name: z.string() }),
    z.object({ ok: z.boolean(), findings: z.array(z.string()) }),
  ),
  reconnectNode: method(z.object({ name: z.string() }), nothing),
  /** Hosts of ~/.ssh/config without wildcards. */
  sshHosts: method(nothing, z.object({ hosts: z.array(z.string()) })),
  /** Connects if needed; `~` is the home folder there. */
  listFolder: method(z.object({ node: z.string(), path: z.string() }), folderListSchema),

  runs: method(nothing, z.object({ runs: z.array(runSummarySchema) })),
  /** `file` is the run file as parsed from YAML; unknown keys and impossible values are usage errors. */
  checkLaunch: method(z.object({ file: z.unknown(), node: z.string() }), launchCheckSchema),
  /**
   * `run` is chosen by the caller, so that a repeated call after a lost answer is harmless. Data of this machine are copied
   * to the node first: `transfer` events of the run's id tell how far that is.
   */
  launch: method(
    z.object({
      file: z.unknown(),
      node: z.string(),
      run: runIdSchema,
      priority: prioritySchema.optional(),
      after: z.array(runIdSchema).optional(),
    }),
    z.object({ already: z.boolean(), queued: z.boolean().optional() }),
  ),
  /**
   * Many runs over several nodes: each goes into one node's queue, and may move to another of them while it waits. Where
   * one cannot be launched its sentence is the answer; the others go on. Repeating it is harmless.
   */
  launchBatch: method(
    z.object({
      runs: z.array(z.object({ run: runIdSchema, file: z.unknown() })).max(100_000),
      nodes: z.array(z.string()).min(1).max(100),
      priority: prioritySchema.optional(),
    }),
    z.object({ failed: z.array(z.object({ run: runIdSchema, message: z.string() })) }),
  ),
  /** A node's queue starts nothing more: `paused`, or `draining`, which also lets waiting runs go elsewhere. Null: it goes on. */
  holdQueue: method(z.object({ node: z.string(), hold: queueHoldSchema.nullable() }), nothing),
  /** Of a waiting run. */
  setPriority: method(z.object({ run: runIdSchema, priority: prioritySchema }), nothing),
  /**
   * Copies a complete checkpoint from the run's node to a folder of this machine, or to another node, where a run's
   * `from: {checkpoint: <run>@<step>}` finds it. Every file's SHA-256 is checked; asked again it goes on where it was.
   * `transfer`: name of the copy, for `transfer` events and `cancelTransfer`.
   */
  copyCheckpoint: method(
    z.object({
      transfer: z.string().min(1).max(100),
      run: runIdSchema,
      step: z.number().int().min(0),
      to: z.union([z.strictObject({ node: z.string() }), z.strictObject({ folder: z.string().min(1) })]),
    }),
    z.object({ place: z.string() }),
  ),
  /** Ends a copy; its call is answered with `cancelled`, and what was copied is kept for the next attempt. */
  cancelTransfer: method(z.object({ transfer: z.string() }), z.object({ found: z.boolean() })),
  stop: method(z.object({ run: runIdSchema }), nothing),
  kill: method(z.object({ run: runIdSchema }), z.object({ signalled: z.boolean() })),
  resume: method(z.object({ run: runIdSchema }), nothing),
  /**
   * Removes the run from the store; with its notes, and from its node, where `onNode`. One whose files stay on their node
   * is shown again when it is at work there again, or after `restoreRun`.
   */
  deleteRun: method(z.object({ run: runIdSchema, onNode: z.boolean() }), nothing),
  /** Shows a run again that was deleted here alone, with its notes; false: as soon as its node is connected. */
  restoreRun: method(z.object({ run: runIdSchema }), z.object({ shown: z.boolean() })),
  /** Labels, tags, groups and archive: all runs or none. Every client is told by `runs`. */
  noteRuns: method(z.object({ runs: runsOfChangeSchema, change: notesChangeSchema }), nothing),
  /** Null: no run is the baseline. */
  pinBaseline: method(z.object({ run: runIdSchema.nullable() }), nothing),
  /** What a person should know of this control, such as a damaged file; `take`: it is not told again. */
  notices: method(z.object({ take: z.boolean() }), z.object({ notices: z.array(z.string()) })),
  /** A slice of a file of the run directory; bytes beside the answer. */
  readRunFile: method(
    z.object({
      run: runIdSchema,
      file: z.string(),
      offset: z.number().int().min(0),
      length: z.number().int().min(0),
    }),
    z.object({ size: z.number().int() }),
  ),
  /** The run file as launched. */
  runFile: method(z.object({ run: runIdSchema }), z.object({ file: z.unknown() })),
  runEvents: method(z.object({ run: runIdSchema }), z.object({ events: z.array(eventLineSchema) })),

  /** What a comparison says of runs; those that control does not know are left out. */
  compare: method(
    z.object({ runs: z.array(runIdSchema).max(mostComparedAtOnce) }),
    z.object({ runs: z.array(comparedRunSchema) }),
  ),
  /** Points of a series for a range and width; bytes beside the answer as `seriesHeaderSchema` says. */
  series: method(seriesRequestSchema, seriesHeaderSchema),
  /** Writes curves to files of this machine. `transfer` events tell how far it is; `cancelTransfer` ends it and leaves no part. */
  exportRuns: method(exportRequestSchema, exportResultSchema),
  /** Writes curves of several runs to one table; `transfer` events and `cancelTransfer` as above. */
  exportTable: method(exportTableRequestSchema, exportResultSchema),
  /**
   * Brings curves of other programs in as runs of kind `imported`, which control keeps. What was imported from the same
   * place before is replaced. `transfer` events and `cancelTransfer` as above.
   */
  importRuns: method(importRequestSchema, importResultSchema),

  /** From now on `points` events come for these (run, metric); replaces the former set of this client. */
  subscribe: method(
    z.object({ series: z.array(z.object({ run: runIdSchema, metric: z.string() })) }),
    nothing,
  ),
};
export type ControlMethods = typeof controlMethods;

export const controlEvents = {
  nodes: z.object({ nodes: z.array(nodeSummarySchema) }),
  /** Changed runs only; `metrics` only where they are others than this client was told before. */
  runs: z.object({
    runs: z.array(runSummarySchema.partial({ metrics: true })),
    removed: z.array(runIdSchema),
  }),
  points: pointsDeltaSchema,
  transfer: transferProgressSchema,
  prompt: promptSchema,
  /** The prompt was answered elsewhere. */
  promptDone: z.object({ id: z.string() }),
};
export type ControlEvents = typeof controlEvents;

/** As a client's connection hands them on: with the metrics of every run. */
export type ClientEvents = Omit<ControlEvents, 'runs'> & {
  runs: z.ZodType<{ runs: RunSummary[]; removed: string[] }>;
};
