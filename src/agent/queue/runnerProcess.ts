import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
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
  if (queue.runsIn('withdrawn').length > 0 || queue.runsIn('starting').length > 0) return true;
  return queue.hold === null && (queue.runsIn('waiting').length > 0 || queue.runsIn('changing').length > 0);
}

/** Starts the process that works off this host's queue where there is work and none lives. It outlives whoever asks. */
export function ensureRunner(root: NodeRoot, table: ProcessTable, program: Program): void {
  const queue = new QueueFolder(root.queues, table.host);
  if (!hasWork(queue) || new RunnerLock(queue, table).held) return;
  const logFile = path.join(queue.path, 'runner.log');
  if ((fs.statSync(logFile, { throwIfNoEntry: false })?.size ?? 0) > longestLogBytes) fs.rmSync(logFile);
  const log = openToAppend(logFile);
  try {
    const [command, ...words] = [...ownDetachment(), process.execPath];
    const runner = spawn(command!, [...words, program.main, 'queue', '--root', root.path], {
      cwd: os.homedir(),
      detached: true,
      stdio: ['ignore', log, log],
    });
    // A runner that cannot be started is tried again with the next change, or when an agent looks.
    runner.on('error', (error) =>
      process.stderr.write(`The queue's runner did not start: ${error.message}\n`),
    );
    runner.unref();
  } finally {
    fs.closeSync(log);
  }
}
