import * as z from 'zod';
import { runIdSchema } from './runDirectory.ts';

/** Names as sites give them. What could be taken for an option, a pattern or a second line is no name. */
const name = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.,:=+@/-]*$/, 'not a name that Slurm takes');

/** What a run asks of Slurm, as the options of `sbatch` are called; what is left out is the site's choice. */
export const slurmOptionsSchema = z.strictObject({
  partition: name.optional().describe("Partition; default: the site's."),
  account: name.optional().describe('Account that pays.'),
  qos: name.optional().describe('Quality of service.'),
  time: z
    .string()
    .regex(/^(\d{1,7}(:\d{1,2}){0,2}|\d{1,5}-\d{1,2}(:\d{1,2}){0,2})$/, 'not a time limit of Slurm')
    .optional()
    .describe('Limit of one job, not of the run: minutes, hours:minutes:seconds, days-hours …'),
  gres: name.optional().describe('Such as gpu:1 or gpu:a100:1.'),
  memory: z
    .string()
    .regex(/^\d{1,12}[KMGT]?$/, 'not an amount of memory such as 32G')
    .optional()
    .describe('Such as 32G; a bare number is MiB.'),
  cpus: z.number().int().min(1).max(100_000).optional().describe('Processors of a job.'),
});
export type SlurmOptions = z.infer<typeof slurmOptionsSchema>;

/** slurm.json: the job that runs, or will run, the newest segment that was submitted. */
export const slurmRecordSchema = z.looseObject({
  schema: z.number(),
  /** Null: sbatch was started and has not answered yet. An element of an array is `<array>_<task>`. */
  jobId: z.string().nullable(),
  segment: z.number().int().min(0),
  jobName: z.string(),
  /** Element of the array that `jobName` names. */
  task: z.number().int().min(0).optional(),
  submittedAt: z.number(),
  cluster: z.string().optional(),
  /** For the next segment, which the job itself submits at its time limit. */
  options: slurmOptionsSchema,
  /** How Slurm's programs are found here. */
  tools: z.object({ folder: z.string(), configuration: z.string().optional() }),
  /** Step of the newest checkpoint when it was submitted, −1 for none. */
  checkpoint: z.number().int(),
  /** Jobs in a row that reached their time limit without a new checkpoint. */
  fruitless: z.number().int(),
});
export type SlurmRecord = z.infer<typeof slurmRecordSchema>;

/** Which run each element of a job array is: a file beside the array's other files in `<root>/queue`. */
export const jobArraySchema = z.looseObject({ schema: z.number(), runs: z.array(runIdSchema) });
export type JobArray = z.infer<typeof jobArraySchema>;
