import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import {
  type Exit,
  exitSchema,
  runFiles,
  type WrapperState,
  wrapperStateSchema,
} from '../../protocol/runDirectory.ts';
import { readJson, writeByRename } from '../files.ts';
import { livesHere, ownIdentity, type ProcessTable } from '../processTable.ts';
import { withdrawRequests } from '../requests.ts';
import { ExitRecord } from './exitRecord.ts';
import { newestSegment } from './newestSegment.ts';
import { segmentLockHeld, takeSegmentLock } from './segmentLock.ts';

export interface ForegroundOptions {
  runDirectory: string;
  /** The first segment number that the trainer's own files leave free. */
  firstFree: number;
  /** Hash of the bundle that trains. */
  bundle: string;
  table: ProcessTable;
}

/**
 * A segment that somebody trains in the foreground: the trainer is its own wrapper, and writes state.json and exit.json
 * under the lock of the segment as a wrapper does, so that every node sees the same states and nobody starts it twice.
 */
export class ForegroundSegment {
  readonly segment: number;
  readonly #record: ExitRecord;

  /** @throws BiphaseError `refused` where another process writes the run, or may do so */
  constructor({ runDirectory, firstFree, bundle, table }: ForegroundOptions) {
    refuseActive(runDirectory, table);
    this.segment = Math.max(newestSegment(runDirectory) + 1, firstFree);
    // The newest segment is asked for again under the lock: a holder that is dead by now may have started it.
    if (!takeSegmentLock(runDirectory, this.segment, table) || newestSegment(runDirectory) >= this.segment)
      throw new BiphaseError('refused', `Another process is starting the run in ${runDirectory}.`, {
        next: 'Wait for its end, or stop it.',
      });
    this.#record = new ExitRecord(runDirectory);
    if (this.segment > 0) withdrawRequests(runDirectory, this.segment);
    const me = ownIdentity(table);
    const state: WrapperState = {
      schema: 1,
      segment: this.segment,
      host: table.host,
      bootId: table.bootId,
      wrapper: me,
      trainer: me,
      bundle,
      startedAt: Date.now() / 1000,
    };
    writeByRename(path.join(runDirectory, runFiles.state), `${JSON.stringify(state)}\n`);
  }

  /** Records how the segment ended. */
  async end(how: Pick<Exit, 'code' | 'signal' | 'error'>): Promise<void> {
    await this.#record.write({ schema: 1, segment: this.segment, ...how, endedAt: Date.now() / 1000 });
  }
}

/** A segment without an exit record whose processes live keeps the run for itself. */
function refuseActive(runDirectory: string, table: ProcessTable): void {
  const state = readJson(path.join(runDirectory, runFiles.state), wrapperStateSchema);
  if (!state) return;
  const exit = readJson(path.join(runDirectory, runFiles.exit), exitSchema);
  if (exit && exit.segment >= state.segment) return;
  if (state.host !== table.host)
    throw new BiphaseError(
      'refused',
      `The run in ${runDirectory} was started on ${state.host}; ${table.host} cannot see whether it still runs.`,
      { next: `Resume it on ${state.host}.` },
    );
  // A wrapper may have died before its trainer.
  if (
    livesHere(table, state, state.trainer) ||
    livesHere(table, state, state.wrapper) ||
    segmentLockHeld(runDirectory, state.segment, table)
  )
    throw new BiphaseError(
      'refused',
      `The run in ${runDirectory} is running as process ${state.trainer.pid}.`,
      {
        next: 'Wait for its end, or stop it.',
      },
    );
}
