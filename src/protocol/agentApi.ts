import * as z from 'zod';
import { method, nothing } from './contract.ts';
import { diskUseSchema, freedSchema, spaceItemSchema } from './diskSpace.ts';
import { listedFileSchema } from './fileList.ts';
import {
  moveIdSchema,
  moveSchema,
  prioritySchema,
  queueHoldSchema,
  queuePlaceSchema,
  queueWishSchema,
} from './queue.ts';
import {
  eventLineSchema,
  exitSchema,
  progressSchema,
  runIdSchema,
  runStates,
  specSchema,
  wrapperStateSchema,
} from './runDirectory.ts';
import { slurmOptionsSchema } from './slurm.ts';

/** Bumped when agent and control of different bundles could not understand each other. */
export const agentProtocolVersion = 1;

/** Files of a run that control follows by byte offset. */
export const followedFiles = ['metrics.jsonl', 'events.jsonl'] as const;
export const followedFileSchema = z.enum(followedFiles);
export type FollowedFile = z.infer<typeof followedFileSchema>;

/** Identity of a file: another one means "read again from the start". `<device>:<inode>` where inodes are stable. */
const fileIdentity = z.string();

/** Everything about a run that its files say, but metrics and events. */
export const runReportSchema = z.object({
  run: runIdSchema,
  state: z.enum(runStates),
  /** One sentence where the state needs one: why it failed or counts as lost. */
  reason: z.string().optional(),
  spec: specSchema.nullable(),
  wrapper: wrapperStateSchema.nullable(),
  progress: progressSchema.nullable(),
  exit: exitSchema.nullable(),
  /** Steps of complete checkpoints, ascending. */
  checkpoints: z.array(z.number().int()),
  lastEvent: eventLineSchema.nullable(),
  /** Of a queued run. */
  queue: queuePlaceSchema.optional(),
  /** Of a run whose job Slurm holds: until these have finished. */
  heldFor: z.array(runIdSchema).optional(),
});
export type RunReport = z.infer<typeof runReportSchema>;

/** A process that computes on a GPU. */
export const gpuOwnerSchema = z.object({
  pid: z.number().int(),
  /** Login name; null where the system does not show the process: another container's, another user's. */
  user: z.string().nullable(),
  memoryMiB: z.number().nullable(),
  /** The run under this root whose trainer it is or belongs to. */
  run: runIdSchema.nullable(),
});
export type GpuOwner = z.infer<typeof gpuOwnerSchema>;

/** A GPU, or one MIG instance of it. Null: the tool does not say. */
export const gpuSchema = z.object({
  vendor: z.enum(['nvidia', 'amd']),
  /** Number of the card, as its tool counts. */
  index: z.number().int(),
  /** Number of the MIG instance on its card; null for a whole card. */
  instance: z.number().int().nullable(),
  uuid: z.string(),
  name: z.string(),
  memoryTotalMiB: z.number().nullable(),
  memoryUsedMiB: z.number().nullable(),
  /** Percent of the time in which something computed. */
  utilization: z.number().nullable(),
  /** °C; of the card. */
  temperature: z.number().nullable(),
  /** Watts that are drawn, and that may be. */
  powerDraw: z.number().nullable(),
  powerLimit: z.number().nullable(),
  owners: z.array(gpuOwnerSchema).nullable(),
});
export type Gpu = z.infer<typeof gpuSchema>;

export const probeSchema = z.object({
  cores: z.number().int(),
  load: z.number(),
  memoryTotalBytes: z.number(),
  memoryFreeBytes: z.number(),
  diskFreeBytes: z.number(),
  gpus: z.array(gpuSchema),
  /** Things worth telling: KillUserProcesses, a root nearly full … */
  warnings: z.array(z.string()),
});
export type Probe = z.infer<typeof probeSchema>;

/** What a run needs of its node for as long as its trainer lives; without a wish it starts at once and takes nothing. */
export const slotWishSchema = z.object({
  /** How many runs the node takes at once; null: one a GPU, and without a GPU as many as are started. */
  count: z.number().int().min(1).nullable(),
  /** UUID of the one GPU that will do; null: any. */
  gpu: z.string().nullable(),
});
export type SlotWish = z.infer<typeof slotWishSchema>;

export const agentHelloSchema = z.object({
  protocol: z.number().int(),
  bundle: z.string(),
  host: z.string(),
  bootId: z.string(),
  /** Content of root/id: two nodes with one shared home show a run once. */
  rootId: z.string(),
  /** Absolute path of the root. */
  root: z.string(),
  platform: z.string(),
  arch: z.string(),
  nodeVersion: z.string(),
  /** The node's clock, unix seconds. */
  now: z.number(),
});
export type AgentHello = z.infer<typeof agentHelloSchema>;

/** What a folder of the node holds that a corpus may be in. */
export const folderListSchema = z.object({
  /** Absolute. */
  path: z.string(),
  /** Folders first, then files that a trainer reads; not all where there are very many. */
  entries: z.array(z.object({ name: z.string(), folder: z.boolean(), bytes: z.number() })),
  /** How many there are of each, also of those that `entries` lacks. */
  folders: z.number().int(),
  corpora: z.number().int(),
  /** Names that are not UTF-8: no run file can hold them, so `entries` lacks them. */
  notUtf8: z.number().int(),
});
export type FolderList = z.infer<typeof folderListSchema>;

/** Control asks, the agent answers; one agent a client and node, over one exec channel (stdio). */
export const agentMethods = {
  hello: method(z.object({ protocol: z.number().int() }), agentHelloSchema),
  probe: method(nothing, probeSchema),
  /** Starts reporting all runs under root: a `run` event for each, again whenever its report changes. */
  watch: method(nothing, z.object({ runs: z.array(runReportSchema), hold: queueHoldSchema.nullable() })),
  /** Sends bytes of the file from the offset on, and more as they are written, as `bytes` events. */
  follow: method(
    z.object({
      run: runIdSchema,
      file: followedFileSchema,
      offset: z.number().int().min(0),
      identity: fileIdentity.nullable(),
    }),
    nothing,
  ),
  unfollow: method(z.object({ run: runIdSchema, file: followedFileSchema }), nothing),
  /**
   * Claims the run directory by mkdir, writes spec.json and starts the wrapper detached. Repeating it is harmless. With
   * a place in the queue wished for, a run that needs a slot waits for one; else `full` where none is free. With `slurm`
   * it submits a job that starts the wrapper: no slot is taken then, Slurm is the queue, and holds it while it waits for
   * runs. With `move` it is the arrival of that move: `refused` where the move was given up, `already` also where the run
   * has arrived and gone since.
   */
  launch: method(
    z.object({
      spec: specSchema,
      environment: z.record(z.string(), z.string()),
      setup: z.array(z.string()),
      slot: slotWishSchema.optional(),
      slurm: slurmOptionsSchema.optional(),
      queue: queueWishSchema.optional(),
      move: moveIdSchema.optional(),
    }),
    z.object({ already: z.boolean(), queued: z.boolean().optional() }),
  ),
  /**
   * Claims run directories and submits them as one job array. `array` is chosen by the caller, so that repeating it is
   * harmless. All runs have the same bundle.
   */
  launchArray: method(
    z.object({
      array: z.string().regex(/^[0-9a-z]{8,32}$/, 'not the id of an array'),
      specs: z.array(specSchema).min(1).max(1000),
      slurm: slurmOptionsSchema,
      /** How many run at once; left out: as many as Slurm starts. */
      atOnce: z.number().int().min(1).optional(),
      environment: z.record(z.string(), z.string()),
      setup: z.array(z.string()),
    }),
    z.object({ already: z.boolean() }),
  ),
  /** A new segment of a run that has ended. */
  resume: method(
    z.object({
      run: runIdSchema,
      environment: z.record(z.string(), z.string()),
      setup: z.array(z.string()),
      slot: slotWishSchema.optional(),
      slurm: slurmOptionsSchema.optional(),
      queue: queueWishSchema.optional(),
    }),
    z.object({ segment: z.number().int(), queued: z.boolean().optional() }),
  ),
  /** A waiting run gets another priority, or no longer waits for runs that have finished elsewhere. */
  changeQueued: method(
    z.object({ run: runIdSchema, priority: prioritySchema.optional(), finished: z.array(runIdSchema) }),
    nothing,
  ),
  /**
   * A waiting run leaves by a move for another node: it starts here no more. `to` null: it stays after all, where it was
   * leaving by that move. `moving`: false where it does not wait any more, or leaves by another move.
   */
  moveQueued: method(
    z.object({ run: runIdSchema, to: z.string().nullable(), move: moveSchema }),
    z.object({ moving: z.boolean() }),
  ),
  /**
   * Deletes a run that has arrived elsewhere, where it still leaves by that move. `stopped`: a person has stopped it here
   * meanwhile, and means it there too.
   */
  forgetMoved: method(z.object({ run: runIdSchema, move: moveIdSchema }), z.object({ stopped: z.boolean() })),
  /** From now on the run cannot arrive here by that move, unless it has: what is still on its way is refused. */
  refuseMove: method(z.object({ run: runIdSchema, move: moveIdSchema }), z.object({ arrived: z.boolean() })),
  /** The run has arrived here and is gone where it came from: nobody needs to know of the move any more. */
  settleMove: method(z.object({ run: runIdSchema, move: moveIdSchema }), nothing),
  /** Nothing of the queue starts any more, or again (null). */
  holdQueue: method(z.object({ hold: queueHoldSchema.nullable() }), nothing),
  /** Creates requests/stop; a waiting run leaves the queue. */
  stop: method(z.object({ run: runIdSchema }), nothing),
  /** Signals the trainer, after proof that the process is this run's. */
  kill: method(z.object({ run: runIdSchema }), z.object({ signalled: z.boolean() })),
  /** A slice of any file inside the run directory; bytes beside the answer. */
  read: method(
    z.object({
      run: runIdSchema,
      file: z.string(),
      offset: z.number().int().min(0),
      length: z
        .number()
        .int()
        .min(0)
        .max(8 << 20),
    }),
    z.object({ size: z.number().int() }),
  ),
  /** The files of a complete checkpoint, each read whole for its SHA-256; `read` brings them. */
  checkpoint: method(
    z.object({ run: runIdSchema, step: z.number().int().min(0) }),
    z.object({ files: z.array(listedFileSchema) }),
  ),
  /** Names of the packs in a folder of the root's cache that were taken apart. */
  unpacked: method(z.object({ parts: z.string() }), z.object({ packs: z.array(z.string()) })),
  /** Makes the small files that travelled together as `pack`, each checked, below a folder; both in the root's cache. */
  unpack: method(
    z.object({ pack: z.string(), folder: z.string(), files: z.array(listedFileSchema) }),
    nothing,
  ),
  /** Removes a run directory that nothing runs in. */
  delete: method(z.object({ run: runIdSchema }), nothing),
  /** Takes a while where there are many files; `interrupt` with the same `ask` ends it as `cancelled`. */
  diskUse: method(z.object({ ask: z.string().max(100) }), diskUseSchema),
  interrupt: method(z.object({ ask: z.string().max(100) }), nothing),
  /** Deletes what is named, one after the other; what is in use is refused and the rest goes on. */
  freeSpace: method(z.object({ items: z.array(spaceItemSchema).min(1).max(100_000) }), freedSchema),
  /**
   * Deletes what Biphase has under the root, then the root where nothing else is in it; after the answer the agent ends.
   * `left`: names that stay, since they are not Biphase's. Refused while a run is active here.
   */
  removeRoot: method(z.object({ rootId: z.string() }), z.object({ left: z.array(z.string()) })),
  /** Folders and corpora in a folder, for the folder browser; `~` or nothing is the home folder. */
  list: method(z.object({ path: z.string() }), folderListSchema),
};
export type AgentMethods = typeof agentMethods;

export const agentEvents = {
  run: runReportSchema,
  /** The queue was held, or goes on. */
  queue: z.object({ hold: queueHoldSchema.nullable() }),
  /** The run's directory is gone. */
  gone: z.object({ run: runIdSchema }),
  /** Bytes [offset, offset + binary.length) of a followed file. `reset`: shorter than before or another file, so from 0. */
  bytes: z.object({
    run: runIdSchema,
    file: followedFileSchema,
    offset: z.number().int(),
    identity: fileIdentity,
    reset: z.boolean(),
  }),
};
export type AgentEvents = typeof agentEvents;
