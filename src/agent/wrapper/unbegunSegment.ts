import path from 'node:path';
import {
  type Exit,
  exitCodes,
  exitSchema,
  runFiles,
  wrapperStateSchema,
} from '../../protocol/runDirectory.ts';
import { readJson, writeByRename } from '../files.ts';
import type { ProcessTable } from '../processTable.ts';
import { newestSegment } from './newestSegment.ts';
import { holdSegment } from './segmentLock.ts';

/** Whether a person stopped a run before anything of it was started. */
export function isStoppedUnbegun(directory: string): boolean {
  const { state, exit } = runFiles;
  return (
    readJson(path.join(directory, state), wrapperStateSchema) === null &&
    readJson(path.join(directory, exit), exitSchema)?.code === exitCodes.stopped
  );
}

/** Records the end of the next segment, for which no wrapper was started. False where somebody is starting it. */
export function recordUnbegun(
  directory: string,
  table: ProcessTable,
  how: Partial<Pick<Exit, 'code' | 'error'>>,
): boolean {
  const segment = newestSegment(directory) + 1;
  const release = holdSegment(directory, segment, table);
  if (!release) return false;
  try {
    // Asked again under the lock: somebody may have started it in between.
    if (newestSegment(directory) >= segment) return false;
    const exit: Exit = { schema: 1, segment, code: null, signal: null, endedAt: Date.now() / 1000, ...how };
    writeByRename(path.join(directory, runFiles.exit), `${JSON.stringify(exit)}\n`);
    return true;
  } finally {
    release();
  }
}
