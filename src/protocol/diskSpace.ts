import * as z from 'zod';
import { runIdSchema, runStates } from './runDirectory.ts';

const step = z.number().int().min(0).max(999_999_999_999_999);

/** `tokens/<key>`: a folder or file in a folder of the cache, never one that is still being made. */
export const cacheEntrySchema = z
  .string()
  .regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}\/[A-Za-z0-9_-][A-Za-z0-9._@-]{0,199}$/, 'not a cache entry');

export const bundleNameSchema = z.string().regex(/^[0-9A-Za-z][0-9A-Za-z._-]{0,99}$/, 'not a bundle');

/** A step whose checkpoint has a folder in the run. */
export const checkpointUseSchema = z.object({
  step,
  /** On disk. */
  bytes: z.number(),
  /**
   * Why it should stay. `last`: the newest complete one, which goes only with its run. `at`: the run file names it in
   * `checkpoints.at`. `origin`: a run that may still be resumed begins from it. Null: nothing needs it.
   */
  kept: z.enum(['last', 'at', 'origin']).nullable(),
});

export const runUseSchema = z.object({
  run: runIdSchema,
  name: z.string(),
  state: z.enum(runStates),
  /** On disk, checkpoints included. */
  bytes: z.number(),
  checkpointBytes: z.number(),
  /** Ascending. */
  checkpoints: z.array(checkpointUseSchema),
});
export type RunUse = z.infer<typeof runUseSchema>;

/** What lies under a node's root, in bytes on disk as `du` counts them: a hard link once, links not followed. */
export const diskUseSchema = z.object({
  /** Absolute path of the root. */
  root: z.string(),
  bytes: z.number(),
  /** Of the root's file system, for this user. */
  freeBytes: z.number(),
  /** How many more files fit; null where the file system does not count them. */
  freeFiles: z.number().nullable(),
  runs: z.array(runUseSchema),
  cache: z.array(
    z.object({
      entry: cacheEntrySchema,
      bytes: z.number(),
      /** Unix seconds. */
      changedAt: z.number(),
    }),
  ),
  bundles: z.array(
    z.object({
      hash: bundleNameSchema,
      bytes: z.number(),
      /** A run that can be resumed, or a running agent, starts from it. */
      needed: z.boolean(),
    }),
  ),
  nodeBuilds: z.array(z.object({ name: z.string(), bytes: z.number() })),
  /** Everything else under the root. */
  otherBytes: z.number(),
  /** Folders that could not be read and are not in the sums. */
  unreadable: z.number().int(),
});
export type DiskUse = z.infer<typeof diskUseSchema>;

/** One thing to delete, named as `diskUseSchema` lists it. */
export const spaceItemSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('checkpoints'),
    run: runIdSchema,
    steps: z.array(step).min(1).max(100_000),
    /** Also where the run file or another run keeps them. */
    kept: z.boolean(),
  }),
  z.object({ kind: z.literal('run'), run: runIdSchema }),
  z.object({ kind: z.literal('cache'), entry: cacheEntrySchema }),
  z.object({ kind: z.literal('bundle'), hash: bundleNameSchema }),
]);
export type SpaceItem = z.infer<typeof spaceItemSchema>;

/** In the order of what was asked for. */
export const freedSchema = z.object({
  results: z.array(
    z.object({
      /** On disk, before it was deleted. */
      bytes: z.number(),
      /** Why it, or a part of it, is still there. */
      problem: z.string().nullable(),
    }),
  ),
});
