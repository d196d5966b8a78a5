import * as z from 'zod';
import {
  launchCheckSchema,
  pointsDeltaSchema,
  runSummarySchema,
  seriesAxes,
  seriesHeaderSchema,
  seriesRequestSchema,
} from './controlApi.ts';
import { runIdSchema } from './runDirectory.ts';

/**
 * Messages between a page and the extension, checked at both ends. What is posted is the message itself; where bytes
 * belong to it they lie in it as one more key, `binary` (an ArrayBuffer): `{ ...message, binary }`. A page says `ready`, gets a snapshot, then deltas while it is visible; a hidden page gets
 * nothing and asks for a new snapshot when it is shown again.
 */

/** UI state only (never data): what a panel remembers over reloads. */
export const curvesStateSchema = z.object({
  runs: z.array(runIdSchema),
  metrics: z.array(z.string()),
  x: z.enum(seriesAxes),
  logY: z.boolean(),
  table: z.boolean(),
  hidden: z.array(runIdSchema),
  range: z.tuple([z.number(), z.number()]).nullable(),
  /** Which colour and marker each run on show has, as a number from 0; so that it keeps them over reloads. */
  styles: z.record(runIdSchema, z.number().int().min(0)).default({}),
});
export type CurvesState = z.infer<typeof curvesStateSchema>;

export const toCurvesPage = z.discriminatedUnion('type', [
  /** Answer to `ready`: everything but the points. */
  z.object({ type: z.literal('snapshot'), runs: z.array(runSummarySchema), state: curvesStateSchema }),
  z.object({ type: z.literal('runs'), runs: z.array(runSummarySchema), removed: z.array(runIdSchema) }),
  /** Answer to `series`; binary as seriesHeaderSchema says. */
  z.object({ type: z.literal('series'), request: z.number().int(), header: seriesHeaderSchema }),
  /** New points of shown series, in the order they came; binary: those of one delta after those of another. */
  z.object({ type: z.literal('points'), deltas: z.array(pointsDeltaSchema) }),
  z.object({ type: z.literal('failed'), request: z.number().int(), message: z.string() }),
]);
export type ToCurvesPage = z.infer<typeof toCurvesPage>;

export const fromCurvesPage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready') }),
  z.object({ type: z.literal('series'), request: z.number().int(), series: seriesRequestSchema }),
  /** The series on show: deltas come for these. */
  z.object({ type: z.literal('show'), series: z.array(z.object({ run: runIdSchema, metric: z.string() })) }),
  z.object({ type: z.literal('state'), state: curvesStateSchema }),
  z.object({ type: z.literal('pickRuns') }),
  z.object({ type: z.literal('launch') }),
  z.object({ type: z.literal('exportCsv'), run: runIdSchema }),
  z.object({ type: z.literal('problem'), message: z.string() }),
]);
export type FromCurvesPage = z.infer<typeof fromCurvesPage>;

export const toCheckPage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('check'), check: launchCheckSchema, yaml: z.string(), starting: z.boolean() }),
  z.object({ type: z.literal('failed'), message: z.string(), next: z.string().optional() }),
]);
export type ToCheckPage = z.infer<typeof toCheckPage>;

export const fromCheckPage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready') }),
  z.object({ type: z.literal('start') }),
  z.object({ type: z.literal('edit') }),
  z.object({ type: z.literal('cancel') }),
  z.object({ type: z.literal('problem'), message: z.string() }),
]);
export type FromCheckPage = z.infer<typeof fromCheckPage>;
