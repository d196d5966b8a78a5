import * as z from 'zod';
import { runIdSchema } from './runDirectory.ts';

const oneLine = (most: number): z.ZodType<string> => z.string().trim().min(1).max(most);

export const labelSchema = oneLine(200).describe(
  'A name for people, in place of the one it was launched with.',
);
export const tagSchema = oneLine(100);
export const groupSchema = oneLine(100);

/** What a person says of a run; kept by control in `user.db`, whatever its node and its files do. */
export interface RunNotes {
  label: string | null;
  /** Sorted, each once. */
  tags: readonly string[];
  group: string | null;
  archived: boolean;
}

/** A change of the notes of runs; what is absent stays as it is. Null takes a label or group away. */
export const notesChangeSchema = z.strictObject({
  label: labelSchema.nullable().optional(),
  addTags: z.array(tagSchema).max(100).optional(),
  removeTags: z.array(tagSchema).max(1000).optional(),
  group: groupSchema.nullable().optional(),
  archived: z.boolean().optional(),
});
export type NotesChange = z.infer<typeof notesChangeSchema>;

export const runsOfChangeSchema = z.array(runIdSchema).min(1).max(100_000);
