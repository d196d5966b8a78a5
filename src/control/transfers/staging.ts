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
   * @throws BiphaseError `missing` or `refused` where this machine has them not, or others by now
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
    try {
      await this.stage(staged.from, node, transfer, listener, staged.sha256);
    } catch (cause) {
      const { kind, message, next } = toBiphaseError(cause);
      if (kind !== 'missing' && kind !== 'refused') throw cause;
      throw new BiphaseError(kind, `The corpus of this run is gone from ${node.config.name}. ${message}`, {
        next: kind === 'missing' ? 'Resume the run from the machine that has it.' : next,
        cause,
      });
    }
  }

  /** Undefined where nothing needs to be copied: other sources, and this computer, which reads its files in place. */
  async stage(
    source: string,
    node: ManagedNode,
    transfer: string,
    listener: (progress: TransferProgress) => void,
    expected?: string,
  ): Promise<Staged | undefined> {
    const place = absoluteLocalPath(source, os.homedir());
    if (place === undefined || node.config.kind === 'local') return undefined;
    return this.#desk.run(transfer, listener, async ({ signal, tell }) => {
      tell({ doing: `connecting to ${node.config.name}`, done: 0, total: 0 });
      // A large corpus is not read for a node that is not there.
      await node.use();
      return stageCorpus({ source, place }, node, {
        memo: this.#memo,
        desk: this.#desk,
        signal,
        tell,
        expected,
      });
    });
  }
}
