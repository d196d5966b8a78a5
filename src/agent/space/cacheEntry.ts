import { cacheEntrySchema } from '../../protocol/diskSpace.ts';

/** What makers name what is not complete: beside its place, and renamed when it is. */
const unfinished = /\.(making|tmp|part)$/;

/** Whether `<folder>/<name>` below the cache is something complete, which can be made again. */
export function isCacheEntry(entry: string): boolean {
  return cacheEntrySchema.safeParse(entry).success && !unfinished.test(entry);
}
