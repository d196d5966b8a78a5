import path from 'node:path';
import { type Exit, runFiles } from '../../protocol/runDirectory.ts';
import { writeByRename } from '../files.ts';
import type { ProcessTable } from '../processTable.ts';
import { newestSegment } from './newestSegment.ts';
import { takeSegmentLock } from './segmentLock.ts';

/** Records the end of the next segment, for which no wrapper was started. Nothing where somebody is starting it. */
export function recordUnbegun(
  directory: string,
  table: ProcessTable,
  how: Partial<Pick<Exit, 'code' | 'error'>>,
): void {
  const segment = newestSegment(directory) + 1;
  if (!takeSegmentLock(directory, segment, table)) return;
  const exit: Exit = { schema: 1, segment, code: null, signal: null, endedAt: Date.now() / 1000, ...how };
  writeByRename(path.join(directory, runFiles.exit), `${JSON.stringify(exit)}\n`);
}
