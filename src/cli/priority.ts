import { BiphaseError } from '../core/errors.ts';
import { prioritySchema } from '../protocol/queue.ts';

/**
 * A priority that a person typed.
 * @throws BiphaseError `usage`
 */
export function parsePriority(text: string): number {
  const parsed = prioritySchema.safeParse(text.trim() === '' ? undefined : Number(text));
  if (!parsed.success)
    throw new BiphaseError('usage', `A priority is a whole number from -1000 to 1000, not "${text}".`);
  return parsed.data;
}
