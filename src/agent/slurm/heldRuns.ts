import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { makeFolder } from '../../core/makeFolder.ts';
import { isRunId } from '../../protocol/runDirectory.ts';
import { hasCode, namesIn } from '../files.ts';
import type { NodeRoot } from '../nodeRoot.ts';

/**
 * Runs whose jobs Slurm holds until other runs have finished: `<root>/queue/held/<run>/` has an empty file for each run
 * that is waited for. What changes is one file's removal: nobody needs a lock. Slurm's own dependencies name jobs, and a
 * run is as many jobs as it needs.
 */
export class HeldRuns {
  readonly #folder: string;

  constructor(root: NodeRoot) {
    this.#folder = path.join(root.queues, 'held');
  }

  list(): string[] {
    return namesIn(this.#folder).filter(isRunId);
  }

  /** The runs that it waits for, in order; empty: its job may go. Null: it is not held. */
  waitsFor(run: string): string[] | null {
    if (!fs.existsSync(this.#place(run))) return null;
    return namesIn(this.#place(run)).filter(isRunId).sort();
  }

  /** Before its job is submitted. Where it is held already, it stays as it is. */
  hold(run: string, after: readonly string[]): void {
    makeFolder(this.#folder);
    const made = path.join(this.#folder, `.${run}-${randomBytes(4).toString('hex')}.tmp`);
    fs.mkdirSync(made, { mode: 0o700 });
    try {
      for (const other of after) fs.writeFileSync(path.join(made, other), '', { mode: 0o600 });
      fs.renameSync(made, this.#place(run));
    } catch (thrown) {
      fs.rmSync(made, { recursive: true, force: true });
      if (!hasCode(thrown, 'ENOTEMPTY', 'EEXIST')) throw thrown;
    }
  }

  /** It need not wait for these any more. */
  strike(run: string, others: readonly string[]): void {
    for (const other of others.filter(isRunId))
      fs.rmSync(path.join(this.#place(run), other), { force: true });
  }

  /** Nothing holds it any more, or it is gone. */
  forget(run: string): void {
    fs.rmSync(this.#place(run), { recursive: true, force: true });
  }

  #place(run: string): string {
    return path.join(this.#folder, run);
  }
}
