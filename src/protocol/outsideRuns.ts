import * as z from 'zod';
import { runIdSchema } from './runDirectory.ts';

/** The node that imported runs are shown under; no node can be named so. */
export const importedNode = 'imported';

/** tensorboard: a folder of event files a run; csv: a table a run; jsonl: lines as in metrics.jsonl. All hold every point. */
export const exportFormats = ['tensorboard', 'csv', 'jsonl'] as const;
export const exportFormatSchema = z.enum(exportFormats);
export type ExportFormat = z.infer<typeof exportFormatSchema>;

export const exportRequestSchema = z.object({
  /** Name of the work, for `transfer` events and `cancelTransfer`. */
  transfer: z.string().min(1).max(100),
  runs: z.array(runIdSchema).min(1).max(100_000),
  format: exportFormatSchema,
  /** Absolute, on this machine; made where it is missing. */
  folder: z.string().min(1),
  /** Whether what an earlier export wrote there may be replaced. */
  replace: z.boolean(),
});
export type ExportRequest = z.infer<typeof exportRequestSchema>;

/** All points of these runs in one table of this machine. */
export const exportTableRequestSchema = z.object({
  transfer: z.string().min(1).max(100),
  runs: z.array(runIdSchema).min(1).max(100_000),
  /** One column each; null: every metric that one of the runs has. */
  metrics: z.array(z.string()).nullable(),
  /** Absolute; what is there is replaced. */
  file: z.string().min(1),
});
export type ExportTableRequest = z.infer<typeof exportTableRequestSchema>;

export const exportResultSchema = z.object({
  /** One a run, in the order asked for: a file, or with `tensorboard` a folder. */
  places: z.array(z.string()),
  points: z.number().int(),
});
export type ExportResult = z.infer<typeof exportResultSchema>;

export const importRequestSchema = z.object({
  transfer: z.string().min(1).max(100),
  /** Files and folders of this machine, absolute. */
  paths: z.array(z.string().min(1)).min(1).max(10_000),
  /** Which column is the step, by the absolute path of the table; null: its rows are counted. */
  steps: z.record(z.string(), z.string().nullable()),
});
export type ImportRequest = z.infer<typeof importRequestSchema>;

export const importResultSchema = z.object({
  imported: z.array(
    z.object({
      run: runIdSchema,
      name: z.string(),
      points: z.number().int(),
      /** It was here before, and is now as its source is. */
      updated: z.boolean(),
    }),
  ),
  /** Tables whose step column a person has to name: `steps` of a further call. */
  unclear: z.array(z.object({ path: z.string(), columns: z.array(z.string()) })),
  /** What was left out and why, a sentence each. */
  notes: z.array(z.string()),
});
export type ImportResult = z.infer<typeof importResultSchema>;
