import * as z from 'zod';

/** One call across a border: both ends check both directions with these schemas. */
export interface Method<P extends z.ZodType = z.ZodType, R extends z.ZodType = z.ZodType> {
  params: P;
  result: R;
}
export function method<P extends z.ZodType, R extends z.ZodType>(params: P, result: R): Method<P, R> {
  return { params, result };
}
export type Methods = Record<string, Method>;
export type Events = Record<string, z.ZodType>;

export type ParamsOf<M extends Methods, K extends keyof M> = z.infer<M[K]['params']>;
export type ResultOf<M extends Methods, K extends keyof M> = z.infer<M[K]['result']>;
export type EventOf<E extends Events, K extends keyof E> = z.infer<E[K]>;

export const nothing = z.object({});

/** A BiphaseError as it travels. */
export const wireErrorSchema = z.object({
  kind: z.string(),
  message: z.string(),
  next: z.string().optional(),
});
export type WireError = z.infer<typeof wireErrorSchema>;

/** The envelope inside a frame's JSON; bytes travel beside it. */
export const envelopeSchema = z.union([
  z.object({ id: z.number().int(), method: z.string(), params: z.unknown() }),
  z.object({ id: z.number().int(), result: z.unknown() }),
  z.object({ id: z.number().int(), error: wireErrorSchema }),
  z.object({ event: z.string(), data: z.unknown() }),
]);
export type Envelope = z.infer<typeof envelopeSchema>;
