import fs from 'node:fs';
import path from 'node:path';
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

/** Number of the segment that begins now: the wrapper's, or the next free one. */
export function nextSegment(runFolder: string): number {
  const begun = begunSegments(runFolder);
  const next = begun.length === 0 ? 0 : begun[begun.length - 1] + 1;
  return Math.max(next, readWrapperState(runFolder)?.segment ?? 0);
}
