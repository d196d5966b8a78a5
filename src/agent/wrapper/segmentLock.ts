import fs from 'node:fs';
import path from 'node:path';
import { runFiles } from '../../protocol/runDirectory.ts';
import { hasCode } from '../files.ts';
import { lockHolder, type NumberedLock, takeLock } from '../numberedLock.ts';
import { livesHere, ownIdentity, type ProcessTable } from '../processTable.ts';

/** Who may start a segment of a run. */
function segmentLock(runDirectory: string, segment: number, table: ProcessTable): NumberedLock {
  return {
    folder: path.join(runDirectory, runFiles.locks),
    name: `segment-${segment}`,
    // Another host of a shared home cannot be asked: it keeps what it holds.
    stillHolds: (holder) => holder.host !== table.host || livesHere(table, holder, holder),
  };
}

/** Whether somebody who may still start this segment lives. */
export function segmentLockHeld(runDirectory: string, segment: number, table: ProcessTable): boolean {
  return lockHolder(segmentLock(runDirectory, segment, table)) !== null;
}

/** Takes the lock for this process, or returns false because another one has it. */
export function takeSegmentLock(runDirectory: string, segment: number, table: ProcessTable): boolean {
  try {
    fs.mkdirSync(path.join(runDirectory, runFiles.locks), { mode: 0o700 });
  } catch (thrown) {
    if (!hasCode(thrown, 'EEXIST')) throw thrown;
  }
  const me = { ...ownIdentity(table), host: table.host, bootId: table.bootId };
  return takeLock(segmentLock(runDirectory, segment, table), me) !== null;
}
