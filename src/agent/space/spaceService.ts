import { BiphaseError } from '../../core/errors.ts';
import type { DiskUse, SpaceItem } from '../../protocol/diskSpace.ts';
import type { NodeRoot } from '../nodeRoot.ts';
import type { ProcessTable } from '../processTable.ts';
import type { JobWatch } from '../slurm/jobWatch.ts';
import { cleanStages } from './cleanStages.ts';
import { measureRoot } from './diskUse.ts';
import { type Freed, freeSpace } from './freeSpace.ts';
import { askForJobs } from './liveReport.ts';
import { removeRoot } from './removeRoot.ts';

/** What an agent is asked about the space under its root. */
export class SpaceService {
  readonly #root: NodeRoot;
  readonly #table: ProcessTable;
  readonly #ownBundle: string;
  readonly #jobs: JobWatch;
  readonly #runChanged: (run: string) => void;
  /** Measurements under way, by who asked. */
  readonly #measuring = new Map<string, AbortController>();
  #removing = false;

  /** `runChanged`: a run has lost checkpoints, or is gone. */
  constructor(
    root: NodeRoot,
    table: ProcessTable,
    ownBundle: string,
    jobs: JobWatch,
    runChanged: (run: string) => void,
  ) {
    this.#root = root;
    this.#table = table;
    this.#ownBundle = ownBundle;
    this.#jobs = jobs;
    this.#runChanged = runChanged;
  }

  /** @throws BiphaseError `cancelled` after `interrupt` with the same `ask` */
  async diskUse(ask: string): Promise<DiskUse> {
    const abort = new AbortController();
    this.#measuring.set(ask, abort);
    try {
      await askForJobs(this.#root, this.#jobs);
      return await measureRoot(this.#root, {
        table: this.#table,
        jobs: this.#jobs,
        ownBundle: this.#ownBundle,
        signal: abort.signal,
      });
    } finally {
      if (this.#measuring.get(ask) === abort) this.#measuring.delete(ask);
    }
  }

  interrupt(ask: string): void {
    this.#measuring.get(ask)?.abort(new BiphaseError('cancelled', 'Measuring was cancelled.'));
  }

  async free(items: readonly SpaceItem[]): Promise<Freed[]> {
    await askForJobs(this.#root, this.#jobs);
    const freed = await freeSpace(this.#root, items, {
      table: this.#table,
      jobs: this.#jobs,
      ownBundle: this.#ownBundle,
      taken: (item) => {
        if ('run' in item) this.#runChanged(item.run);
      },
    });
    // Nobody asked for these: whoever cannot delete them has freed what was asked for.
    await cleanStages(this.#root).catch((thrown) => void process.stderr.write(`Old copies: ${thrown}\n`));
    return freed;
  }

  /** Answers with the names that stay. From then on every call is refused: it would make folders again. */
  async removeRoot(rootId: string): Promise<string[]> {
    this.#removing = true;
    try {
      await askForJobs(this.#root, this.#jobs);
      return await removeRoot(this.#root, rootId, this.#table, this.#jobs);
    } catch (thrown) {
      this.#removing = false;
      throw thrown;
    }
  }

  /** @throws BiphaseError `unreachable` while the root is removed, and after */
  refuseRemoved(): void {
    if (this.#removing)
      throw new BiphaseError(
        'unreachable',
        `${this.#root.path} is being deleted; nothing is served from it.`,
      );
  }

  /** Nobody waits for answers any more. */
  close(): void {
    for (const ask of this.#measuring.keys()) this.interrupt(ask);
  }
}
