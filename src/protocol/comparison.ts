import * as z from 'zod';
import { metricNumberSchema, runIdSchema } from './runDirectory.ts';

/** A metric of a run as one compares it: what later segments hide is left out. */
export const comparedMetricSchema = z.object({
  name: z.string(),
  points: z.number().int(),
  /** How many of the points are NaN or infinite. */
  nonFinite: z.number().int(),
  last: z.object({ step: z.number().int(), value: metricNumberSchema }).nullable(),
  /** The lowest or highest finite value, as is better, where it was first; null where nothing is, or no value is finite. */
  best: z.object({ step: z.number().int(), value: z.number() }).nullable(),
});
export type ComparedMetric = z.infer<typeof comparedMetricSchema>;

/** What a comparison says of a run beside its summary. */
export const comparedRunSchema = z.object({
  run: runIdSchema,
  /** `specTexts` of the run; null where nothing is known of it. */
  spec: z.record(z.string(), z.string()).nullable(),
  /** Why the run file could not be read. */
  problem: z.string().nullable(),
  metrics: z.array(comparedMetricSchema),
  /** Seconds of training, all segments together; null where nothing was logged. */
  elapsed: z.number().nullable(),
  /** Median over the updates that are shown, tokens a second. */
  tokensPerSecond: z.number().nullable(),
  /** As the run file says; null: all cores of the node. */
  threads: z.number().int().nullable(),
});
export type ComparedRun = z.infer<typeof comparedRunSchema>;

/** Runs that are asked for at once. */
export const mostComparedAtOnce = 50;
