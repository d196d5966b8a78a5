import { BiphaseError } from './errors.ts';

/** Documents of `data.source: world`: about 8 MB of text. */
export const defaultWorldDocuments = 16_000;
/** About 5 GB of text, over the same few facts. */
export const mostWorldDocuments = 10_000_000;

/**
 * How many documents `world` or `world:<documents>` means; null for any other source.
 * @throws BiphaseError `usage` for a number that makes no sense
 */
export function worldDocumentCount(source: string): number | null {
  if (source === 'world') return defaultWorldDocuments;
  if (!source.startsWith('world:')) return null;
  const written = source.slice('world:'.length);
  const count = /^\d+$/.test(written) ? Number(written) : 0;
  if (count < 1 || count > mostWorldDocuments)
    throw new BiphaseError(
      'usage',
      `The source "world:<documents>" needs a whole number from 1 to ${mostWorldDocuments}, not "${written.slice(0, 40)}".`,
    );
  return count;
}
