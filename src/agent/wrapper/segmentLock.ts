import fs from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { runFiles } from '../../protocol/runDirectory.ts';
import { createWhole, hasCode, readJson } from '../files.ts';
import { livesHere, ownIdentity, type ProcessTable } from '../processTable.ts';

/**
 * Who may start a segment: the holder named in the file with the highest number. A dead holder is followed by the next
 * number, which only one process can create; so there is no moment in which two hold the lock, and nothing is removed.
 */
const holderSchema = z.looseObject({
  pid: z.number().int(),
  startTime: z.string(),
  host: z.string(),
  bootId: z.string(),
});

/** A lock file whose content is not there yet counts as held for so long. */
const fillGraceMs = 10_000;

function lockFile(runDirectory: string, segment: number, number: number): string {
  return path.join(runDirectory, runFiles.locks, `segment-${segment}.${number}.json`);
}

/** Number of the newest lock file of a segment, −1 where there is none. Asks by name: a listing may be stale on NFS. */
function newest(runDirectory: string, segment: number): number {
  let number = 0;
  while (fs.existsSync(lockFile(runDirectory, segment, number))) number++;
  return number - 1;
}

function holderLives(file: string, table: ProcessTable): boolean {
  const holder = readJson(file, holderSchema);
  if (!holder) {
    const stat = fs.statSync(file, { throwIfNoEntry: false });
    return stat !== undefined && Date.now() - stat.mtimeMs < fillGraceMs;
  }
  // Another host of a shared home cannot be asked: it keeps what it holds.
  return holder.host !== table.host || livesHere(table, holder, holder);
}

/** Whether somebody who may still start this segment lives. */
export function segmentLockHeld(runDirectory: string, segment: number, table: ProcessTable): boolean {
  const number = newest(runDirectory, segment);
  return number >= 0 && holderLives(lockFile(runDirectory, segment, number), table);
}

/** Takes the lock for this process, or returns false because another one has it. */
export function takeSegmentLock(runDirectory: string, segment: number, table: ProcessTable): boolean {
  try {
    fs.mkdirSync(path.join(runDirectory, runFiles.locks), { mode: 0o700 });
  } catch (thrown) {
    if (!hasCode(thrown, 'EEXIST')) throw thrown;
  }
  const me = JSON.stringify({ ...ownIdentity(table), host: table.host, bootId: table.bootId });
  for (;;) {
    const number = newest(runDirectory, segment);
    if (number >= 0 && holderLives(lockFile(runDirectory, segment, number), table)) return false;
    if (createWhole(lockFile(runDirectory, segment, number + 1), `${me}\n`)) return true;
  }
}
