import fs from 'node:fs';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import { makeFolder } from '../../core/makeFolder.ts';
import { isRunId } from '../../protocol/runDirectory.ts';
import { hasCode, namesIn } from '../files.ts';

export type MoveOutcome = 'arrived' | 'refused';

/** Nobody repeats a launch that is older than a connection: marks that are settled for so long are of no use. */
const settledMs = 7 * 24 * 3_600_000;
const settledEnd = '.settled';

/**
 * Which moves have brought their run to this root, and which never will. Of each move one outcome is decided, by who first
 * makes the entry of its name: a folder is an arrival, an empty file a refusal. A refusal so takes no space: a full disk
 * can still send a run back. Hosts that share a root share its marks.
 */
export class MoveMarks {
  readonly #folder: string;

  constructor(queues: string) {
    this.#folder = path.join(queues, 'moves');
  }

  outcome(run: string, move: string): MoveOutcome | null {
    const found = [this.#mark(run, move), `${this.#mark(run, move)}${settledEnd}`].flatMap(
      (place) => fs.lstatSync(place, { throwIfNoEntry: false }) ?? [],
    )[0];
    if (!found) return null;
    return found.isDirectory() ? 'arrived' : 'refused';
  }

  /** Decides that the run has arrived, unless it was decided before. */
  arrive(run: string, move: string): MoveOutcome {
    return this.#decide(run, move, 'arrived', (place) => fs.mkdirSync(place, { mode: 0o700 }));
  }

  /** Decides that the run will not arrive by this move, unless it was decided before. */
  refuse(run: string, move: string): MoveOutcome {
    return this.#decide(run, move, 'refused', (place) => fs.closeSync(fs.openSync(place, 'wx', 0o600)));
  }

  /** Its run is in one place only: the mark is kept for what may still be under way, then it goes. */
  settle(run: string, move: string): void {
    const mark = this.#mark(run, move);
    try {
      fs.renameSync(mark, `${mark}${settledEnd}`);
    } catch (thrown) {
      if (!hasCode(thrown, 'ENOENT')) throw thrown;
    }
  }

  clean(now = Date.now()): void {
    for (const name of namesIn(this.#folder)) {
      const place = path.join(this.#folder, name);
      const found = name.endsWith(settledEnd) ? fs.lstatSync(place, { throwIfNoEntry: false }) : undefined;
      if (found && found.ctimeMs < now - settledMs) fs.rmSync(place, { recursive: true, force: true });
    }
  }

  #decide(run: string, move: string, outcome: MoveOutcome, make: (place: string) => void): MoveOutcome {
    const before = this.outcome(run, move);
    if (before) return before;
    makeFolder(this.#folder);
    try {
      make(this.#mark(run, move));
      return outcome;
    } catch (thrown) {
      if (!hasCode(thrown, 'EEXIST', 'EISDIR')) throw thrown;
      return this.#decide(run, move, outcome, make);
    }
  }

  #mark(run: string, move: string): string {
    if (!isRunId(run)) throw new BiphaseError('refused', `"${run}" is not a run id.`);
    return path.join(this.#folder, `${run}.${move}`);
  }
}
