import * as z from 'zod';
import { runIdSchema } from './runDirectory.ts';

/** Of 0: what people start. Batches of a study wait behind it with less. */
export const prioritySchema = z.number().int().min(-1000).max(1000);

/** How a run is to wait for its place on a node that has none free. */
export const queueWishSchema = z.object({
  /** Higher ones start first; equal ones in the order in which they came. */
  priority: prioritySchema,
  /** It starts when all of these have finished. */
  after: z.array(runIdSchema).max(100),
  /** Names that control has for the nodes that may run it: it may move among them while it waits. */
  nodes: z.array(z.string()).max(100),
});
export type QueueWish = z.infer<typeof queueWishSchema>;

/** Names one move of a run from one node to another: whatever is repeated, it happens once. */
export const moveIdSchema = z.string().regex(/^[0-9a-f]{16}$/, 'not the id of a move');

/** Where a run is being moved: the root decides, since nodes are renamed, removed, and given other roots. */
export const moveSchema = z.object({ id: moveIdSchema, root: z.string() });
export type Move = z.infer<typeof moveSchema>;

/** A run that waits in its node's queue, as its report tells it. */
export const queuePlaceSchema = z.object({
  priority: prioritySchema,
  /** Unix seconds of the node's clock. */
  submittedAt: z.number(),
  after: z.array(runIdSchema),
  nodes: z.array(z.string()),
  /** Node to which control is moving it; null: it waits here. */
  movingTo: z.string().nullable(),
  /** Of a run that is being moved; left out by versions that knew only the node's name. */
  move: moveSchema.nullable().optional(),
});
export type QueuePlace = z.infer<typeof queuePlaceSchema>;

/** Why a node starts nothing from its queue: somebody paused it, or it is being emptied for other work. */
export const queueHoldSchema = z.enum(['paused', 'draining']);
export type QueueHold = z.infer<typeof queueHoldSchema>;
