import os from 'node:os';
import { BiphaseError, toBiphaseError } from '../../core/errors.ts';
import { absoluteLocalPath } from '../../core/localPaths.ts';
import { stagedPlace } from '../../core/stagedSource.ts';
import type { TransferProgress } from '../../protocol/controlApi.ts';
import type { Staged } from '../../protocol/runDirectory.ts';
import type { ManagedNode } from '../nodes/managedNode.ts';
import { HashMemo } from './hashMemo.ts';
import { stageCorpus } from './stageCorpus.ts';
import type { TransferDesk } from './transferDesk.ts';

/** Brings the data of launches to their nodes. */
export class Staging {
  readonly #desk: TransferDesk;
  readonly #memo: HashMemo;

  /** `memo`: file of the hashes of what was copied. */
  constructor(desk: TransferDesk, memo: string) {
    this.#desk = desk;
    this.#memo = new HashMemo(memo);
  }

  /**
   * Copies the data of a run again where they are gone from its node.
   * @throws BiphaseError `refused` where this machine has others by now
   */
  async restore(
    staged: Staged,
    node: ManagedNode,
    transfer: string,
    listener: (progress: TransferProgress) => void,
  ): Promise<void> {
    const link = await node.use();
    try {
      await link.call('list', { path: `${link.hello.root}/${stagedPlace(staged.sha256)}` });
      return;
    } catch (thrown) {
      if (toBiphaseError(thrown).kind !== 'missing') throw thrown;
    }
    const now = await this.stage(staged.from, node, transfer, listener);
    if (now && now.sha256 !== staged.sha256)
      throw new BiphaseError(
        'refused',
        `The corpus of this run is gone from ${node.config.name}, and ${staged.from} is another one by now.`,
        { next: 'Restore the corpus, or continue from the checkpoint in a new run.' },
      );
  }

  /** Undefined where nothing needs to be copied: other sources, and this computer, which reads its files in place. */
  async stage(
    source: string,
    node: ManagedNode,
    transfer: string,
    listener: (progress: TransferProgress) => void,
  ): Promise<Staged | undefined> {
    const place = absoluteLocalPath(source, os.homedir());
    if (place === undefined || node.config.kind === 'local') return undefined;
    return this.#desk.run(transfer, listener, async ({ signal, tell }) => {
      tell({ doing: `connecting to ${node.config.name}`, done: 0, total: 0 });
      // A large corpus is not read for a node that is not there.
      await node.use();
      return stageCorpus({ source, place }, node, { memo: this.#memo, desk: this.#desk, signal, tell });
    });
  }
}
