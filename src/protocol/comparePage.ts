import * as z from 'zod';
import { comparedRunSchema } from './comparison.ts';
import { pointsDeltaSchema, seriesHeaderSchema, seriesRequestSchema } from './controlApi.ts';
import { runIdSchema, runStates } from './runDirectory.ts';

/**
 * Messages between the compare page and the extension, checked at both ends. A page says `ready` and gets a `snapshot`,
 * then the runs and what is known of each in portions, so that any number of them never holds the page up; then deltas
 * while it is visible. Bytes of points lie in a message as `binary`, as in pageMessages.ts.
 */

/** UI state only (never data): what the panel remembers over reloads. */
export const compareStateSchema = z.object({
  /** In the order in which they were picked. */
  runs: z.array(runIdSchema),
  /** The run whose column is first, and to which differences are told; null: the first one, and no differences. */
  baseline: runIdSchema.nullable(),
  onlyDifferences: z.boolean(),
  /** Runs of one setup are one column. */
  groupSeeds: z.boolean(),
  /** Curves as differences to the baseline. */
  differenceCurves: z.boolean(),
  filter: z.string().max(200),
  sortRows: z.enum(['group', 'name', 'values']),
  /** Metric of the curves; validation losses stand beside the training loss. */
  metric: z.string().default('loss'),
  /** The chart's points as a table in its place. */
  table: z.boolean().default(false),
  /** Columns by their value in this row; null: as picked. */
  sortColumns: z.object({ row: z.string(), descending: z.boolean() }).nullable(),
  /** Which colour and marker each column has, by its first run. */
  styles: z.record(runIdSchema, z.number().int().min(0)).default({}),
});
export type CompareState = z.infer<typeof compareStateSchema>;

/** What the page shows of a run as it changes. */
export const compareRunSchema = z.object({
  run: runIdSchema,
  name: z.string(),
  node: z.string(),
  state: z.enum(runStates),
  createdAt: z.number(),
  step: z.number().int(),
  totalSteps: z.number().int(),
  tokens: z.number(),
  /** Floating-point operations of training, forward and backward, a token. */
  flopsPerToken: z.number().nullable(),
  seed: z.number().nullable(),
  /** The same for runs that differ in their seed, name and place only. */
  setup: z.string().nullable(),
  phases: z.array(z.object({ objective: z.string(), until: z.number().int() })),
  /** Step at which the learning rate begins to fall; absent where it never does. */
  decayStart: z.number().int().optional(),
  /** Cores of the run's node; null: not known now. */
  cores: z.number().int().nullable(),
  /** GPUs that the run holds while it trains; null: not known now. */
  gpus: z.number().int().nullable(),
  /** The checkpoint `<run>@<step>` that it started from, with its run's name where that is known. */
  parent: z.object({ checkpoint: z.string(), name: z.string().nullable() }).nullable(),
  /** Runs that started from its checkpoints. */
  children: z.array(z.object({ run: runIdSchema, name: z.string(), step: z.number().int().nullable() })),
});
export type CompareRun = z.infer<typeof compareRunSchema>;

export const toComparePage = z.discriminatedUnion('type', [
  /** Answer to `ready`: `runs` messages with everything follow. */
  z.object({ type: z.literal('snapshot'), state: compareStateSchema }),
  z.object({ type: z.literal('runs'), runs: z.array(compareRunSchema), removed: z.array(runIdSchema) }),
  z.object({ type: z.literal('facts'), facts: z.array(comparedRunSchema) }),
  /** What is known of these runs could not be had. */
  z.object({ type: z.literal('factsFailed'), runs: z.array(runIdSchema), message: z.string() }),
  /** A run was pinned, here or elsewhere; null: none is. */
  z.object({ type: z.literal('baseline'), run: runIdSchema.nullable() }),
  z.object({ type: z.literal('series'), request: z.number().int(), header: seriesHeaderSchema }),
  z.object({ type: z.literal('points'), deltas: z.array(pointsDeltaSchema) }),
  z.object({ type: z.literal('failed'), request: z.number().int(), message: z.string() }),
]);
export type ToComparePage = z.infer<typeof toComparePage>;

export const fromComparePage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready') }),
  z.object({ type: z.literal('series'), request: z.number().int(), series: seriesRequestSchema }),
  /** Series that are still written: deltas come for these. */
  z.object({ type: z.literal('show'), series: z.array(z.object({ run: runIdSchema, metric: z.string() })) }),
  z.object({ type: z.literal('state'), state: compareStateSchema }),
  z.object({ type: z.literal('pickRuns') }),
  z.object({ type: z.literal('pin'), run: runIdSchema.nullable() }),
  z.object({ type: z.literal('remove'), runs: z.array(runIdSchema) }),
  z.object({ type: z.literal('showCurves'), runs: z.array(runIdSchema) }),
  z.object({ type: z.literal('copy'), format: z.enum(['Markdown', 'CSV']), text: z.string() }),
  z.object({ type: z.literal('problem'), message: z.string() }),
]);
export type FromComparePage = z.infer<typeof fromComparePage>;
