import { BiphaseError } from './errors.ts';
import { editDistance } from './unknownKeys.ts';

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
  if (!source.startsWith('world:')) {
    if (/^\w+$/.test(source) && editDistance(source, 'world') === 1)
      throw new BiphaseError('usage', `There is no source "${source}". Did you mean "world"?`, {
        next: `A folder of that name is "./${source}".`,
      });
    return null;
  }
  const written = source.slice('world:'.length);
  const count = /^\d+$/.test(written) ? Number(written) : 0;
  if (count < 1 || count > mostWorldDocuments)
    throw new BiphaseError(
      'usage',
      `The source "world:<documents>" needs a whole number from 1 to ${mostWorldDocuments}, not "${written.slice(0, 40)}".`,
    );
  return count;
}
