import fs from 'node:fs';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import { runFiles, wrapperStateSchema } from '../../protocol/runDirectory.ts';

/** What the wrapper wrote for this segment, where there is one. */
export function readWrapperState(runFolder: string): { segment: number; startedAt: number } | null {
  try {
    const state = wrapperStateSchema.parse(
      JSON.parse(fs.readFileSync(path.join(runFolder, runFiles.state), 'utf8')),
    );
    return { segment: state.segment, startedAt: state.startedAt };
  } catch {
    return null;
  }
}

/** Segments that have begun computing: those with a `resolved-<n>.json`. */
export function begunSegments(runFolder: string): number[] {
  return fs
    .readdirSync(runFolder)
    .map((name) => /^resolved-(\d+)\.json$/.exec(name))
    .filter((match) => match !== null)
    .map((match) => Number(match[1]))
    .sort((a, b) => a - b);
}

/** @throws BiphaseError `usage` where the run has begun and nobody asked to go on with it */
export function checkNotBegun(runFolder: string): void {
  if (begunSegments(runFolder).length > 0)
    throw new BiphaseError('usage', `The run in ${runFolder} has begun already.`, {
      next: 'Add --resume to go on.',
    });
}

/** Number after the last segment that has begun computing. */
export function firstFreeSegment(runFolder: string): number {
  return (begunSegments(runFolder).at(-1) ?? -1) + 1;
}

/** Number of the segment that begins now: the wrapper's, or the next free one. */
export function nextSegment(runFolder: string): number {
  return Math.max(firstFreeSegment(runFolder), readWrapperState(runFolder)?.segment ?? 0);
}
