import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { scaledMs } from '../../core/clock.ts';
import { BiphaseError } from '../../core/errors.ts';
import { runFiles } from '../../protocol/runDirectory.ts';
import { hasCode, readJson } from '../files.ts';
import {
  lockFile,
  lockHolder,
  type NumberedLock,
  newestNumber,
  releaseLock,
  takeLock,
} from '../numberedLock.ts';
import { livesHere, ownIdentity, type ProcessTable } from '../processTable.ts';
import { submitterSchema } from './submitter.ts';

/** Longer than any submission: another host that holds the lock for longer has died. */
const foreignMs = 180_000;
const patienceMs = 150_000;
const lookMs = 20;

/** Where the lock of a run's segment is. */
export function submitPlace(runDirectory: string, segment: number): { folder: string; name: string } {
  return { folder: path.join(runDirectory, runFiles.locks), name: `submit-${segment}` };
}

/** Whether another process submits a run's segment now. */
export function isSubmitting(runDirectory: string, segment: number, table: ProcessTable): boolean {
  return lockHolder(submitLock(submitPlace(runDirectory, segment), table)) !== null;
}

/**
 * Does `work` while no other process submits under this name. Of a holder that was killed the sbatch that it had
 * started is waited for: its job could come after the question for it.
 */
export async function whileSubmitting<T>(
  place: { folder: string; name: string },
  table: ProcessTable,
  work: (submitterFile: string) => Promise<T>,
): Promise<T> {
  makeFolder(place.folder);
  const lock = submitLock(place, table);
  const me = { ...ownIdentity(table), host: table.host, bootId: table.bootId };
  const deadline = performance.now() + scaledMs(patienceMs);
  for (;;) {
    const number = takeLock(lock, me);
    if (number !== null) {
      try {
        return await work(submitterOf(place));
      } finally {
        releaseLock(lock, number, me);
      }
    }
    if (performance.now() > deadline)
      throw new BiphaseError(
        'unreachable',
        'Another process is submitting this to Slurm and does not come to an end.',
        {
          next: 'Look at its state before you try again.',
        },
      );
    await sleep(lookMs);
  }
}

function submitLock({ folder, name }: { folder: string; name: string }, table: ProcessTable): NumberedLock {
  const lock: NumberedLock = {
    folder,
    name,
    stillHolds: (holder) => {
      if (holder.host === table.host)
        return livesHere(table, holder, holder) || sbatchLives(submitterOf({ folder, name }), table);
      const stat = fs.statSync(lockFile(lock, newestNumber(lock)), { throwIfNoEntry: false });
      return stat !== undefined && Date.now() - stat.mtimeMs < foreignMs;
    },
  };
  return lock;
}

/** Names the sbatch that the lock's holder has started. */
function submitterOf({ folder, name }: { folder: string; name: string }): string {
  return path.join(folder, `${name}.sbatch.json`);
}

function sbatchLives(file: string, table: ProcessTable): boolean {
  const sbatch = readJson(file, submitterSchema);
  return sbatch !== null && livesHere(table, sbatch, sbatch);
}

function makeFolder(folder: string): void {
  try {
    fs.mkdirSync(folder, { mode: 0o700 });
  } catch (thrown) {
    if (!hasCode(thrown, 'EEXIST')) throw thrown;
  }
}
