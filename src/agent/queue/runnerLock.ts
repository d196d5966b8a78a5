import { writeByRename } from '../files.ts';
import { livesHere, ownIdentity, type ProcessTable } from '../processTable.ts';
import { RollingLock } from '../rollingLock.ts';
import type { QueueFolder } from './queueFolder.ts';

/** The one process that starts jobs of a host's queue. */
export class RunnerLock {
  readonly #lock: RollingLock;
  readonly #table: ProcessTable;

  constructor(queue: QueueFolder, table: ProcessTable) {
    this.#table = table;
    this.#lock = new RollingLock(queue.path, 'runner', (holder) => livesHere(table, holder, holder));
  }

  get held(): boolean {
    return this.#lock.holder() !== null;
  }

  /** Another number each time that somebody has taken it. */
  get turn(): number {
    return this.#lock.turn;
  }

  /** Answers with what gives it back, or null: another process has it. */
  take(): (() => void) | null {
    const { host, bootId } = this.#table;
    const me = { ...ownIdentity(this.#table), host, bootId };
    const file = this.#lock.take(me);
    if (file === null) return null;
    // No process has this number: the lock is as one of a process that has died.
    return () => writeByRename(file, `${JSON.stringify({ ...me, pid: 0, startTime: 'given back' })}\n`);
  }
}
