import * as z from 'zod';

export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, 'not a SHA-256');

export const listedFileSchema = z.object({
  /** Below the folder, with slashes. */
  path: z.string().min(1),
  bytes: z.number().int().min(0),
  sha256: sha256Schema,
});
export type ListedFile = z.infer<typeof listedFileSchema>;

/** What a folder that was copied holds; `manifest.json` of a staged corpus. */
export const fileListSchema = z.looseObject({ schema: z.number(), files: z.array(listedFileSchema) });
export type FileList = z.infer<typeof fileListSchema>;
