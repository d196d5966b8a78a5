import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { toBiphaseError } from '../../core/errors.ts';
import { ownDetachment } from '../detachment.ts';
import { openToAppend } from '../files.ts';
import type { NodeRoot } from '../nodeRoot.ts';
import type { Program } from '../ownBundle.ts';
import type { ProcessTable } from '../processTable.ts';
import { QueueFolder } from './queueFolder.ts';
import { RunnerLock } from './runnerLock.ts';

const longestLogBytes = 1 << 20;

/** Whether there is something that a runner would do now. */
export function hasWork(queue: QueueFolder): boolean {
  return queue.runsIn('withdrawn').length > 0 || queue.runsIn('starting').length > 0 || hasWaiting(queue);
}

/** Whether a run waits that may start. */
export function hasWaiting(queue: QueueFolder): boolean {
  return queue.hold === null && (queue.runsIn('waiting').length > 0 || queue.runsIn('changing').length > 0);
}

/** Runners that this process has started and that have not taken the lock yet: its turn then, by the queue's folder. */
const coming = new Map<string, number>();

/** Starts the process that works off this host's queue where there is work and none lives. It outlives whoever asks. */
export function ensureRunner(root: NodeRoot, table: ProcessTable, program: Program): void {
  const queue = new QueueFolder(root.queues, table.host);
  const lock = new RunnerLock(queue, table);
  if (!hasWork(queue) || lock.held) return;
  // One that has not begun to look sees all that is there now: a batch starts one runner, not one a run.
  const { turn } = lock;
  if (coming.get(queue.path) === turn) return;
  coming.set(queue.path, turn);
  const log = openLog(path.join(queue.path, 'runner.log'));
  try {
    const [command, ...words] = [...ownDetachment(), process.execPath];
    const runner = spawn(command!, [...words, program.main, 'queue', '--root', root.path], {
      cwd: os.homedir(),
      detached: true,
      stdio: ['ignore', log, log],
    });
    runner.on('exit', () => coming.delete(queue.path));
    // A runner that cannot be started is tried again with the next change, or when an agent looks.
    runner.on('error', (error) => {
      coming.delete(queue.path);
      process.stderr.write(`The queue's runner did not start: ${error.message}\n`);
    });
    runner.unref();
  } finally {
    if (log !== 'ignore') fs.closeSync(log);
  }
}

/** A place that takes no log, as on a full disk, does not keep runs from starting. */
function openLog(file: string): number | 'ignore' {
  try {
    if ((fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0) > longestLogBytes) fs.rmSync(file);
    return openToAppend(file);
  } catch (thrown) {
    process.stderr.write(`The queue's runner has no log: ${toBiphaseError(thrown).message}\n`);
    return 'ignore';
  }
}
