import type { Job } from './queueFolder.ts';

/** The order in which jobs are offered a slot: higher priority first, then who came earlier. */
export function inOrder<T extends Pick<Job, 'priority' | 'submittedAt' | 'run'>>(jobs: readonly T[]): T[] {
  return jobs.toSorted(
    (a, b) => b.priority - a.priority || a.submittedAt - b.submittedAt || (a.run < b.run ? -1 : 1),
  );
}
