import fs from 'node:fs';
import path from 'node:path';
import { runFiles } from '../../protocol/runDirectory.ts';
import { hasCode } from '../files.ts';
import { lockHolder, type NumberedLock, releaseLock, takeLock } from '../numberedLock.ts';
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

/** Segments whose lock somebody holds who lives. */
export function heldSegments(runDirectory: string, table: ProcessTable): number[] {
  const segments = new Set<number>();
  for (const name of lockNames(path.join(runDirectory, runFiles.locks))) {
    const match = /^segment-(\d{1,9})\.\d+\.json$/.exec(name);
    if (match) segments.add(Number(match[1]));
  }
  return [...segments].filter((segment) => segmentLockHeld(runDirectory, segment, table));
}

function lockNames(locks: string): string[] {
  try {
    return fs.readdirSync(locks);
  } catch (thrown) {
    if (hasCode(thrown, 'ENOENT', 'ENOTDIR')) return [];
    throw thrown;
  }
}

/** Takes the lock for this process, or returns false because another one has it. */
export function takeSegmentLock(runDirectory: string, segment: number, table: ProcessTable): boolean {
  return holdSegment(runDirectory, segment, table) !== null;
}

/** Takes the lock for this process until the answer is called; null because another one has it. */
export function holdSegment(runDirectory: string, segment: number, table: ProcessTable): (() => void) | null {
  try {
    fs.mkdirSync(path.join(runDirectory, runFiles.locks), { mode: 0o700 });
  } catch (thrown) {
    if (!hasCode(thrown, 'EEXIST')) throw thrown;
  }
  const lock = segmentLock(runDirectory, segment, table);
  const me = { ...ownIdentity(table), host: table.host, bootId: table.bootId };
  const number = takeLock(lock, me);
  return number === null ? null : () => releaseLock(lock, number, me);
}
