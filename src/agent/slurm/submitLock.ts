import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { scaledMs } from '../../core/clock.ts';
import { BiphaseError } from '../../core/errors.ts';
import { hasCode, readJson } from '../files.ts';
import { lockFile, type NumberedLock, newestNumber, releaseLock, takeLock } from '../numberedLock.ts';
import { livesHere, ownIdentity, type ProcessTable } from '../processTable.ts';
import { submitterSchema } from './submitter.ts';

/** Longer than any submission: another host that holds the lock for longer has died. */
const foreignMs = 180_000;
const patienceMs = 150_000;
const lookMs = 20;

/**
 * Does `work` while no other process submits under this name. Of a holder that was killed the sbatch that it had
 * started is waited for: its job could come after the question for it.
 */
export async function whileSubmitting<T>(
  { folder, name }: { folder: string; name: string },
  table: ProcessTable,
  work: (submitterFile: string) => Promise<T>,
): Promise<T> {
  makeFolder(folder);
  const submitterFile = path.join(folder, `${name}.sbatch.json`);
  const lock: NumberedLock = {
    folder,
    name,
    stillHolds: (holder) => {
      if (holder.host === table.host)
        return livesHere(table, holder, holder) || sbatchLives(submitterFile, table);
      const stat = fs.statSync(lockFile(lock, newestNumber(lock)), { throwIfNoEntry: false });
      return stat !== undefined && Date.now() - stat.mtimeMs < foreignMs;
    },
  };
  const me = { ...ownIdentity(table), host: table.host, bootId: table.bootId };
  const deadline = performance.now() + scaledMs(patienceMs);
  for (;;) {
    const number = takeLock(lock, me);
    if (number !== null) {
      try {
        return await work(submitterFile);
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
